"""Which size comes out, and which network gets there: `--scale`, `--size` and `--square-pixels`.

The network of the nearest scale at or above enlarges, and Lanczos brings its result down to the size: so nothing is
enlarged twice, and no detail is asked of the resize.
"""

import re
from dataclasses import replace
from fractions import Fraction

from rtsr.config import AUTO, Encoding
from rtsr.errors import UsageError
from rtsr.frame import StreamInfo
from rtsr.models import MODELS, find_model, scales_of

_SIZE_FORM = "write --size 1920x1080, or -2x1080 to keep the shape"


def plain_scale(options: Encoding) -> int | None:
    """The scale, where no look at the input is needed to know it; None where it is.

    Raises:
        UsageError: `--scale` makes no sense.
    """
    times = _times(options)
    return int(times) if times.denominator == 1 and options.size is None and not options.square_pixels else None


def sized(options: Encoding, info: StreamInfo) -> Encoding:
    """`options` with the scale of the network, and the size where that is not all, for an input as `info` tells.

    Raises:
        UsageError: the size makes no sense, is not larger than the input, or no network enlarges by so much.
    """
    width, height = _wanted_wh(options, info)
    if width < info.width or height < info.height or (width, height) == (info.width, info.height):
        asked = f"--size {options.size}" if options.size else f"--scale {options.times}"
        raise UsageError(
            f"{asked} makes {width}x{height} of {info.width}x{info.height}, which is no larger on every side",
            mend="ask for more; making pictures smaller is ffmpeg's work: ffmpeg -i IN -vf scale=W:H OUT",
        )
    needed = max(Fraction(width, info.width), Fraction(height, info.height))
    scale = _network_scale(options, needed)
    exact = (width, height) == (info.width * scale, info.height * scale)
    return replace(options, scale=scale, size_wh=None if exact else (width, height))


def size_lines(info: StreamInfo, made: StreamInfo) -> list[str]:
    """What becomes of the size, in words: from `info` to `made`."""
    told = [f"{info.width}x{info.height} -> {made.width}x{made.height}"]
    before, after = info.sar or Fraction(1), made.sar or Fraction(1)
    if before != after:
        now = "square" if after == 1 else f"{after.numerator}:{after.denominator}"
        told.append(f"sample aspect {before.numerator}:{before.denominator} -> {now}, so that the shape stays")
    return told


def _times(options: Encoding) -> Fraction:
    try:
        times = Fraction(options.times)
    except (ValueError, ZeroDivisionError):
        times = Fraction(0)
    if times <= 0 or len(options.times) > 12:
        raise UsageError(f"--scale {options.times} is not a number above 1", mend="write --scale 2, 1.5 or 4/3")
    if times <= 1 and not options.square_pixels and options.size is None:
        raise UsageError(
            f"--scale {options.times} does not make the picture larger",
            mend="ask for more than 1; making it smaller is ffmpeg's work: ffmpeg -i IN -vf scale=W:H OUT",
        )
    return times


def _wanted_wh(options: Encoding, info: StreamInfo) -> tuple[int, int]:
    """Luma samples of the output, as they are stored."""
    sar = info.sar or Fraction(1)
    if options.size is None:
        times = _times(options)
        wider, taller = (max(sar, Fraction(1)), max(1 / sar, Fraction(1))) if options.square_pixels else (1, 1)
        return _rounded(info, info.width * times * wider, info.height * times * taller)
    if options.times != "2":
        raise UsageError("--size and --scale both say how large", mend="leave one of the two out")
    sides = _parsed(options.size, turned=info.rotation_deg in (90, 270))
    shape = Fraction(info.width, info.height) * (sar if options.square_pixels else 1)
    return _with_shape(options, info, sides, shape)


def _parsed(size: str, *, turned: bool) -> tuple[int | None, int | None]:
    """Both sides, as stored; None for one that follows from the other."""
    told = re.fullmatch(r"(-[12]|\d{1,5})[xX:](-[12]|\d{1,5})", size)
    if told is None or told[1][0] == told[2][0] == "-":
        raise UsageError(f"--size {size} is not a size", mend=_SIZE_FORM)
    width, height = (None if side[0] == "-" else int(side) for side in told.groups())
    if 0 in (width, height):
        raise UsageError(f"--size {size} has no pixels", mend=_SIZE_FORM)
    return (height, width) if turned else (width, height)


def _with_shape(
    options: Encoding, info: StreamInfo, sides: tuple[int | None, int | None], shape: Fraction
) -> tuple[int, int]:
    width, height = sides
    if width is None:
        width = _rounded(info, (height or 0) * shape, 0)[0]
    elif height is None:
        height = _rounded(info, 0, width / shape)[1]
    made = width, height or 0
    if made != _rounded(info, *made):
        fitting = "x".join(str(side) for side in _rounded(info, *made))
        raise UsageError(
            f"--size {options.size} cannot hold {info.layout}, whose sides are even",
            mend=f"take --size {fitting}" if info.rotation_deg in (0, 180) else "take even sides",
        )
    if options.square_pixels and abs(made[0] - made[1] * shape) >= 2 and abs(made[1] - made[0] / shape) >= 2:
        raise UsageError(
            f"--size {options.size} with square pixels is of another shape than the input", mend=f"{_SIZE_FORM}"
        )
    return made


def _rounded(info: StreamInfo, width: Fraction | int, height: Fraction | int) -> tuple[int, int]:
    """The nearest size whose sides are whole numbers of chroma samples."""
    across, down = info.layout.block_wh
    return round(Fraction(width, across)) * across, round(Fraction(height, down)) * down


def _network_scale(options: Encoding, needed: Fraction) -> int:
    if options.model == AUTO:
        scales = {scale for name in MODELS for scale in MODELS[name] if find_model(name, scale).onnx is not None}
    else:
        scales = set(scales_of(options.model)) or {2}  # a wrong name is refused where it is looked up
    fitting = [scale for scale in scales if scale >= needed]
    if not fitting:
        raise UsageError(
            f"the output is {float(needed):.3g} times as large, and {options.model} enlarges by {max(scales)} at most",
            mend="ask for less, or upscale the result once more",
        )
    return min(fitting)
