"""A stack of convolutions that leaves flat areas alone, exactly.

The first filters are made to add up to zero, so that a flat patch, however bright, reads as zero: the network learns
structure, not brightness. What the biases then make of zero is a constant, and the last bias takes it off again. Both
hold for a deployed network as plain weights; nothing is left to compute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

from rtsr.nets.ecbsr import SLOPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtsr.nets.ecbsr import Filters


def keep_flat(filters: Sequence[Filters]) -> list[Filters]:
    """`filters` with the first weight and the last bias changed so, differentiably; two or more of them."""
    (first, constant), *middle, (last, _) = filters
    for weight, bias in middle:
        constant = weight.sum((2, 3)) @ functional.leaky_relu(constant, SLOPE) + bias
    without = last.sum((2, 3)) @ functional.leaky_relu(constant, SLOPE)
    return [(first - first.mean((2, 3), keepdim=True), filters[0][1]), *middle, (last, -without)]
