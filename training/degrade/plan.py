"""Every probability and range of the degradations: the table `[degrade]` of a recipe, with Real-ESRGAN's numbers.

Source of the stills' numbers: Wang et al., "Real-ESRGAN", arXiv 2107.10833, and the authors' options files. Those of
the video order are our own: less noise and no strong blur, because the chain for stills over-smooths clean cameras.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from rtsr.errors import UsageError
from training.degrade.operations import Filter
from training.tables import read_table

Span = tuple[float, float]
"""From, to: all between are equally likely."""
WholeSpan = tuple[int, int]
Codec = Literal["h264", "h265", "mjpeg"]
Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"]

_KERNEL_SIDES = (7, 9, 11, 13, 15, 17, 19, 21)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kernels:
    """How often each kind of bell blurs: shares, of which only the ratios count."""

    iso: float = 0.45
    aniso: float = 0.25
    generalized_iso: float = 0.12
    generalized_aniso: float = 0.03
    plateau_iso: float = 0.12
    plateau_aniso: float = 0.03

    def __post_init__(self) -> None:
        _refuse_shares("kernels", self.shares)

    @property
    def shares(self) -> dict[str, float]:
        """Name and share of each."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """One order of the chain: blur, resize, noise, JPEG. The defaults are the first's."""

    blur: float = 1.0
    """Probability."""
    kernel_sides: tuple[int, ...] = _KERNEL_SIDES
    """Odd, 21 at most, equally likely."""
    kernels: Kernels = field(default_factory=Kernels)
    sigma_px: Span = (0.2, 3.0)
    """Deviation of a bell, both axes of an anisotropic one by themselves, in pixels of the picture at that point."""
    beta_generalized: Span = (0.5, 4.0)
    """Exponent; half the draws lie below 1 and half above, when the range holds 1."""
    beta_plateau: Span = (1.0, 2.0)
    sinc: float = 0.1
    """Probability that a blur is a sinc, and no bell."""
    resize_up: float = 0.2
    """Probability of a factor from 1 to the larger end of `resize_range`."""
    resize_down: float = 0.7
    """Probability of a factor from the smaller end to 1; what is left keeps the size."""
    resize_range: Span = (0.15, 1.5)
    """Of the picture's side in the first order; of the low-resolution side in the second."""
    resize_filters: tuple[Filter, ...] = ("area", "bilinear", "bicubic")
    noise: float = 1.0
    """Probability of noise of either kind."""
    gaussian: float = 0.5
    """Probability that noise is Gaussian; else it is Poisson."""
    gaussian_sigma: Span = (1.0, 30.0)
    """In 8-bit code values."""
    poisson_scale: Span = (0.05, 3.0)
    grey: float = 0.4
    """Probability that noise, of either kind, is the same in all channels."""
    jpeg: float = 1.0
    """Probability."""
    jpeg_quality: WholeSpan = (30, 95)

    def __post_init__(self) -> None:
        for key in ("blur", "sinc", "resize_up", "resize_down", "noise", "gaussian", "grey", "jpeg"):
            refuse_chance(key, getattr(self, key))
        if self.resize_up + self.resize_down > 1.0 + 1e-9:
            raise UsageError(
                f"resize_up + resize_down = {self.resize_up + self.resize_down:g}",
                mend="they are parts of the whole: 1 at most",
            )
        if any(side % 2 == 0 or not 3 <= side <= _KERNEL_SIDES[-1] for side in self.kernel_sides):
            raise UsageError(f"kernel_sides = {list(self.kernel_sides)}", mend="each is odd, 3 to 21")
        for key in ("sigma_px", "beta_generalized", "beta_plateau", "resize_range"):
            refuse_span(key, getattr(self, key), least=1e-3)
        if not self.resize_range[0] <= 1.0 <= self.resize_range[1]:
            raise UsageError(f"resize_range = {list(self.resize_range)}", mend="it holds 1, the size that is kept")
        for key in ("gaussian_sigma", "poisson_scale"):
            refuse_span(key, getattr(self, key))
        refuse_span("jpeg_quality", self.jpeg_quality, least=1, most=100)


