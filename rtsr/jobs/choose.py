"""`--model auto`: which network, by the ladder of this machine, the rules of `rtsr.config.RULES`, and what is seen.

Of the networks for the content at hand, the best one that the rule lets pass. Content that is not named is compressed
video where a lossy codec or a camera made it; files of lossless codecs, pictures and patterns are clean. For video a
network for clean pictures steps in where none for video passes, unless `--content` named one. Where nothing passes it
is the fastest network, or bicubic where not even that holds the rate of what is watched; both are said. The user's own
models are named by their user, never chosen. The time of a picture is forecast as if it were video; `rtsr image` works
on the CPU in float32, which takes somewhat longer on CPUs that have bf16.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from rtsr.config import AUTO, HOLDS, RULES, USUAL, Encoding, Image, Job, Network, Quality, Rule, Upscale
from rtsr.errors import BackendError, UsageError
from rtsr.frame import StreamInfo
from rtsr.jobs.bench import BASELINE
from rtsr.jobs.ladder import Rung, climb, shipped_networks
from rtsr.jobs.sizing import plain_scale, sized
from rtsr.models import MODELS, Content

log = logging.getLogger(__name__)
_RATE_FPS = 30.0
"""Of a source that does not tell its own."""
_MEGAPIXEL_WH = (1000, 1000)
_ENSEMBLE = 8
"""Times that the network sees a picture."""
_WORDS: dict[Content, str] = {"clean": "clean pictures", "video": "compressed video", "degraded": "degraded pictures"}


@dataclass(frozen=True, slots=True)
class Need:
    """What a network is chosen for."""

    job: Job
    quality: Quality
    contents: tuple[Content, ...]
    """What the network should have learned from, the best first; the later ones step in."""
    frame_ms: float
    """How long a frame lasts; of pictures, a second, over the number of times that the network sees one."""
    forecast: Callable[[float], str]
    """From the time of a frame in ms, what it makes of the work at hand, in words."""

    @property
    def rule(self) -> Rule:
        """How long the network may need."""
        return RULES[self.job][self.quality]

    @property
    def most_ms(self) -> float:
        """The same, for a frame; may be infinite."""
        return self.rule.most * self.frame_ms


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and why."""

    model: str
    why: str
    """In a few words, for the badge."""
    sentence: str


def best(rungs: Sequence[Rung], contents: Sequence[Content], most_ms: float) -> Rung | None:
    """The rung of the first content that has one of at most `most_ms`: the best of those, of equals the fastest."""
    for content in contents:
        fitting = [rung for rung in rungs if rung.content == content and rung.ms <= most_ms]
        if fitting:
            return max(fitting, key=lambda rung: (rung.gain_db, -rung.ms, rung.model))
    return None


def choose(rungs: Sequence[Rung], need: Need) -> Choice:
    """The network for `need` among `rungs`, the same each time; the fastest, or bicubic, where none passes."""
    rung = best(rungs, need.contents, need.most_ms)
    if rung is None:
        return _last_resort([one for one in rungs if one.content in need.contents], need)
    first = need.contents[0]
    instead = f", since none for {_WORDS[first]} " if rung.content != first else ""
    if instead:
        instead += "is quick enough" if any(one.content == first for one in rungs) else "is there"
    return Choice(
        rung.model,
        f"auto, {need.quality}, {_share(rung, need)}",
        f"{rung.model} is the best network for {_WORDS[rung.content]} {_asked(need)}{instead}: {_cost(rung, need)}",
    )


def _last_resort(rungs: Sequence[Rung], need: Need) -> Choice:
    if not rungs:
        return Choice(BASELINE, "auto: no network runs here", "bicubic, no super-resolution: no network runs here")
    rung = min(rungs, key=lambda one: (one.ms, one.model))
    if rung.ms <= HOLDS[need.job] * need.frame_ms:
        return Choice(
            rung.model,
            f"auto, the fastest, {_share(rung, need)}",
            f"{rung.model} is the fastest network, since none is {_asked(need)}: {_cost(rung, need)}",
        )
    return Choice(
        BASELINE,
        "auto: no network is quick enough",
        f"bicubic, no super-resolution: the fastest network, {rung.model}, does not hold the rate: {_cost(rung, need)}",
    )


def _asked(need: Need) -> str:
    return f"within {need.rule.words} ({need.quality})"


def _share(rung: Rung, need: Need) -> str:
    return f"{rung.ms / need.frame_ms:.2g} of real time"


def _cost(rung: Rung, need: Need) -> str:
    beside = "; measured while the machine was busy, and again when it is not" if rung.busy else ""
    return f"{rung.gain_db:+.2f} dB over bicubic, {need.forecast(rung.ms)}{beside}"


