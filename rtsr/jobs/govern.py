"""The ladder that a governor steps along, for the source at hand: its rungs, what each costs here, where it begins.

Networks lie on it from the best to the cheapest, each at least a quarter cheaper than the one above; the first is what
`--model auto` takes for the rate asked for. Below them the network makes a part of the picture only, and at last there
is none. A model that was named is the only network: whoever names one does not want another.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from rtsr.background import Report
from rtsr.config import AUTO, HOLDS, Bench, Upscale, View
from rtsr.errors import BackendError, UsageError
from rtsr.frame import StreamInfo
from rtsr.jobs.bench import BASELINE, at_size
from rtsr.jobs.choose import Need, choose, need_of, refuse_impossible, settler
from rtsr.jobs.energy import open_sensors
from rtsr.jobs.ladder import Rung as Network
from rtsr.jobs.ladder import climb
from rtsr.models import Content
from rtsr.power import CONTAINS, Part, Probe
from rtsr.stages import Upscaler
from rtsr.upscalers import ON_GPU, absence, candidates, open_upscaler
from rtsr.upscalers.governor import GovernedUpscaler, Ladder, Rung, Watch
from rtsr.upscalers.region import Box, RegionUpscaler, info_of, middle_of, parse_region
from rtsr.upscalers.senses import Limits, open_senses
from rtsr.upscalers.swap import open_at_once

log = logging.getLogger(__name__)
_CHEAPER = 0.75
"""Of what the rung above costs, at most: a step that saves less is not worth being seen."""
_SECONDS = 0.2
"""Measured of what is not on `rtsr.jobs.ladder`."""


Open = Callable[[Upscale, StreamInfo], Upscaler]
"""As `rtsr.upscalers.open_upscaler`."""


def upscaling(options: View, watch: Watch, ungoverned: Open) -> tuple[Upscale | Callable[[StreamInfo], Upscale], Open]:
    """What to upscale with and what opens that, for `rtsr.compose.compose`; `ungoverned` where there is no governor.

    Raises as `governing` and `rtsr.jobs.choose.settler`.
    """
    return (options, governing(options, watch)) if options.governor else (settler(options, "view"), ungoverned)


def governing(options: View, watch: Watch) -> Open:
    """What opens the upscaler in the place of `rtsr.upscalers.open_upscaler`.

    Raises:
        UsageError: a limit makes no sense, or no network may be chosen as asked. What it gives raises that, too, where
            `options` leave a single rung, and BackendError where nothing measures what is limited.
    """
    limits = Limits(options.target_fps, options.max_watts, options.max_latency, options.max_temp)
    if options.backend == BASELINE or options.model == BASELINE:
        raise UsageError("bicubic leaves a governor nothing to step down from", mend="leave --governor or bicubic out")
    if options.model == AUTO:
        refuse_impossible(options)

    def open_governed(_options: Upscale, info: StreamInfo) -> Upscaler:
        if limits.max_latency_ms is not None and not info.live:
            raise UsageError(
                f"--max-latency is of live sources, and {info.label} waits for its turn", mend="leave --max-latency out"
            )
        senses = open_senses(limits, None if limits.max_watts is None else _open_probe(options, limits.max_watts))
        try:
            ladder = _ladder(options, info, limits.target_fps)
            now = ladder.rungs[ladder.start].open(None)
        except BaseException:
            senses.close()
            raise
        told = ", ".join(f"{rung.title} ({rung.cost_ms:.1f} ms)" for rung in ladder.rungs)
        log.info("governor: begins with %s; its ladder: %s", ladder.rungs[ladder.start].title, told)
        return GovernedUpscaler(now, ladder, watch, senses)

    return open_governed


def _open_probe(options: Upscale, max_watts: float) -> Probe:
    """The first sensor that sees what makes the pictures: a module, the CPU or the GPU, or all of the machine."""
    on_gpu = any(name in ON_GPU and absence(name, options) is None for name in candidates(options))
    maker: Part = "gpu" if on_gpu else "cpu"
    probes = open_sensors(options.device)
    seeing = [probe for probe in probes if maker == probe.part or maker in CONTAINS[probe.part]]
    for probe in probes:
        if probe not in seeing[:1]:
            probe.close()
    if seeing:
        return seeing[0]
    raise BackendError(
        f"--max-watts {max_watts:g}, and no sensor can be read here that sees the {maker.upper()}",
        mend="leave it out; `rtsr doctor` says of each sensor why, and what mends it",
    )


def _ladder(options: View, info: StreamInfo, target_fps: float | None) -> Ladder:
    need = need_of(options, "view", info)
    if target_fps is not None:
        need = replace(need, frame_ms=max(need.frame_ms, 1e3 / target_fps))
    networks, why = _chosen(options, info, need) if options.model == AUTO else _named(options, info)
    plain = replace(options, quality=None, content="auto") if options.model == AUTO else options
    rungs = [
        _network_rung(replace(plain, model=one.model, why=why if not at else ""), info, one.ms, first=not at)
        for at, one in enumerate(networks)
    ]
    if options.require is None:
        rungs += _without(plain, info, networks)
    if len(rungs) < 2:
        raise UsageError(
            f"--require {options.require} leaves the governor one rung",
            mend="leave --require, --model or --governor out",
        )
    most_ms = HOLDS["view"] * need.frame_ms
    start = next((at for at, rung in enumerate(rungs) if rung.cost_ms <= most_ms), len(rungs) - 1)
    return Ladder(tuple(rungs), start if options.model == AUTO else 0)


def _chosen(options: View, info: StreamInfo, need: Need) -> tuple[list[Network], str]:
    """The networks that auto may take for `need`, and why the first of them."""
    found = climb(options, (info.width, info.height))
    choice = choose(found, need)
    log.info("%s", choice.sentence)
    mine = [one for one in found if one.content in need.contents]
    top = next((one for one in mine if one.model == choice.model), None)
    if top is None:  # none is quick enough for the whole picture; perhaps for a part of it
        return sorted(mine, key=lambda one: (one.ms, one.model))[:1], ""
    return below(mine, top, need.contents), choice.why


def below(networks: Sequence[Network], top: Network, contents: Sequence[Content]) -> list[Network]:
    """`top`, and then always the best one that costs at most three quarters of the last one: of its content, then of
    those that step in for it."""
    ladder = [top]
    for content in contents[list(contents).index(top.content) :]:
        while True:
            most_ms = _CHEAPER * ladder[-1].ms
            cheaper = [one for one in networks if one.content == content and one.ms <= most_ms and one.gain_db > 0]
            if not cheaper:
                break
            ladder.append(max(cheaper, key=lambda one: (one.gain_db, -one.ms, one.model)))
    return ladder


def _named(options: View, info: StreamInfo) -> tuple[list[Network], str]:
    ms = _measured_ms((info.width, info.height), [BASELINE, options.model], options)[1]
    return [Network(options.model, "clean", 0.0, ms)], ""


def _measured_ms(size_wh: tuple[int, int], models: Sequence[str], options: Upscale) -> list[float]:
    """Of a frame, by the code of `rtsr bench`."""
    bench = Bench(
        scale=options.scale,
        backend=options.backend,
        device=options.device,
        require=options.require,
        precision=options.precision,
        threads=options.threads,
        seconds=_SECONDS,
    )
    return [row.p50_ms for row in at_size(size_wh, models, bench, None)]


def _network_rung(options: Upscale, info: StreamInfo, ms: float, *, first: bool) -> Rung:
    def opened(report: Report | None) -> Upscaler:
        return open_at_once(options, info) if first and report is None else open_upscaler(options, info, report)

    return Rung(options.model, ms, opened)


def _without(options: View, info: StreamInfo, networks: Sequence[Network]) -> list[Rung]:
    """The rungs below all networks on the whole picture."""
    size_wh = info.width, info.height
    bicubic_ms = _measured_ms(size_wh, [BASELINE], options)[0]
    plain = Upscale(model=BASELINE, scale=options.scale, backend="bicubic", threads=options.threads)

    def bicubic(_report: Report | None) -> Upscaler:
        return open_upscaler(plain, info)

    last = Rung(BASELINE, bicubic_ms, bicubic)
    if not networks:
        return [last]
    cheapest = networks[-1]
    box = middle_of(size_wh) if options.region is None else parse_region(options.region, size_wh, info.layout)
    ms = bicubic_ms + cheapest.ms * box.width * box.height / (info.width * info.height)
    if options.region is None and ms > _CHEAPER * cheapest.ms:
        return [last]
    return [_region_rung(replace(options, model=cheapest.model), info, box, ms, bicubic), last]


def _region_rung(
    options: Upscale, info: StreamInfo, box: Box, ms: float, bicubic: Callable[[Report | None], Upscaler]
) -> Rung:
    def opened(report: Report | None) -> Upscaler:
        whole = bicubic(None)
        try:
            return RegionUpscaler(whole, open_upscaler(options, info_of(info, box), report), box, info)
        except BaseException:
            whole.close()
            raise

    return Rung(f"{options.model} on {box}", ms, opened)
