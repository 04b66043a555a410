"""Blur kernels: bells of six kinds, and the sinc that rings.

With d^2 = x'^2/sx^2 + y'^2/sy^2, x' and y' turned by an angle, a bell is exp(-d^2/2) (Gaussian), exp(-(d^2)^b/2)
(generalised, flatter than the Gaussian for b > 1 and more pointed below) or 1/(1 + (d^2)^b) (plateau); isotropic where
sx = sy. The sinc is the impulse response of an ideal circular low-pass, w J1(w r) / (2 pi r): its ringing is what
sharpening and compression leave behind. Source: Wang et al., "Real-ESRGAN", arXiv 2107.10833, sections 3.2 and 3.4.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from training.degrade.draws import draw_uniform, draw_weighted, draw_whole, happens

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.degrade.plan import Order

Profile = Literal["gaussian", "generalized", "plateau"]

PADDED = 21
"""Side that every drawn kernel is padded to with zeros."""
_WIDE = 13
"""Sinc kernels from this side on cut at pi/5 or above; narrower ones cannot hold so slow a wave: pi/3 or above."""


def bell(
    side: int, sigma_xy: tuple[float, float], angle_rad: float = 0.0, profile: Profile = "gaussian", beta: float = 1.0
) -> NDArray[np.float64]:
    """A bell, (side, side), its sum 1; the same when turned by half a turn.

    Args:
        side: odd.
        sigma_xy: along the first and the second axis, in pixels, above 0.
        angle_rad: of the first axis against the rows.
        profile: see the module.
        beta: the exponent b, above 0; a Gaussian has none.
    """
    x, y = _grid(side)
    along = (x * math.cos(angle_rad) + y * math.sin(angle_rad)) / sigma_xy[0]
    across = (y * math.cos(angle_rad) - x * math.sin(angle_rad)) / sigma_xy[1]
    square = along**2 + across**2
    if profile == "plateau":
        kernel = 1.0 / (1.0 + square**beta)
    else:
        kernel = np.exp(-0.5 * square ** (beta if profile == "generalized" else 1.0))
    return np.asarray(kernel / kernel.sum())


def sinc(side: int, cutoff_rad: float) -> NDArray[np.float64]:
    """The circular low-pass, (side, side), its sum 1; waves above `cutoff_rad`, 0 to pi per pixel, do not pass."""
    x, y = _grid(side)
    radius = np.hypot(x, y)
    radius[side // 2, side // 2] = 1.0  # any but 0: the limit there is known
    wave = torch.special.bessel_j1(torch.from_numpy(cutoff_rad * radius)).numpy()
    kernel = cutoff_rad * wave / (2.0 * np.pi * radius)
    kernel[side // 2, side // 2] = cutoff_rad**2 / (4.0 * np.pi)
    return np.asarray(kernel / kernel.sum())


def padded(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """The kernel amid zeros, (21, 21), as batches of different kernels need it."""
    return np.pad(kernel, (PADDED - kernel.shape[0]) // 2)


def draw_blur(order: Order, random: torch.Generator) -> tuple[NDArray[np.float64], dict[str, float | str]]:
    """A kernel as `order` says, (21, 21), and the name and the numbers of what it is."""
    side = order.kernel_sides[draw_whole((0, len(order.kernel_sides) - 1), random)]
    if happens(order.sinc, random):
        return draw_sinc(side, math.pi / (3 if side < _WIDE else 5), random)
    kind = draw_weighted(order.kernels.shares, random)
    sigma_xy = draw_uniform(order.sigma_px, random), draw_uniform(order.sigma_px, random)
    angle_rad = draw_uniform((-math.pi, math.pi), random)
    if kind.endswith("_iso") or kind == "iso":
        sigma_xy, angle_rad = (sigma_xy[0], sigma_xy[0]), 0.0
    numbers: dict[str, float | str] = {"kernel": kind, "side": side, "sx": sigma_xy[0], "sy": sigma_xy[1]}
    numbers["angle"] = angle_rad
    if kind in ("iso", "aniso"):
        return padded(bell(side, sigma_xy, angle_rad)), numbers
    profile: Profile = "plateau" if kind.startswith("plateau") else "generalized"
    numbers["beta"] = _draw_beta(order.beta_plateau if profile == "plateau" else order.beta_generalized, random)
    return padded(bell(side, sigma_xy, angle_rad, profile, float(numbers["beta"]))), numbers


def draw_sinc(
    side: int, least_rad: float, random: torch.Generator
) -> tuple[NDArray[np.float64], dict[str, float | str]]:
    """A sinc that cuts between `least_rad` and pi, (21, 21), and its numbers."""
    cutoff_rad = draw_uniform((least_rad, math.pi), random)
    return padded(sinc(side, cutoff_rad)), {"kernel": "sinc", "side": side, "cutoff": cutoff_rad}


def _draw_beta(span: tuple[float, float], random: torch.Generator) -> float:
    """Half the draws below 1 and half above, as far as the span goes: else 0.5 to 4 were hardly ever pointed."""
    low, high = span
    if high <= 1.0 or low > 1.0:
        return draw_uniform(span, random)
    return draw_uniform((low, 1.0) if happens(0.5, random) else (1.0, high), random)


def _grid(side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Columns and rows from the middle, (side, side) each, in pixels."""
    line = np.arange(side, dtype=np.float64) - side // 2
    x, y = np.meshgrid(line, line)
    return x, y
