"""`rtsr explain`: what a network has learned: filters, their spectra, and what it does to a picture. No torch.

An edge-SR network of one layer makes C candidate pictures and chooses between them per pixel (`rtsr.nets.esr`). Here
the phases of each filter are put together again into the one kernel that an input pixel spreads over the output. Of
other networks, `rtsr.jobs.explain_plain` shows what can be shown of any.
"""

from __future__ import annotations

import json
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rtsr.errors import BackendError, UsageError
from rtsr.jobs.evaluate import read_picture
from rtsr.metrics import luma
from rtsr.models import ModelCard, find_model, verified_path
from rtsr.nets import SHAPE
from rtsr.resample import bicubic_enlarge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rtsr.config import Explain

_WEIGHT = "weight"
"""The one tensor in the file of an edge-SR network, as `rtsr.nets.esr` names it."""
_SHOWN_PX = 256
"""Output pixels on a side of what is looked at, from the middle of the picture: the page shows each of them."""
_FIELD_PX = 192
"""Input pixels on a side of what the receptive field is measured on."""
_SPECTRUM = 256
_PATTERN = "pattern:256x256"


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of one network in the form of its paper, each (C, S*S, k, k) float32."""

    kind: str
    """max, tm or tr."""
    scale: int
    value: NDArray[np.float32]
    """What makes each candidate."""
    query: NDArray[np.float32] | None
    """tr only."""
    key: NDArray[np.float32] | None
    """tm: the templates, less their mean, which changes no choice. None for max."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a network makes of one picture; all (S*H, S*W) float32, 0..1 of 255."""

    bicubic: NDArray[np.float32]
    made: NDArray[np.float32]
    share: NDArray[np.float32]
    """(C, S*H, S*W), how much of each candidate is taken, sum 1."""


