"""`rtsr image`: the network for luma, the exact bicubic for colours and transparency, float until one rounding.

Luma is BT.601 studio swing, as the networks were trained on. What the network knows beyond bicubic is added to red,
green and blue alike, which is the same as enlarging the two colour differences by bicubic: all of it is linear.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rtsr.config import Image
from rtsr.errors import InterruptedRun, LossError, ResourceError, SourceError, UsageError
from rtsr.jobs.choose import settle_pictures
from rtsr.jobs.evaluate import list_pictures
from rtsr.jobs.picture import Picture, read_whole, refuse_loss, refuse_suffix, write_whole
from rtsr.metrics import luma
from rtsr.models import ModelCard, find_model
from rtsr.models.sharpness import sharpened
from rtsr.resample import bicubic_enlarge
from rtsr.upscalers.ensemble import ensembled
from rtsr.upscalers.tiles import SMALLEST_PX, Luma, LumaFunction, tiled

log = logging.getLogger(__name__)
_AUTO_TILE_PX = 512
_STUDIO = np.float32(255 / 219)
_FILL_PX = 8


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture and where its enlargement goes."""

    source: Path
    output: Path


@dataclass(frozen=True, slots=True)
class Enlarged:
    """One finished picture."""

    pair: Pair
    from_wh: tuple[int, int]
    to_wh: tuple[int, int]


def open_image(options: Image) -> "ImageJob":
    """Find model, pictures and places, and refuse what cannot be done before anything is written.

    Raises:
        UsageError: there is no such model, an output exists or cannot be, or --tile makes no sense.
        SourceError: there is no picture.
        BackendError: the network cannot be loaded.
    """
    tile_px = _tile_px(options.tile)
    pairs = _pairs(Path(options.source), Path(options.output))
    for pair in pairs:
        _refuse_place(pair, options)
    options = settle_pictures(options)  # after what can be refused at once
    card = sharpened(find_model(options.model, options.scale), options.sharpness)
    return ImageJob(options, card, tile_px, pairs)


def _tile_px(words: str) -> int:
    if words == "auto":
        return _AUTO_TILE_PX
    if not words.isdecimal() or 0 < int(words) < SMALLEST_PX:
        raise UsageError(
            f"--tile {words} is no size of a tile", mend=f"say auto, 0 for none, or {SMALLEST_PX} or more pixels"
        )
    return int(words)


def _pairs(source: Path, output: Path) -> list[Pair]:
    if not source.is_dir():
        if not source.exists():
            raise SourceError(f"there is no {source}", mend="name a picture or a folder of pictures")
        return [Pair(source, output / source.name if output.is_dir() else output)]
    if output.exists() and not output.is_dir():
        raise UsageError(f"{source} is a folder, but {output} is a file", mend="name a folder for the output")
    if output.exists() and output.samefile(source):
        raise UsageError(f"{output} is the input itself", mend="give the output another name")
    return [Pair(path, output / path.name) for path in list_pictures(source)]


def _refuse_place(pair: Pair, options: Image) -> None:
    output = pair.output
    if output.is_dir():
        raise UsageError(f"{output} is a folder", mend="remove it, or take another name")
    refuse_suffix(output)
    if output.exists() and output.samefile(pair.source):
        raise UsageError(f"{output} is the input itself", mend="give the output another name")
    if output.exists() and not options.overwrite:
        raise UsageError(f"{output} exists", mend="add -y to replace it, or take another name")
    if not Path(options.source).is_dir() and not output.parent.is_dir():
        raise UsageError(f"the folder {output.parent} does not exist", mend=f"mkdir -p {output.parent}")


