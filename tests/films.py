"""Small films that move, made with libav itself: what the tests of time and of cuts read."""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from rtsr.frame import Frame
from rtsr.sources import open_source
from rtsr.stages import Source

Paint = Callable[[int], np.ndarray]


def waves(size: tuple[int, int]) -> Paint:
    """(H, W) uint8 for each frame number: texture that moves, so that frames refer to each other."""
    width, height = size
    rows, columns = np.mgrid[:height, :width]
    rng = np.random.default_rng(5)
    grain = rng.integers(0, 40, (height, 2 * width))

    def paint(number: int) -> np.ndarray:
        shift = 3 * number % width
        smooth = 90 + 50 * np.sin((columns + 2 * number) / 7) * np.cos((rows - number) / 5)
        return (smooth + grain[:, shift : shift + width]).astype(np.uint8)

    return paint


def smooth(size: tuple[int, int]) -> Paint:
    """As `waves`, without what is finer than rows: fields that differ are motion."""
    width, height = size
    rows, columns = np.mgrid[:height, :width]

    def paint(number: int) -> np.ndarray:
        return (120 + 70 * np.sin((columns + 2 * number) / 9) * np.cos((rows - number) / 11)).astype(np.uint8)

    return paint


def film(
    path: Path,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    *,
    times: Iterable[int] = range(60),
    time_base: Fraction = Fraction(1, 25),
    size: tuple[int, int] = (64, 48),
    paint: Paint | None = None,
    muxer: dict[str, str] | None = None,
    sar: Fraction | None = None,
    matrix: tuple[int, ...] | None = None,
) -> Path:
    """A film whose frames are shown at `times`."""
    paint = paint or waves(size)
    with av.open(str(path), "w", options=muxer or {}) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = stream.time_base = time_base
        if sar is not None:
            stream.codec_context.sample_aspect_ratio = sar
        if matrix is not None:
            stream.set_display_matrix(matrix)
        for number, pts in enumerate(times):
            picture = av.VideoFrame(*size, "yuv420p")
            planes = paint(number), *(np.full((-(-size[1] // 2), -(-size[0] // 2)), 128, np.uint8),) * 2
            for plane, pixels in zip(picture.planes, planes, strict=True):
                view = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
                view[:, : plane.width] = pixels
            picture.pts, picture.time_base = pts, time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def shown(source: Source) -> Iterator[tuple[int, int, int]]:
    """(pts, duration, sum of all samples) of each frame; closes the source."""
    try:
        for frame in source.frames():
            yield frame.pts, frame.duration, _sum_of(frame)
    finally:
        source.close()


def _sum_of(frame: Frame) -> int:
    return hash(b"".join(plane.tobytes() for plane in (frame.y, frame.u, frame.v)))


def whole(path: Path, **how: object) -> list[tuple[int, int, int]]:
    """All frames of a file, as `shown` tells them."""
    return list(shown(open_source(str(path), **how)))  # type: ignore[arg-type]
