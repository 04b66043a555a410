"""What the encode tests share: small clips made with libav itself, and what a file holds."""

import hashlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from rtsr.cli import main

QUICK = ["-y", "-preset", "ultrafast", "--progress", "none"]


def encode(source: str | Path, output: Path, *options: str) -> int:
    return main(["encode", str(source), str(output), *QUICK, *options])


def shown_s(path: str | Path) -> list[Fraction]:
    """When each frame of the first video stream is shown."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def sums(path: str | Path, kind: str) -> list[list[tuple[float, str]]]:
    """(time, md5) of every packet, for each stream of a kind."""
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        found: dict[int, list[tuple[float, str]]] = {stream.index: [] for stream in streams}
        for packet in container.demux(streams) if streams else ():
            if packet.size:
                time_s = round(float((packet.pts or 0) * packet.time_base), 3)
                found[packet.stream.index].append((time_s, hashlib.md5(bytes(packet)).hexdigest()))
    return list(found.values())


def described(path: str | Path) -> dict[str, object]:
    """What must not change, of the first video stream."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        context = stream.codec_context
        return {
            "matrix": int(context.colorspace),
            "transfer": int(context.color_trc),
            "primaries": int(context.color_primaries),
            "range": 2 if context.pix_fmt == "yuvj420p" else int(context.color_range),
            "sar": stream.sample_aspect_ratio or Fraction(1),
            "rotation": frame.rotation,
            "language": stream.metadata.get("language"),
            "default": int(stream.disposition) & 1,
        }


def made(path: Path, *, size: tuple[int, int] = (64, 48), frames: int = 5, **how: object) -> Path:
    """A small clip of one colour, made with libav itself."""
    levels = how.get("levels", (120, 100, 140))
    with av.open(str(path), "w") as container:
        stream = container.add_stream(how.get("codec", "libx264"), rate=25, options=how.get("options") or {})
        stream.width, stream.height, stream.pix_fmt = *size, how.get("pix_fmt", "yuv420p")
        for number in range(frames):
            picture = av.VideoFrame(*size, stream.pix_fmt)
            for plane, level in zip(picture.planes, levels, strict=False):
                np.frombuffer(plane, np.uint8)[:] = level
            picture.pts, picture.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path
