"""Films with everything beside the picture, made with libav itself, for what goes along with an encode."""

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import SubtitleSet

MS = Fraction(1, 1000)
ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+
PlayResX: 640
PlayResY: 360

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, \
Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, \
MarginV, Encoding
Style: Default,Arial,24,&H00FFFFFF,&H000000FF,&H00000000,&H00000000,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
LINES = ((100, 700, "Gr\u00fc\u00dfe"), (400, 900, "{\\b1}bold{\\b0}"), (1200, 1500, "last"))
"""(begin, end, text) in ms; the first two overlap."""


def picture(codec: str = "mjpeg", size: int = 32) -> bytes:
    """One small picture as a file."""
    context = av.CodecContext.create(codec, "w")
    context.width = context.height = size
    context.pix_fmt, context.time_base = "yuvj420p" if codec == "mjpeg" else "rgb24", Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(np.full((size, size, 3), 90, np.uint8), "rgb24").reformat(format=context.pix_fmt)
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


class Film:
    """Writes a film of two seconds; add streams, then `write` it."""

    def __init__(self, path: Path, **tags: str) -> None:
        self.container = av.open(str(path), "w", container_options={"avoid_negative_ts": "disabled"})
        self.path = path
        self.container.metadata.update(tags)
        self._packets: list[av.Packet] = []
        self.videos = [self._video()]

    def _video(self, size: tuple[int, int] = (64, 48)) -> av.VideoStream:
        webm = self.path.suffix == ".webm"
        options = {"deadline": "realtime", "cpu-used": "8"} if webm else {"preset": "ultrafast"}
        stream = self.container.add_stream("libvpx-vp9" if webm else "libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        return stream

    def more_video(self, size: tuple[int, int] = (32, 32)) -> av.VideoStream:
        stream = self._video(size)
        self.videos.append(stream)
        return stream

    def sound(self, codec: str = "aac", *, begin_s: float = 0.0, layout: str = "mono", seed: int = 0) -> av.AudioStream:
        stream = self.container.add_stream(codec, rate=48000, layout=layout)
        noise = np.random.default_rng(seed).normal(0, 0.1, (stream.layout.nb_channels, 96_000)).astype(np.float32)
        self._sounds = [*getattr(self, "_sounds", []), (stream, noise, round(begin_s * 48000))]
        return stream

    def text(self, codec: str, lines: tuple[tuple[int, int, str], ...] = LINES) -> SubtitleStream:
        stream = self.container.add_stream(codec)
        stream.codec_context.subtitle_header = ASS_HEADER
        stream.codec_context.time_base = stream.time_base = MS
        self._texts = [*getattr(self, "_texts", []), (stream, lines)]
        return stream

    def cover(self) -> None:
        data = picture()
        if self.path.suffix == ".mkv":
            self.container.add_attachment("cover.jpg", "image/jpeg", data)
            return
        stream = self.container.add_mux_stream("mjpeg", width=32, height=32)
        stream.disposition, stream.time_base = av.stream.Disposition.attached_pic, Fraction(1, 90000)
        packet = av.Packet(data)
        packet.pts = packet.dts = 0
        packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 90000), stream, True
        self._packets.append(packet)

    def chapters(self, *titles: str) -> None:
        each = 2000 // len(titles)
        self.container.set_chapters([
            {"id": n, "start": n * each, "end": (n + 1) * each, "time_base": MS, "metadata": {"title": title}}
            for n, title in enumerate(titles)
        ])  # fmt: skip

    def write(self) -> Path:
        for stream in self.videos:
            for number in range(50):
                frame = av.VideoFrame(stream.width, stream.height, "yuv420p")
                for plane in frame.planes:
                    np.frombuffer(plane, np.uint8)[:] = 60 + number
                frame.pts, frame.time_base = number, Fraction(1, 25)
                self._packets += stream.encode(frame)
            self._packets += stream.encode(None)
        for stream, noise, begin in getattr(self, "_sounds", []):
            for at in range(0, noise.shape[1], 960):
                block = np.ascontiguousarray(noise[:, at : at + 960])
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=stream.layout.name)
                frame.sample_rate, frame.pts, frame.time_base = 48000, begin + at, Fraction(1, 48000)
                self._packets += stream.encode(frame)
            self._packets += stream.encode(None)
        for stream, lines in getattr(self, "_texts", []):
            for begin, end, words in lines:
                event = f"0,0,Default,,0,0,0,,{words}".encode()
                packet = stream.codec_context.encode_subtitle(SubtitleSet.create(event, 0, end - begin))
                packet.pts = packet.dts = begin
                packet.duration, packet.time_base, packet.stream = end - begin, MS, stream
                packet.is_keyframe = True
                self._packets.append(packet)
        for packet in sorted(self._packets, key=lambda one: one.dts * one.time_base):
            self.container.mux_one(packet)
        self.container.close()
        return self.path


def samples(path: Path, track: int = 0) -> tuple[np.ndarray, Fraction]:
    """((channels, n) samples from time zero on, the time of the first) of an audio track as decoders give it."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=track))
    begin = frames[0].pts * frames[0].time_base
    whole = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
    if begin < 0:
        skip = round(-begin * frames[0].sample_rate)
        return whole[:, skip:], Fraction(0)
    return whole, Fraction(begin)


def texts(path: Path, track: int = 0) -> list[tuple[int, int, str]]:
    """(begin, end, text without styling) in ms of a text subtitle track."""
    found = []
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[track]
        for packet in container.demux(stream):
            if packet.size == 0 or (stream.codec_context.name == "mov_text" and packet.size <= 2):
                continue
            words = b"\n".join(rect.dialogue for rect in stream.codec_context.decode2(packet)).decode()
            words = re.sub(r"\{[^}]*\}", "", words)  # ASS's words for styling
            unit = packet.time_base * 1000
            begin = round(packet.pts * unit)
            found.append((begin, begin + round(packet.duration * unit), words))
    return found
