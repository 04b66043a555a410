"""The line of text before the pictures of a YUV4MPEG2 stream: what it tells, and what it has no word for.

Source: yuv4mpeg(5) of the MJPEG tools, and FFmpeg's additions: more than 8 bits (`C420p10`, little endian) and the
range (`XCOLORRANGE`). Matrix, transfer, primaries and orientation have no word; nor has the time of a picture.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from rtsr.color import UNSPECIFIED, Range, Siting
from rtsr.errors import SourceError
from rtsr.frame import YUV420P, PixelLayout, StreamInfo

MAGIC = b"YUV4MPEG2"
FRAME = b"FRAME"
LONGEST_LINE = 4096
_LARGEST_SIDE = 1 << 15
_SAMPLINGS = {"420": (1, 1), "422": (1, 0), "444": (0, 0), "411": (2, 0)}
_SITINGS = {"jpeg": Siting.CENTER, "mpeg2": Siting.LEFT, "paldv": Siting.TOP_LEFT}
_WORDS = {siting: word for word, siting in _SITINGS.items()} | {Siting.UNSPECIFIED: "mpeg2"}
"""An unknown siting is written as what it was taken for."""
_RANGES = {"FULL": Range.FULL, "LIMITED": Range.LIMITED}
_USUAL_FPS = Fraction(25)


@dataclass(frozen=True, slots=True)
class Header:
    """What the line says."""

    width: int
    height: int
    rate_fps: Fraction
    layout: PixelLayout = YUV420P
    siting: Siting = Siting.UNSPECIFIED
    range: Range = Range.UNSPECIFIED
    sar: Fraction | None = None
    interlaced: bool = False

    def line(self) -> bytes:
        """As it stands in the stream, with its line feed."""
        sar = self.sar or Fraction(0)
        words = [
            MAGIC.decode(),
            f"W{self.width}",
            f"H{self.height}",
            f"F{self.rate_fps.numerator}:{self.rate_fps.denominator}",
            "Ip",
            f"A{sar.numerator}:{sar.denominator if sar else 0}",
            f"C{self._chroma()}",
        ]
        words += [f"XCOLORRANGE={word}" for word, there in _RANGES.items() if there is self.range]
        return " ".join(words).encode() + b"\n"

    def _chroma(self) -> str:
        layout = self.layout
        sampling = next(name for name, logs in _SAMPLINGS.items() if logs == (layout.log2_across, layout.log2_down))
        if layout.bits > 8:
            return f"{sampling}p{layout.bits}"
        return sampling + (_WORDS.get(self.siting, "mpeg2") if sampling == "420" else "")


def header_for(info: StreamInfo) -> Header:
    """The header of a stream of such frames. Raises ValueError where no word is known for its layout."""
    if (info.layout.log2_across, info.layout.log2_down) not in _SAMPLINGS.values():
        raise ValueError(f"y4m has no word for {info.layout}")
    color = info.color
    rate = info.rate_fps or _USUAL_FPS
    return Header(info.width, info.height, rate, info.layout, color.siting, color.range, info.sar)


def lost_in(info: StreamInfo) -> list[str]:
    """What `info` has and a y4m stream cannot carry, for people."""
    color, lost = info.color, list[str]()
    if (color.matrix, color.transfer, color.primaries) != (UNSPECIFIED,) * 3:
        lost.append(f"colour tags (matrix {color.matrix}, transfer {color.transfer}, primaries {color.primaries})")
    wordless = info.layout.bits > 8 or color.siting not in _WORDS
    if (
        color.siting is not Siting.UNSPECIFIED
        and (info.layout.log2_across, info.layout.log2_down) == (1, 1)
        and wordless
    ):
        lost.append(f"chroma siting ({color.siting.value})")
    if info.display_matrix is not None:
        lost.append(f"orientation ({info.rotation_deg} degrees)")
    if info.hdr.mastering or info.hdr.light:
        lost.append("HDR mastering display and content light")
    if info.rate_fps is None:
        lost.append(f"time stamps (the rate is not known: {_USUAL_FPS} is written)")
    return lost


def header_of_file(path: str) -> Header | None:
    """The header of the file `path`; None where it is no y4m that is upscaled, or cannot be read."""
    try:
        with open(path, "rb") as file:
            line = file.readline(LONGEST_LINE)
        return parse(line.rstrip(b"\n"), path) if line.startswith(MAGIC) else None
    except (OSError, SourceError):
        return None


def parse(line: bytes, label: str) -> Header:
    """Read the line of text before the first picture.

    Args:
        line: without its line feed.
        label: what the user calls the stream.

    Raises:
        SourceError: it is no such line, or tells of what is not upscaled.
    """
    first, *words = line.decode("latin-1").split(" ")
    if first != MAGIC.decode():
        raise _refusal(label, f"begins with {first[:20]!r} instead of {MAGIC.decode()}")
    told = {word[:1]: word[1:] for word in words if word[:1] != "X"}
    extra = dict(word[1:].split("=", 1) for word in words if word[:1] == "X" and "=" in word)
    layout, siting = _layout(told.get("C", "420"), label)
    return Header(
        _side(told, "W", label),
        _side(told, "H", label),
        _ratio(told.get("F", "0:0"), label) or _USUAL_FPS,
        layout,
        siting,
        _RANGES.get(extra.get("COLORRANGE", ""), Range.UNSPECIFIED),
        _ratio(told.get("A", "0:0"), label),
        interlaced=told.get("I", "?") in ("t", "b", "m"),
    )


def _side(told: dict[str, str], name: str, label: str) -> int:
    words = told.get(name, "")
    if not re.fullmatch(r"[0-9]{1,6}", words) or not 0 < int(words) <= _LARGEST_SIDE:
        raise _refusal(label, f"says that a side is {words[:20]!r} samples long")
    return int(words)


def _ratio(words: str, label: str) -> Fraction | None:
    """The rational number that `N:D` is; None for 0:0, which is unknown."""
    told = re.fullmatch(r"([0-9]{1,10}):([0-9]{1,10})", words)
    if told is None:
        raise _refusal(label, f"has {words[:20]!r} where a ratio belongs")
    above, below = int(told[1]), int(told[2])
    return Fraction(above, below) if above and below else None


def _layout(words: str, label: str) -> tuple[PixelLayout, Siting]:
    told = re.fullmatch(r"(420|422|444|411)(?:p(9|10|12|14|16)|(jpeg|mpeg2|paldv))?", words)
    if told is None or (told[3] and told[1] != "420"):
        raise SourceError(
            f"{label} holds pictures of the kind C{words[:20]}, and YCbCr without alpha is upscaled",
            mend="add -pix_fmt yuv420p (or 422, 444, with p10le for 10 bit) before -f yuv4mpegpipe",
        )
    siting = _SITINGS[told[3]] if told[3] else Siting.UNSPECIFIED
    return PixelLayout(int(told[2] or 8), *_SAMPLINGS[told[1]]), siting


def _refusal(label: str, what: str) -> SourceError:
    return SourceError(f"{label} is no y4m stream: it {what}", mend="pipe: ffmpeg -i IN -f yuv4mpegpipe -")
