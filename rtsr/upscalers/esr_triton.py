"""edge-SR as one GPU kernel: code values in, code values out, in one pass over memory.

A thread holds what a few neighbours in a column of the picture see, and makes all that grows from them: filter by
filter, the mix of `rtsr.nets.esr.mix_folded`, rounding, and the row of phases where the pixel shuffle wants it.
Nothing in between is stored.

Why weights are constants of a program compiled for each network: a multiply-add takes a constant in its own
instruction, and loading thousands of weights in each thread would cost more than their sums. Why float32 and no tensor
cores: with weights of half floats esr-tr-k7c5 is off by up to 39 of 255 on noise, for its scores are products of large
sums, and with two of them for each weight most cards lose what they win: docs/decisions/016-torch-route.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import triton
import triton.language as tl

from rtsr.nets.esr import FoldedESR

if TYPE_CHECKING:
    from torch import Tensor

    from rtsr.frame import PixelLayout

_WARPS, _WARP = 4, 32
"""Of a block; a warp goes along a row."""
_PROGRAM_SUMS = 3000
"""Multiply-adds of the longest program: 47 KB of instructions, of 128 that a multiprocessor keeps."""
_THREAD_SUMS = 1500
"""Up to which a thread takes two pixels, or four: they share most of what they read; longer ones compile too long."""
_SCALES = (2, 3, 4)
_MOST_SIDE = 7
_MOST_SAMPLES = 2**31
"""Of the enlarged picture: places are counted in 32 bits."""


@dataclass(frozen=True, slots=True)
class FusedESR:
    """One network for one depth; made by `fuse`."""

    scale: int
    constants: dict[str, Any]
    """What all launches have in common."""
    row_sums: int
    """Multiply-adds per pixel for one row of its phases."""

    @property
    def launches(self) -> list[tuple[int, int, int]]:
        """(first row of phases, the one behind the last, pixels of a thread) of each launch for a picture."""
        rows = min(self.scale, max(1, _PROGRAM_SUMS // self.row_sums))
        starts = range(0, self.scale, rows)
        spans = [(first, min(first + rows, self.scale)) for first in starts]
        return [(first, last, self._tall((last - first) * self.row_sums)) for first, last in spans]

    def __call__(self, luma: Tensor, enlarged: Tensor) -> None:
        """Launch on the current stream: `luma` (H, W) into `enlarged` (S*H, S*W), on one GPU.

        Both uint8, or above 8 bit uint16 samples as int16, without gaps between rows.
        """
        height, width = luma.shape
        for first, last, tall in self.launches:
            grid = (triton.cdiv(width, _WARP), triton.cdiv(height, _WARPS * tall))
            constants = self.launch_constants(first, last, tall)
            _esr[grid](luma, enlarged, height, width, **constants, num_warps=_WARPS)

    def launch_constants(self, first: int, last: int, tall: int) -> dict[str, Any]:
        """Of the kernel, by name, for one of `launches`."""
        return {**self.constants, "FIRST": first, "LAST": last, "TALL": tall, "HIGH": _WARPS, "WIDE": _WARP}

    @staticmethod
    def _tall(sums: int) -> int:
        return next(tall for tall in (4, 2, 1) if tall == 1 or tall * sums <= _THREAD_SUMS)


def fuse(net: FoldedESR, layout: PixelLayout, size_wh: tuple[int, int]) -> FusedESR | None:
    """The kernel of `net` for pictures of one layout and about one size; None where it is too large for one."""
    shape = net.shape
    row_sums = shape.folded_planes * shape.kernel_size**2 * shape.scale
    samples = math.prod(size_wh) * shape.phases
    fits = shape.scale in _SCALES and shape.kernel_size <= _MOST_SIDE
    if not fits or row_sums > _PROGRAM_SUMS or samples >= _MOST_SAMPLES:
        return None
    filters = net.weight.detach().cpu().reshape(shape.folded_planes, shape.phases, -1).transpose(0, 1)
    one_score = 1.0 / layout.peak ** (2 if shape.kind == "tr" else 1)  # the filters see code values, not 0..1
    constants = {
        "FILTERS": tuple(tuple(tuple(taps) for taps in planes) for planes in filters.tolist()),
        "KIND": shape.kind,
        "CHANNELS": shape.channels,
        "SIDE": shape.kernel_size,
        "SCALE": shape.scale,
        "PEAK": float(layout.peak),
        "PER_SCORE": one_score * math.log2(math.e),
    }
    return FusedESR(shape.scale, constants, row_sums)


@triton.constexpr_function
def _part(filters, index):
    """One of a tuple of tuples, a constant as they are: what [] gives, Triton 3.7 passes to no function.

    Triton 3.7.1 is what torch 2.13 for CUDA asks for.
    """
    return filters[index]


@triton.jit
def _filtered(seen, FILTER: tl.constexpr):
    """The sum of what is seen, weighed."""
    total = seen[0] * FILTER[0]
    for tap in tl.static_range(1, len(FILTER)):
        total += seen[tap] * FILTER[tap]
    return total


@triton.jit
def _attended(seen, FILTERS: tl.constexpr, IS_TR: tl.constexpr, CHANNELS: tl.constexpr, PER_SCORE: tl.constexpr):
    """v_C + sum_c p_c (v_c - v_C), the softmax p made on the way, in powers of two."""
    last = _filtered(seen, _part(FILTERS, 0))
    top = last * 0.0  # the score of template C: folded into the others' in tm
    if IS_TR:
        query = _filtered(seen, _part(FILTERS, 2 * CHANNELS - 1))
        top = query * _filtered(seen, _part(FILTERS, 3 * CHANNELS - 1)) * PER_SCORE
    total = last * 0.0 + 1.0
    change = last * 0.0
    for one in tl.static_range(CHANNELS - 1):
        score = _filtered(seen, _part(FILTERS, CHANNELS + one)) * PER_SCORE
        if IS_TR:
            score *= _filtered(seen, _part(FILTERS, 2 * CHANNELS + one))
        step = _filtered(seen, _part(FILTERS, 1 + one))
        if CHANNELS == 2:
            change = step
            total = 1.0 + tl.exp2(tl.minimum(top - score, 126.0))  # still finite
        else:
            higher = tl.maximum(top, score)
            fade = tl.exp2(top - higher)
            share = tl.exp2(score - higher)
            total = total * fade + share
            change = change * fade + share * step
            top = higher
    return last + change / total


@triton.jit
def _mixed(seen, FILTERS: tl.constexpr, KIND: tl.constexpr, CHANNELS: tl.constexpr, PER_SCORE: tl.constexpr):
    """One phase, in code values, not clipped."""
    if KIND == "max" or CHANNELS == 1:
        made = _filtered(seen, _part(FILTERS, 0))
        for one in tl.static_range(1, CHANNELS):
            made = tl.maximum(made, _filtered(seen, _part(FILTERS, one)))
    else:
        made = _attended(seen, FILTERS, KIND == "tr", CHANNELS, PER_SCORE)
    return made


@triton.jit
def _code_values(made, PEAK: tl.constexpr, kind: tl.constexpr):
    """Clipped, and rounded half to even: from 2^23 on the last bit of a float32 is worth one."""
    clipped = tl.minimum(tl.maximum(made, 0.0), PEAK)
    return (clipped + 8388608.0).to(tl.int32, bitcast=True).to(kind)


@triton.jit(do_not_specialize=["height", "width"])
def _esr(
    luma,
    enlarged,
    height,
    width,
    FILTERS: tl.constexpr,  # [phase][plane][tap]
    KIND: tl.constexpr,
    CHANNELS: tl.constexpr,
    SIDE: tl.constexpr,
    SCALE: tl.constexpr,
    PEAK: tl.constexpr,
    PER_SCORE: tl.constexpr,
    FIRST: tl.constexpr,
    LAST: tl.constexpr,
    TALL: tl.constexpr,
    HIGH: tl.constexpr,
    WIDE: tl.constexpr,
):
    """Rows FIRST to LAST of every pixel's phases, TALL pixels for each of HIGH * WIDE threads."""
    top = (tl.program_id(1) * HIGH + tl.arange(0, HIGH)[:, None]) * TALL
    left = tl.program_id(0) * WIDE
    column = left + tl.arange(0, WIDE)[None, :]
    window = ()  # grows
    for i in tl.static_range(TALL + SIDE - 1):
        row = tl.minimum(tl.maximum(top + (i - SIDE // 2), 0), height - 1) * width
        for j in tl.static_range(SIDE):
            place = row + tl.minimum(tl.maximum(column + (j - SIDE // 2), 0), width - 1)
            sample = tl.load(luma + place).to(tl.int32)
            if PEAK > 255:
                sample &= 65535  # int16 to uint16
            window += (sample.to(tl.float32),)  # type: ignore[assignment]
    kind: tl.constexpr = enlarged.dtype.element_ty
    across = left * SCALE + tl.arange(0, WIDE * SCALE if SCALE != 3 else WIDE)[None, :]
    for pixel in tl.static_range(TALL):
        seen = window[pixel * SIDE : (pixel + SIDE) * SIDE]
        for i in tl.static_range(FIRST, LAST):
            line = enlarged + ((top + pixel) * SCALE + i) * (width * SCALE)
            if SCALE == 3:  # blocks are powers of two
                for j in tl.static_range(3):
                    made = _mixed(seen, _part(FILTERS, i * 3 + j), KIND, CHANNELS, PER_SCORE)
                    inside = (top + pixel < height) & (column < width)
                    tl.store(line + column * 3 + j, _code_values(made, PEAK, kind), mask=inside)
            else:
                made = tl.join(
                    _mixed(seen, _part(FILTERS, i * SCALE), KIND, CHANNELS, PER_SCORE),
                    _mixed(seen, _part(FILTERS, i * SCALE + SCALE // 2), KIND, CHANNELS, PER_SCORE),
                )
                if SCALE == 4:
                    between = tl.join(
                        _mixed(seen, _part(FILTERS, i * SCALE + 1), KIND, CHANNELS, PER_SCORE),
                        _mixed(seen, _part(FILTERS, i * SCALE + 3), KIND, CHANNELS, PER_SCORE),
                    )
                    made = tl.join(made, between)
                made = tl.reshape(made, (HIGH, WIDE * SCALE))
                inside = (top + pixel < height) & (across < width * SCALE)
                tl.store(line + across, _code_values(made, PEAK, kind), mask=inside)