def settler(options: Upscale, job: Job) -> Upscale | Callable[[StreamInfo], Upscale]:
    """`options` as they are where they name model and scale; else what decides, once the source is known, and logs why.

    Asked again for the same source, it gives the same. Raises UsageError when there is nothing to choose from; what it
    gives raises BackendError when a named backend would have to give way to bicubic.
    """
    if isinstance(options, Encoding):
        scale = plain_scale(options)
        if scale is None:
            return _sized(options, job)
        options = replace(options, scale=scale)
    return _settler(options, job)


def _sized(options: Encoding, job: Job) -> Callable[[StreamInfo], Upscale]:
    def settle(info: StreamInfo) -> Upscale:
        settled = _settler(sized(options, info), job)
        return settled if isinstance(settled, Upscale) else settled(info)

    return settle


def _settler(options: Upscale, job: Job) -> Upscale | Callable[[StreamInfo], Upscale]:
    if options.model != AUTO:
        return options
    refuse_impossible(options)
    if options.backend == BASELINE:
        raise UsageError(
            "--backend bicubic runs no network, and --model auto chooses one", mend="leave one of the two out"
        )

    @cache
    def settle(info: StreamInfo) -> Upscale:
        choice = choose(climb(options, (info.width, info.height)), need_of(options, job, info))
        named = _named_runner(options)
        if choice.model == BASELINE and named is not None:
            raise BackendError(
                f"no network on {named} holds the rate of {info.label}",
                mend="name one all the same, --model NAME, or leave --backend, --require and --device out",
            )
        log.info("%s", choice.sentence)
        return replace(options, model=choice.model, quality=None, content="auto", why=choice.why)

    return settle


def _named_runner(options: Upscale) -> str | None:
    """What the user wants to run a network; None where it is left to us."""
    if options.backend != "auto":
        return options.backend
    return options.require or (f"device {options.device}" if options.device not in ("auto", "cpu") else None)


def settle_pictures(options: Image) -> Image:
    """`options` with a model in the place of `auto`, for pictures; logs why. Raises UsageError as `settler`."""
    if options.model != AUTO:
        return options
    refuse_impossible(options)
    views = _ENSEMBLE if options.ensemble else 1
    need = Need(
        "image",
        options.quality or USUAL["image"],
        _contents(options, lossy=False),
        1e3 / views,
        lambda ms: f"about {ms * views / 1e3:.2g} s for a megapixel",
    )
    choice = choose(climb(Upscale(model=AUTO, scale=options.scale, device="cpu"), _MEGAPIXEL_WH), need)
    log.info("%s", choice.sentence)
    return replace(options, model=choice.model, quality=None, content="auto")


def need_of(options: Network, job: Job, info: StreamInfo) -> Need:
    """What a network is needed for where `info` tells of the video."""
    frame_ms = 1e3 / _rate_fps(info)
    size = f"{info.width}x{info.height}"

    def forecast(ms: float) -> str:
        told = f"{ms:.2f} ms for a frame of {size}"
        if job == "view":
            return f"{told} every {frame_ms:.1f} ms"
        if info.frame_count:
            return f"{told}, {info.frame_count} frames in about {span(info.frame_count * ms / 1e3)} beside the encoder"
        return f"{told}, about {span(ms / frame_ms)} for a second of video beside the encoder"

    return Need(job, options.quality or USUAL[job], _contents(options, lossy=info.lossy), frame_ms, forecast)


def span(seconds: float) -> str:
    """A time in words: `2.5 s`, `14 min`, `3.1 h`."""
    if seconds < 120:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _rate_fps(info: StreamInfo) -> float:
    if info.rate_fps:
        return float(info.rate_fps)
    return float(info.frame_count / info.duration_s) if info.frame_count and info.duration_s else _RATE_FPS


def _contents(options: Network, *, lossy: bool) -> tuple[Content, ...]:
    if options.content != "auto":
        return (options.content,)
    return ("video", "clean") if lossy else ("clean",)


def refuse_impossible(options: Network) -> None:
    """Raise UsageError where no network could be chosen as `options` ask."""
    if options.sharpness:
        raise UsageError("--sharpness is of one network, and --model auto chooses any", mend="name it: --model NAME")
    cards = shipped_networks(options.scale)
    if not cards:
        *others, last = sorted({str(scale) for name, own in MODELS.items() if name != BASELINE for scale in own})
        raise UsageError(f"no network has scale {options.scale}", mend=f"choose --scale {', '.join(others)} or {last}")
    if options.content != "auto" and options.content not in (card.content for card in cards):
        raise UsageError(
            f"no network has learned from {_WORDS[options.content]} at x{options.scale}",
            mend="leave --content out, and the best one there is will be taken",
        )
