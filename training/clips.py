"""A user's own clips: which there are, what opens them, and how much their encoder left of the picture.

A clip is a file that `rtsr.sources` opens, or a folder of pictures in order of name.
"""

from __future__ import annotations

import math
from contextlib import closing
from fractions import Fraction
from typing import TYPE_CHECKING

from rtsr.color import SMPTE170M, Color, Range
from rtsr.errors import SourceError
from rtsr.frame import Frame, StreamInfo
from rtsr.sources.eight_bit import open_eight_bit
from rtsr.sources.opening import first_video, open_container
from training.data import PICTURES, VIDEOS, read_picture
from training.degrade.video import clip_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rtsr.stages import Source

CLIPS = VIDEOS | {".avi", ".m2ts", ".m4v", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".wmv", ".y4m", ".3gp"}
"""Names of files that are taken for clips; others in the folder are named and passed over."""
RATE_FPS = Fraction(25)
"""Of pictures, and of clips that do not tell theirs."""
_JPEG = frozenset({".jpg", ".jpeg"})
_LOSSLESS = frozenset({"ffv1", "ffvhuff", "huffyuv", "magicyuv", "png", "qtrle", "rawvideo", "utvideo"})
_LOSSLESS_PROFILE = "High 4:4:4 Predictive"
"""Of H.264 in 4:2:0: nothing but x264's lossless mode has both."""
_INTRA = frozenset({"jpeg2000", "mjpeg"})
_INTRA_COST = 3.0
"""About the bits that a codec without prediction from other frames needs for the same picture, times the others'."""


def list_clips(roots: Sequence[Path], folders: Sequence[str], tell: Callable[[str], None]) -> list[Path]:
    """Files and folders of pictures in `folders` of all roots, in order of name; "." is the root itself.

    A folder's own pictures are one clip, and so are those of each folder in it. What is passed over is named to `tell`.
    Raises SourceError when a folder is missing, or there is no clip.
    """
    found: list[Path] = []
    places = [root / folder for root in roots for folder in folders]
    for place in places:
        if not place.is_dir():
            raise SourceError(f"there is no folder {place}", mend="say where your clips are: --data FOLDER")
        if pictures_in(place):
            found.append(place)
        for path in sorted(path for path in place.iterdir() if not path.name.startswith(".")):
            if (path.is_file() and path.suffix.lower() in CLIPS) or pictures_in(path):
                found.append(path)
            elif path.suffix.lower() not in PICTURES:
                tell(f"passed over: {path} is no clip by its name, and no folder with pictures")
    if not found:
        raise SourceError(
            f"there is no clip in {' or '.join(map(str, places))}", mend="say where your clips are: --data FOLDER"
        )
    return found


def pictures_in(path: Path) -> list[Path]:
    """The pictures that lie in a folder, in order of name; none of a file."""
    inside = sorted(path.iterdir()) if path.is_dir() else []
    return [one for one in inside if one.suffix.lower() in PICTURES and one.is_file()]


def bits_per_pixel(path: Path) -> float:
    """What a clip spends on each luma sample, its sound included where it does not tell; infinite when it is lossless.

    Codecs without prediction between frames count a third of theirs. Raises SourceError when it cannot be read.
    """
    if pictures := pictures_in(path):
        if pictures[0].suffix.lower() not in _JPEG:
            return math.inf
        height, width, _ = read_picture(pictures[0]).shape
        return float(8.0 * pictures[0].stat().st_size / (width * height * _INTRA_COST))
    with open_container(str(path)) as container:
        stream = first_video(str(path), container)
        context = stream.codec_context
        if context.name in _LOSSLESS or (context.name == "h264" and context.profile == _LOSSLESS_PROFILE):
            return math.inf
        bits_per_s = stream.bit_rate or container.bit_rate or 0
        samples_per_s = context.width * context.height * float(stream.average_rate or RATE_FPS)
        return float(bits_per_s / samples_per_s / (_INTRA_COST if context.name in _INTRA else 1.0))


def open_clip(path: Path) -> Source:
    """The frames of a clip. Raises SourceError as `open_eight_bit` and `read_picture` do."""
    pictures = pictures_in(path)
    return PictureClip(path, pictures) if pictures else open_eight_bit(str(path))


def length_s(path: Path, info: StreamInfo) -> Fraction:
    """How long a clip is; one that does not tell is read through for that."""
    if info.duration_s is not None:
        return info.duration_s
    end_s = info.start_s
    with closing(open_clip(path)) as source:
        for frame in source.frames():
            end_s = frame.time_s
    return end_s - info.start_s + 1 / (info.rate_fps or RATE_FPS)


class PictureClip:
    """Pictures of one size as a `Source`: BT.601, limited range, 25 frames a second. See `open_clip`."""

    def __init__(self, path: Path, pictures: list[Path]) -> None:
        self._path, self._pictures, self._next = path, pictures, 0
        self._color = Color(matrix=SMPTE170M, range=Range.LIMITED)
        height, width, _ = read_picture(pictures[0]).shape
        count = len(pictures)
        self._info = StreamInfo(
            str(path), width, height, 1 / RATE_FPS, RATE_FPS, count, count / RATE_FPS, color=self._color
        )

    @property
    def info(self) -> StreamInfo:
        """See `Source`."""
        return self._info

    @property
    def losses(self) -> tuple[str, ...]:
        """See `Source`: none, since what cannot be read is refused."""
        return ()

    def seek(self, time_s: Fraction) -> None:
        """See `Source`."""
        self._next = math.ceil(time_s * RATE_FPS)

    def frames(self) -> Iterator[Frame]:
        """See `Source`. Raises SourceError on a picture of another size."""
        while self._next < len(self._pictures):
            number, self._next = self._next, self._next + 1
            rgb = read_picture(self._pictures[number])
            if rgb.shape[:2] != (self._info.height, self._info.width):
                raise SourceError(
                    f"{self._pictures[number]} is {rgb.shape[1]}x{rgb.shape[0]}, and the pictures of a clip have one "
                    f"size: the first in {self._path} is {self._info.width}x{self._info.height}",
                    mend="put each clip's pictures in a folder of their own",
                )
            clip = clip_of(rgb[None])
            yield Frame(clip.y[0], clip.u[0], clip.v[0], number, 1 / RATE_FPS, self._color, 1)

    def close(self) -> None:
        """See `Source`."""