def explain(options: Explain) -> Path:
    """Draw it to a PNG, and return its path.

    Raises:
        UsageError: there is no such model or it is no network, matplotlib or safetensors is missing, or the output
            exists or cannot be.
        SourceError: the picture cannot be read.
        BackendError: the model's file is damaged.
    """
    output = Path(options.output)
    _refuse_place(output, options)
    card = find_model(options.model, options.scale)
    if card.onnx is None:
        raise UsageError(f"{card.name} has learned nothing", mend="choose a network, see `rtsr models`")
    shown = _picture(options.image, _SHOWN_PX // card.scale)
    if card.net == "esr":
        _explain_esr(card, shown, output)
    else:
        _explain_plain(card, (shown, _picture(options.image, _FIELD_PX)), output)
    return output


def _explain_esr(card: ModelCard, y: NDArray[np.float32], output: Path) -> None:
    filters = read_filters(card)
    from rtsr.jobs.explain_plot import draw

    draw(str(card), filters, choose(filters, y), output)


def _explain_plain(card: ModelCard, pictures: tuple[NDArray[np.float32], NDArray[np.float32]], output: Path) -> None:
    """`pictures` are what is shown, and the larger part on which the receptive field is measured."""
    from rtsr.jobs.explain_plain import first_filters, measure_field
    from rtsr.jobs.explain_plain_plot import Page, draw

    filters = first_filters(card)
    from rtsr.upscalers.openvino import open_reference

    run = open_reference(card)
    shown, looked_at = pictures
    field = measure_field(run, looked_at, card.receptive_field_px)
    draw(Page(card, filters, field, bicubic_enlarge(shown, card.scale), run(shown)), output)


def _refuse_place(output: Path, options: Explain) -> None:
    if output.suffix.lower() != ".png":
        raise UsageError(f"{output} is no PNG", mend="end its name in .png")
    if output.is_dir() or not output.parent.is_dir():
        raise UsageError(f"{output} cannot be written there", mend="name a file in a folder that exists")
    if options.image is not None and output.exists() and output.samefile(options.image):
        raise UsageError(f"{output} is the input itself", mend="give the output another name")
    if output.exists() and not options.overwrite:
        raise UsageError(f"{output} exists", mend="add -y to replace it, or take another name")


def read_filters(card: ModelCard) -> Filters:
    """The filters in the card's safetensors file, unfolded; raises as `explain` does."""
    if card.net != "esr":
        raise UsageError(f"{card.name} is no one-layer edge-SR network", mend="choose one of those, see `rtsr models`")
    with open_weights(card) as file:
        try:
            shape = json.loads(file.metadata()[SHAPE])
            return unfold(shape["kind"], shape["channels"], shape["scale"], file.get_tensor(_WEIGHT))
        except (KeyError, TypeError, ValueError) as error:
            raise BackendError(f"{card} holds no edge-SR network: {error!r}", mend="reinstall rtsr") from error


@contextmanager
def open_weights(card: ModelCard) -> Iterator[Any]:
    """The card's safetensors file, opened for numpy. Raises UsageError without safetensors, BackendError if damaged."""
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise UsageError(
            "safetensors is not installed, which reads the weights", mend='pip install "rtsr[eval]"'
        ) from error
    path = verified_path(card, "safetensors")
    try:
        with safe_open(path, framework="np") as file:
            yield file
    except SafetensorError as error:
        raise BackendError(f"{path.name} cannot be read: {error}", mend="reinstall rtsr") from error


def unfold(kind: str, channels: int, scale: int, weight: NDArray[np.float32]) -> Filters:
    """The paper's filters of a folded weight, (planes * S*S, 1, k, k) as `rtsr.nets.esr.FoldedESR` has it."""
    planes = weight.reshape(-1, scale**2, *weight.shape[2:])
    if kind == "max" or channels == 1:
        return Filters(kind, scale, planes, None, None)
    value = np.concatenate([planes[:1] + planes[1:channels], planes[:1]])
    lead = planes[channels:]
    if kind == "tr":
        return Filters(kind, scale, value, lead[:channels], lead[channels:])
    key = np.concatenate([lead, np.zeros_like(lead[:1])])
    return Filters(kind, scale, value, None, key - key.mean(axis=0))


def kernels(phases: NDArray[np.float32]) -> NDArray[np.float32]:
    """What one input pixel spreads over the output: (C, S*S, k, k) filters to (C, S*k, S*k).

    An output pixel looks at its inputs with the filter of its phase; seen from an input pixel, that filter is turned
    by 180 degrees and its taps lie S apart.
    """
    count, square, size, _ = phases.shape
    scale = round(square**0.5)
    turned = phases[:, :, ::-1, ::-1].reshape(count, scale, scale, size, size)
    return np.ascontiguousarray(turned.transpose(0, 3, 1, 4, 2)).reshape(count, size * scale, size * scale)


def spectrum_db(kernel: NDArray[np.float32], reference: float) -> NDArray[np.float64]:
    """|FFT| of one kernel, zero-padded to 256 x 256, frequency 0 in the middle, in dB above `reference`."""
    magnitude = np.abs(np.fft.fftshift(np.fft.fft2(kernel, (_SPECTRUM, _SPECTRUM))))
    return np.asarray(20 * np.log10(np.maximum(magnitude / reference, 1e-6)))


def orientation(kernel: NDArray[np.float32]) -> tuple[float, float]:
    """(direction of the lines in a kernel in degrees, 0 = level, 90 = upright; how clear it is, 0..1).

    By the structure tensor: the sum over the kernel of the outer product of its gradient with itself.
    """
    down, across = np.gradient(kernel.astype(np.float64))
    xx, yy, xy = (across * across).sum(), (down * down).sum(), (across * down).sum()
    spread = np.hypot(xx - yy, 2 * xy)
    steepest = 0.5 * np.arctan2(2 * xy, xx - yy)
    upwards = np.degrees(np.pi / 2 - steepest) % 180  # rows count downwards; lines run across the steepest way
    return float(upwards), float(spread / max(xx + yy, 1e-12))


def _picture(image: str | None, side_px: int) -> NDArray[np.float32]:
    """The middle of a picture, or the pattern's corner with the rings: (H, W) float32 studio-swing luma, 0..1 of 255.

    At most `side_px` on a side. Raises SourceError when the picture cannot be read.
    """
    if image is not None:
        return middle(np.asarray(luma(read_picture(Path(image))) / 255, np.float32), side_px)
    from rtsr.sources import open_source

    with closing(open_source(_PATTERN)) as source:
        return np.asarray(next(iter(source.frames())).y[:side_px, -side_px:] / 255, np.float32)


def middle(y: NDArray[np.float32], side_px: int) -> NDArray[np.float32]:
    """At most `side_px` by `side_px` from the middle of (H, W)."""
    top, left = (max(0, (length - side_px) // 2) for length in y.shape)
    return y[top : top + side_px, left : left + side_px]


def choose(filters: Filters, y: NDArray[np.float32]) -> Choice:
    """Run the network, keeping how it chooses. `y` is (H, W) float32, 0..1 of 255."""
    value = _candidates(filters.value, y)
    if filters.kind == "max":
        share = (value == value.max(axis=0)).astype(np.float32)
        share /= share.sum(axis=0)
    elif filters.key is None:
        share = np.ones_like(value)
    else:
        score = _candidates(filters.key, y)
        if filters.query is not None:
            score *= _candidates(filters.query, y)
        share = np.exp(score - score.max(axis=0))
        share /= share.sum(axis=0)
    return Choice(bicubic_enlarge(y, filters.scale), (value * share).sum(axis=0), share)


def _candidates(phases: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """(C, S*S, k, k) filters on (H, W) to (C, S*H, S*W), borders repeated."""
    count, square, size, _ = phases.shape
    scale = round(square**0.5)
    padded = np.pad(y, size // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size))
    made = windows.reshape(y.size, size * size) @ phases.reshape(count * square, size * size).T
    planes = made.reshape(*y.shape, count, scale, scale).transpose(2, 0, 3, 1, 4)
    return np.asarray(planes.reshape(count, y.shape[0] * scale, y.shape[1] * scale))