class ImageJob:
    """Ready to run; see `open_image`."""

    def __init__(self, options: Image, card: ModelCard, tile_px: int, pairs: list[Pair]) -> None:
        self._options, self._card, self._pairs = options, card, pairs
        self._stopped = False
        self._run = self._luma_function(tile_px)

    def stop(self) -> None:
        """From any thread or signal handler: end before the next piece of work."""
        self._stopped = True

    def run(self, on_done: Callable[[Enlarged], None]) -> None:
        """Enlarge every picture; each appears under its name when it is complete.

        Args:
            on_done: called after each picture.

        Raises:
            InterruptedRun: `stop` was called.
            SourceError: a picture cannot be read, and `skip_bad` was not asked for or nothing was left.
            LossError: all is done, but bad pictures were skipped.
            ResourceError: memory or disk is full.
        """
        bad: list[str] = []
        for number, pair in enumerate(self._pairs):
            self._check(number)
            try:
                on_done(self._one(pair))
            except SourceError as error:
                if not self._options.skip_bad or len(self._pairs) == 1:
                    raise self._told(error, number) from error
                log.warning("skipped: %s", error.problem)
                bad.append(error.problem)
            except MemoryError as error:
                raise ResourceError(f"memory is full at {pair.source}", mend="take smaller pictures") from error
            except InterruptedRun:
                self._check(number)
                raise
        self._tell_bad(bad)

    def _one(self, pair: Pair) -> Enlarged:
        picture = read_whole(pair.source)
        refuse_loss(picture, pair.output)
        larger = enlarge(picture, self._run, self._card)
        try:
            pair.output.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"the folder {pair.output.parent} cannot be made ({error.strerror})", mend="choose another place"
            ) from error
        write_whole(larger, pair.output)
        return Enlarged(pair, picture.size_wh, larger.size_wh)

    def _luma_function(self, tile_px: int) -> LumaFunction:
        network = luma_network(self._card)

        def run(y: Luma) -> Luma:
            if self._stopped:
                raise InterruptedRun("stopped", mend="")
            return network(y)

        whole = ensembled(run) if self._options.ensemble else run
        return tiled(whole, self._card.scale, tile_px, _reach_px(self._card)) if tile_px else whole

    def _check(self, finished: int) -> None:
        if self._stopped:
            raise InterruptedRun(
                f"stopped after {finished} of {len(self._pairs)} pictures",
                mend="those are complete; run it again with -y",
            )

    def _told(self, error: SourceError, finished: int) -> SourceError:
        if len(self._pairs) == 1:
            return error
        return SourceError(
            f"{error.problem}; {finished} of {len(self._pairs)} pictures were finished before it",
            mend=f"{error.mend}, or go on without it: --skip-bad",
        )

    def _tell_bad(self, bad: list[str]) -> None:
        if not bad:
            return
        count = f"{len(bad)} of {len(self._pairs)} pictures were skipped: {'; '.join(bad)}"
        if len(bad) == len(self._pairs):
            raise SourceError(count, mend="name a folder of pictures")
        raise LossError(count, mend="The others are enlarged")


def luma_network(card: ModelCard) -> LumaFunction:
    """The network of `card` on (H, W) float32 studio-swing luma, 0..1 of 255; bicubic where it is none."""
    if card.onnx is None:
        return lambda y: bicubic_enlarge(y, card.scale)
    from rtsr.upscalers.openvino import open_reference

    return open_reference(card)


def _reach_px(card: ModelCard) -> int:
    return -(-card.receptive_field_px // 2)


def enlarge(picture: Picture, run: LumaFunction, card: ModelCard) -> Picture:
    """`picture` at `card.scale` times its size.

    Args:
        picture: any.
        run: what `luma_network` gives, perhaps in tiles and ensembled.
        card: for the scale and the reach.
    """
    samples, alpha = picture.samples, picture.alpha
    if alpha is not None:
        samples = _filled(samples, alpha, min(_reach_px(card), _FILL_PX))
        alpha = bicubic_enlarge(alpha, card.scale).clip(0, 1)
    colours = np.broadcast_to(samples, (*samples.shape[:2], 3))
    y = (luma(colours * np.float32(255)) / 255).astype(np.float32)
    detail = (run(y) - bicubic_enlarge(y, card.scale)) * _STUDIO
    planes = [bicubic_enlarge(plane, card.scale) + detail for plane in np.moveaxis(samples, 2, 0)]
    return replace(picture, samples=np.stack(planes, axis=2).clip(0, 1), alpha=alpha)


def _filled(samples: Luma, alpha: Luma, steps_px: int) -> Luma:
    """The picture with visible colours carried into its invisible pixels, `steps_px` far.

    Why: the colour of an invisible pixel is often black, and would be mixed into the visible ones beside it.
    """
    known, filled = (alpha > 0).astype(np.float32), samples
    for _ in range(steps_px):
        if known.all():
            break
        count = _around(known)
        mean = _around(filled * known[..., None]) / np.maximum(count, 1)[..., None]
        filled = np.where(known[..., None] > 0, filled, mean)
        known = (count > 0).astype(np.float32)
    return filled


def _around(values: Luma) -> Luma:
    """The sum over each pixel and its eight neighbours."""
    padded = np.pad(values, [(1, 1), (1, 1)] + [(0, 0)] * (values.ndim - 2))
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return np.asarray(rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:])