@dataclass(frozen=True, kw_only=True, slots=True)
class Codecs:
    """How often each codec is used: shares, of which only the ratios count."""

    h264: float = 0.5
    h265: float = 0.35
    mjpeg: float = 0.15

    def __post_init__(self) -> None:
        _refuse_shares("codecs", self.shares)

    @property
    def shares(self) -> dict[str, float]:
        """Name and share of each."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoOrder:
    """The chain of a sequence: camera blur, sensor noise, exact bicubic, codec. One draw holds for all its frames."""

    blur: float = 0.7
    """Probability."""
    aniso: float = 0.3
    """Probability that a blur has two deviations, as that of a moving hand."""
    sigma_px: Span = (0.2, 1.2)
    """In pixels of the high-resolution picture."""
    noise: float = 0.8
    """Probability; the noise itself is new in every frame."""
    gaussian: float = 0.5
    """Probability that noise is Gaussian; else it is Poisson."""
    gaussian_sigma: Span = (0.0, 10.0)
    """In 8-bit code values of the high-resolution picture; shrinking by s leaves about one s-th."""
    poisson_scale: Span = (0.05, 0.6)
    grey: float = 0.4
    """Probability that noise is the same in all channels."""
    codecs: Codecs = field(default_factory=Codecs)
    crf: WholeSpan = (18, 35)
    """Of H.264 and H.265."""
    presets: tuple[Preset, ...] = get_args(Preset)
    """Of x264 and x265, equally likely."""
    gop: WholeSpan = (12, 120)
    """Most frames from one key frame to the next."""
    b_frames: WholeSpan = (0, 3)
    """Most in a row."""
    mjpeg_q: WholeSpan = (2, 12)
    """FFmpeg's quantiser, 2 best, 31 worst."""
    matrix: Literal["bt601", "bt709"] = "bt601"
    """Of the pictures that are RGB; BT.601 is how this project measures luma."""

    def __post_init__(self) -> None:
        for key in ("blur", "aniso", "noise", "gaussian", "grey"):
            refuse_chance(key, getattr(self, key))
        refuse_span("sigma_px", self.sigma_px, least=1e-3)
        for key in ("gaussian_sigma", "poisson_scale"):
            refuse_span(key, getattr(self, key))
        refuse_span("crf", self.crf, most=51)
        refuse_span("gop", self.gop, least=1, most=600)
        refuse_span("b_frames", self.b_frames, most=8)
        refuse_span("mjpeg_q", self.mjpeg_q, least=2, most=31)


@dataclass(frozen=True, kw_only=True, slots=True)
class Degradation:
    """All of `[degrade]`. Raises UsageError on an impossible number."""

    target: Literal["usm", "plain"] = "usm"
    """What is degraded and learned: the unsharp-masked picture, as Real-ESRGAN+ does it, or the picture as it is."""
    second_order: float = 1.0
    """Probability of the second order's blur, resizing and noise; its JPEG and the final sinc always come."""
    final_sinc: float = 0.8
    """Probability."""
    sinc_first: float = 0.5
    """Probability that the last resizing and the final sinc come before the last JPEG, and not after it."""
    first: Order = field(default_factory=Order)
    second: Order = field(
        default_factory=lambda: Order(
            blur=0.8, sigma_px=(0.2, 1.5), resize_up=0.3, resize_down=0.4, resize_range=(0.3, 1.2),
            gaussian_sigma=(1.0, 25.0), poisson_scale=(0.05, 2.5),
        )
    )  # fmt: skip
    video: VideoOrder = field(default_factory=VideoOrder)

    def __post_init__(self) -> None:
        for key in ("second_order", "final_sinc", "sinc_first"):
            refuse_chance(key, getattr(self, key))


def read_degradation(table: dict[str, Any]) -> Degradation:
    """The degradation that a recipe's table `[degrade]` says; what it does not say keeps its default.

    `[degrade.first]`, `[degrade.second]` and `[degrade.video]` are tables of their own. Raises UsageError on an unknown
    key, with the nearest one, on another type and on an impossible number.
    """
    return read_table(Degradation(), table, "degrade")


def refuse_chance(key: str, value: float) -> None:
    """Raise UsageError when it is no probability."""
    if not 0.0 <= value <= 1.0:
        raise UsageError(f"{key} = {value}", mend="it is a probability, 0 to 1")


def refuse_span(key: str, span: Span | WholeSpan, *, least: float = 0, most: float = math.inf) -> None:
    """Raise UsageError when its ends are in the wrong order or not within `least` and `most`."""
    if not least <= span[0] <= span[1] <= most or math.isinf(span[1]):
        ends = [f"{least:g} or more"] * (least > -math.inf) + [f"{most:g} or less"] * (most < math.inf)
        raise UsageError(f"{key} = {list(span)}", mend=f"it is a range, the smaller number first, {' and '.join(ends)}")


def _refuse_shares(key: str, shares: dict[str, float]) -> None:
    if not all(0.0 <= share < math.inf for share in shares.values()) or sum(shares.values()) <= 0.0:
        raise UsageError(f"{key} = {shares}", mend="each is 0 or more, and one is above 0")
