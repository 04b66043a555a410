"""Does a network enlarge luma? Asked by pictures: one like a photograph, at two sizes, and flat ones.

Why: a file says neither what it is for nor in which range its numbers are. What enlarges a picture is close to its
bicubic enlargement, and leaves a flat picture flat; what takes 0..255, or finds faces, does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rtsr.errors import SourceError
from rtsr.metrics import luma, psnr_db
from rtsr.resample import bicubic_enlarge
from rtsr.sources.stones import stones

if TYPE_CHECKING:
    from rtsr.upscalers.tiles import Luma, LumaFunction

_SIZE_WH, _ODD_WH = (128, 96), (61, 47)
_LEAST_DB = 20.0
"""PSNR against bicubic. The shipped networks have 32 dB and more, nearest neighbour 30, one input pixel aside 21, a
negative 8."""
_FLAT = (0.1, 0.5, 0.9)
_FLAT_PX = 96
_FLAT_LEVELS = 8.0
"""How far a flat picture may come out from where it was, in code values of 255, away from its border."""
_FLAT_BORDER_PX = 32
_FIELD_PX = 129
_PATCH_PX = 9
_LEAST_SAME_DB = 40.0
"""PSNR of another form of a network against it. Rounding to bytes leaves 59, bf16 in the shipped ones 56."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the pictures told."""

    scale: int
    bicubic_db: float
    """PSNR against the bicubic enlargement."""
    field_px: int
    """Side of the square of input pixels that one output pixel depends on, measured."""
    sees_all: bool
    """Whether the field is no smaller than the picture that it was measured on."""


def check(run: LumaFunction, scales: tuple[int, ...]) -> Checked:
    """Ask the network `run`, (H, W) float32 0..1 to (S*H, S*W), and believe it only if it enlarges by one of `scales`.

    Raises SourceError with what it did instead.
    """
    picture = sunlit(*_SIZE_WH)
    made = _run(run, picture)
    scale = _scale(picture, made, scales)
    _refuse_odd(run, scale)
    wanted = bicubic_enlarge(picture, scale)
    if not np.isfinite(made).all():
        raise SourceError("its result on a test picture is not finite", mend="export it again, in float32")
    bicubic_db = _likeness_db(wanted, made)
    if bicubic_db < _LEAST_DB:
        raise _unlike(run, picture, wanted, bicubic_db)
    _refuse_unflat(run, scale)
    field_px = _field_px(run, scale)
    return Checked(scale, bicubic_db, field_px, sees_all=field_px >= _FIELD_PX)


def refuse_other(run: LumaFunction, other: LumaFunction, words: str) -> None:
    """Raise SourceError when two forms of one network differ on the odd test picture; `words` are for the other."""
    picture = sunlit(*_ODD_WH)
    likeness_db = _likeness_db(run(picture), other(picture))
    if not likeness_db >= _LEAST_SAME_DB:
        raise SourceError(
            f"{words} is not what the file computes: {likeness_db:.1f} dB apart, {_LEAST_SAME_DB:.0f} are needed",
            mend="export it as ONNX with dynamic height and width, every convolution padding for itself",
        )


def sunlit(width: int, height: int) -> Luma:
    """(height, width) float32, BT.601 luma of 255, as the product's networks see it: stones in sunlight."""
    return np.asarray(luma(stones(width, height) * 255) / 255, np.float32)


def _run(run: LumaFunction, picture: Luma) -> Luma:
    try:
        return run(picture)
    except (RuntimeError, IndexError) as error:
        told = (str(error).strip().splitlines() or ["no reason"])[-1].strip()
        raise SourceError(
            f"it fails on a test picture of {picture.shape[1]}x{picture.shape[0]} ({told})",
            mend="export it again so that it takes any height and width",
        ) from error


def _scale(picture: Luma, made: Luma, scales: tuple[int, ...]) -> int:
    if made.ndim != picture.ndim or not made.size:
        raise SourceError(f"its result has the shape {made.shape}", mend="it must give one picture for one")
    found = {have / had for have, had in zip(made.shape, picture.shape, strict=True)}
    if len(found) != 1 or found.copy().pop() not in scales:
        sizes = " -> ".join(f"{one.shape[1]}x{one.shape[0]}" for one in (picture, made))
        raise SourceError(f"it makes {sizes} of a picture", mend=f"it must enlarge by {', '.join(map(str, scales))}")
    return int(found.pop())


def _refuse_odd(run: LumaFunction, scale: int) -> None:
    picture = sunlit(*_ODD_WH)
    made = _run(run, picture)
    if made.shape != tuple(scale * side for side in picture.shape):
        raise SourceError(
            f"it makes {made.shape[1]}x{made.shape[0]} of {_ODD_WH[0]}x{_ODD_WH[1]} at x{scale}",
            mend="export it again so that it takes any height and width",
        )


def _unlike(run: LumaFunction, picture: Luma, wanted: Luma, bicubic_db: float) -> SourceError:
    of_bytes = run(picture * np.float32(255))
    bytes_db = max(_likeness_db(wanted, made) for made in (of_bytes, of_bytes / np.float32(255)))
    problem = f"its result on a test picture is {bicubic_db:.1f} dB from bicubic, {_LEAST_DB:.0f} are needed"
    if bytes_db >= _LEAST_DB:
        return SourceError(f"{problem}: it takes 0..255", mend="export it with that range inside: 0..1 in and out")
    return SourceError(problem, mend="it must take and give pictures in 0..1, and do no more than enlarge them")


def _refuse_unflat(run: LumaFunction, scale: int) -> None:
    border = _FLAT_BORDER_PX * scale
    for level in _FLAT:
        made = _run(run, np.full((_FLAT_PX, _FLAT_PX), level, np.float32))[border:-border, border:-border]
        off = float(np.abs(made - level).max()) * 255
        if not off <= _FLAT_LEVELS:
            raise SourceError(
                f"a flat picture of {level:g} comes out off by {off:.1f} of 255, {_FLAT_LEVELS:g} are allowed",
                mend="it must keep brightness as it is",
            )


def _field_px(run: LumaFunction, scale: int) -> int:
    """Change a patch in the middle of a picture, and see how far that is felt.

    Why exactly: what the patch does not reach is computed from the same numbers in the same order, to the same bits.
    """
    picture = sunlit(_FIELD_PX, _FIELD_PX)
    changed, first = picture.copy(), (_FIELD_PX - _PATCH_PX) // 2
    patch = np.s_[first : first + _PATCH_PX, first : first + _PATCH_PX]
    changed[patch] = 1 - changed[patch]
    felt = _run(run, changed) != _run(run, picture)
    places = np.argwhere(felt) // scale
    reach = max(first - int(places.min()), int(places.max()) - (first + _PATCH_PX - 1), 0) if len(places) else 0
    return _FIELD_PX if reach >= first else 2 * reach + 1


def _likeness_db(wanted: Luma, made: Luma) -> float:
    """PSNR of two float pictures, 0..1, the second clipped to that."""
    if not np.isfinite(made).all():
        return -np.inf
    return psnr_db(wanted * 255.0, made.clip(-1, 2) * 255.0)


__all__ = ["Checked", "check", "refuse_other", "sunlit"]
