"""The networks that `--model auto` chooses among: how good each is, and how long it takes on this machine.

Quality is the gain over bicubic in PSNR of 8-bit luma, mean over what the model's card holds. A network for clean
pictures is judged by the test sets; one for compressed video by the card's table `[video]`, or by the test sets too
where a network of that kind was not measured on video, since two yardsticks cannot be compared. The user's own models
are not among them: whoever imported one names it.

Time is measured by the code of `rtsr bench`, once for each network, machine and power mode, and kept
(`rtsr.jobs.timings`). It is measured at one size and taken to grow with the area of the picture; of several measured
sizes the one nearest in area counts, so `rtsr bench --size 1280x720` makes the forecast for that size exact. On a GPU
networks are measured one after the other, not in turns: together they might not fit into its memory. Where a backend
fails and another stands in for it, that time counts now, and is not kept.
"""

import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from rtsr.config import Bench, Upscale
from rtsr.jobs.bench import BASELINE, Row, at_size
from rtsr.jobs.machine import is_busy
from rtsr.jobs.timings import Timing, keep_timings, place, read_timings
from rtsr.models import MODELS, Content, ModelCard, find_model
from rtsr.models.sharpness import GAN
from rtsr.upscalers import ON_GPU, absence, candidates

log = logging.getLogger(__name__)
SECONDS = 0.2
"""Measured of each network; what `rtsr bench` measured for less is not kept."""
_EACH_S = 0.5
"""About what a network costs, with compiling and warming up."""
_SIZES = ((960, 540), (480, 270), (240, 136))
_MOST_MACS = 20e9
"""Of one frame: a heavier network is measured at a smaller size, or one frame of it would take seconds."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One network, for frames of one size."""

    model: str
    content: Content
    """What it learned from."""
    gain_db: float
    """PSNR over that of bicubic; comparable between networks of the same content."""
    ms: float
    """Time of a frame."""
    busy: bool = False
    """Whether it was measured beside other programs, and is quicker alone."""


def shipped_networks(scale: int) -> list[ModelCard]:
    """Every network of ours that enlarges by `scale`, but those that repaint: GAN forms, and what degraded pictures
    taught. Empty where there is none."""
    cards = [find_model(name, scale) for name, own in MODELS.items() if scale in own and not name.endswith(GAN)]
    return [card for card in cards if card.onnx is not None and card.content != "degraded"]


def climb(options: Upscale, size_wh: tuple[int, int]) -> list[Rung]:
    """The ladder for frames of (width, height), after measuring what is not known of this machine yet.

    A network that does not run here is left out. Raises BackendError where a backend is named and cannot run.
    """
    cards = shipped_networks(options.scale)
    gains, timings = _gains_db(cards), _timings(cards, options)
    rungs = []
    for card in cards:
        own = [one for one in timings if one.model == card.name]
        if own:
            area_px = size_wh[0] * size_wh[1]
            nearest = min(own, key=lambda one: abs(math.log(one.area_px / area_px)))
            ms = nearest.ms * area_px / nearest.area_px
            rungs.append(Rung(card.name, card.content, gains[card.name], ms, nearest.busy))
    return rungs


def keep_rows(rows: Iterable[Row], options: Bench, *, busy: bool) -> None:
    """Keep what `rtsr bench` has measured, as far as it tells more than noise; `busy` as `Timing` has it."""
    if options.seconds >= SECONDS:
        known = {card.name: card for card in shipped_networks(options.scale)}
        ran = [row for row in rows if row.model in known and not row.reason]  # nothing stood in for what auto takes
        timings = [_timing(row, known[row.model], options, busy=busy) for row in ran]
        keep_timings([one for one in timings if one.area_px >= _least_px(known[one.model])])


def _gains_db(cards: Sequence[ModelCard]) -> dict[str, float]:
    """By model; see the module."""
    on_video = all(card.video_gain_db for card in cards if card.content == "video")
    return {
        card.name: fmean(db for _, db in card.video_gain_db)
        if card.content == "video" and on_video
        else _gain_on_pictures_db(card)
        for card in cards
    }


def _gain_on_pictures_db(card: ModelCard) -> float:
    bicubic = {row.dataset: row.psnr_uint8_db for row in find_model(BASELINE, card.scale).quality}
    gains = [row.psnr_uint8_db - bicubic[row.dataset] for row in card.quality if row.dataset in bicubic]
    return fmean(gains) if gains else 0.0


def _timings(cards: Sequence[ModelCard], options: Upscale) -> list[Timing]:
    kept = _usable(cards, options)
    found = {one.model for one in kept}
    missing = [card for card in cards if card.name not in found]
    if not missing:
        return kept
    on_gpu = _takes_gpu(options)
    about = "each gets an engine first" if on_gpu else f"about {_EACH_S * len(missing):.0f} s"
    log.info("measuring once how fast %d networks are here, %s; kept in %s", len(missing), about, place())
    busy = is_busy()
    bench = Bench(
        scale=options.scale,
        backend=options.backend,
        device=options.device,
        require=options.require,
        precision=options.precision,
        threads=options.threads,
        seconds=SECONDS,
    )
    for size in _SIZES:
        group = {card.name: card for card in missing if _own_size(card) == size}
        for names in [[name] for name in group] if on_gpu else [list(group)] if group else []:
            made = [
                (row, _timing(row, group[row.model], bench, busy=busy))
                for row in at_size(size, (BASELINE, *names), bench, None)
                if row.model in group and row.backend != BASELINE
            ]
            keep_timings([timing for row, timing in made if not row.reason])
            kept += [timing for _, timing in made]
    return kept


def _usable(cards: Sequence[ModelCard], options: Upscale) -> list[Timing]:
    """What is kept of these networks as they are now, run as `options` ask for."""
    digests = {card.name: card.onnx.sha256 for card in cards if card.onnx is not None}
    quiet = not is_busy()
    asked = options.scale, _backend(options), options.threads, _device(options), options.precision
    return [
        one
        for one in read_timings()
        if digests.get(one.model) == one.sha256
        and (one.scale, one.backend, one.threads, one.device, one.precision) == asked
        and not (one.busy and quiet)  # then it can be measured better
    ]


def _timing(row: Row, card: ModelCard, options: Bench, *, busy: bool) -> Timing:
    return Timing(
        model=card.name,
        sha256=card.onnx.sha256 if card.onnx is not None else "",
        scale=row.scale,
        backend=_backend(options),
        threads=options.threads,
        device=_device(options),
        precision=options.precision,
        width=row.width,
        height=row.height,
        ms=row.p50_ms,
        busy=busy,
    )


def _backend(options: Bench | Upscale) -> str:
    """What was asked to run the network, by either flag."""
    return options.require if options.backend == "auto" and options.require is not None else options.backend


def _device(options: Bench | Upscale) -> str:
    """What was asked for; the CPU is what auto takes where there is no GPU, and is measured once."""
    return "auto" if options.device == "cpu" and not _takes_gpu(Upscale()) else options.device


def _takes_gpu(options: Upscale) -> bool:
    return any(name in ON_GPU and absence(name, options) is None for name in candidates(options))


def _own_size(card: ModelCard) -> tuple[int, int]:
    """The (width, height) at which the ladder measures a network."""
    macs = card.macs_per_output_pixel * card.scale**2
    return next((size for size in _SIZES if macs * size[0] * size[1] <= _MOST_MACS), _SIZES[-1])


def _least_px(card: ModelCard) -> int:
    """Smaller pictures are more overhead than work, and tell nothing of larger ones."""
    return math.prod(_own_size(card))
