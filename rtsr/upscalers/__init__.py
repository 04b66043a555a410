"""What makes frames larger: a table from backend to opener, and the choice where the user leaves it to us.

`auto` takes the first that runs. One whose library or GPU is not there is passed over without a word, one that is there
and fails with a warning, and the badge tells. What the user named, by --backend, --device or --require, narrows the
choice, and nothing else steps in.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from rtsr.background import Report
from rtsr.config import Upscale
from rtsr.errors import BackendError, ResourceError, RtsrError, UsageError
from rtsr.frame import StreamInfo
from rtsr.models import ModelCard, find_model
from rtsr.models.sharpness import sharpened
from rtsr.stages import Badge, Upscaler

log = logging.getLogger(__name__)
ON_GPU = frozenset({"tensorrt", "torch"})
"""Backends that need an NVIDIA GPU; the others run on the CPU."""
TITLES = {"tensorrt": "TensorRT", "torch": "torch", "openvino": "OpenVINO", "bicubic": "bicubic"}
"""As people write them."""
Opener = Callable[[Upscale, StreamInfo, Report | None], Upscaler]
"""Options, what is known of the frames, and who is told how far a long preparation is."""


def _card(options: Upscale) -> ModelCard:
    return sharpened(find_model(options.model, options.scale), options.sharpness)


def _tensorrt(options: Upscale, info: StreamInfo, report: Report | None) -> Upscaler:
    from rtsr.upscalers.gpu import open_tensorrt

    return open_tensorrt(_card(options), options, info, report)


def _torch(options: Upscale, info: StreamInfo, report: Report | None) -> Upscaler:
    from rtsr.upscalers.gpu import open_torch

    return open_torch(_card(options), options, info, report)


def _openvino(options: Upscale, info: StreamInfo, report: Report | None) -> Upscaler:
    del report  # it takes no time to speak of
    card = _card(options)
    try:
        from rtsr.upscalers import openvino
    except ImportError as error:
        raise BackendError(f"OpenVINO cannot be loaded ({error})", mend="pip install openvino") from error
    from rtsr.swscale import Resampler
    from rtsr.upscalers.luma import LumaUpscaler

    size = (info.width, info.height)
    engine = openvino.open_engine(card, size, options.threads, info.layout)
    device, _ = openvino.describe()
    badge = Badge(card.label, card.scale, "OpenVINO", device, engine.precision, reason=options.why)
    chroma = Resampler(size, card.scale, info.color.siting, options.threads, info.layout)
    return LumaUpscaler(engine, chroma, badge)


def _bicubic(options: Upscale, info: StreamInfo, report: Report | None) -> Upscaler:
    del report
    from rtsr.upscalers.bicubic import BicubicUpscaler

    return BicubicUpscaler(info, options.scale, options.threads, options.why)


BACKENDS: dict[str, Opener] = {"tensorrt": _tensorrt, "torch": _torch, "openvino": _openvino, "bicubic": _bicubic}
"""Best first: the order in which `auto` tries them."""


def open_upscaler(options: Upscale, info: StreamInfo, report: Report | None = None) -> Upscaler:
    """Open what `options` ask for, for frames as `info` tells.

    Args:
        options: the network, and what is to run it.
        info: of the source.
        report: told how far a GPU's engine is, where one has to be built; False from it stops that.

    Raises:
        UsageError: there is no such model, scale or device, no GAN form of it for the sharpness, or options contradict
            each other.
        BackendError: what was named cannot run, or what is required is not what would make the frames.
        ResourceError: a named GPU has no room for it.
    """
    upscaler = _opened(options, info, report)
    if options.size_wh in (None, upscaler.size_wh):
        return upscaler
    from rtsr.upscalers.resized import ResizedUpscaler

    return ResizedUpscaler(upscaler, info, options.size_wh, options.threads)


def candidates(options: Upscale) -> tuple[str, ...]:
    """The backends that may make the frames, best first; one where one is named. Raises UsageError where none may."""
    asked = tuple(BACKENDS) if options.backend == "auto" else (options.backend,)
    left = tuple(name for name in asked if _on_device(name, options.device) and _meets(name, options.require))
    if left:
        return left
    given = {"--backend": options.backend, "--device": options.device, "--require": options.require}
    said = " and ".join(f"{flag} {word}" for flag, word in given.items() if word not in ("auto", None))
    raise UsageError(f"{said} contradict each other", mend="leave one of them out")


def refuse_absent(options: Upscale) -> None:
    """Say at once what `open_upscaler` would say later of a backend or device that is not here.

    Raises UsageError and BackendError as `open_upscaler`.
    """
    missing = [(name, absence(name, options)) for name in candidates(options)]
    errors = [(name, error) for name, error in missing if error is not None]
    if len(errors) == len(missing):
        raise _none_runs(errors)


def absence(name: str, options: Upscale) -> BackendError | None:
    """Why backend `name` cannot even be tried here: no GPU, or no library for it; None where it can.

    Quick where there is no driver, and no backend's library is imported. Raises UsageError on a device of no machine.
    """
    if name not in ON_GPU:
        return None
    from rtsr.upscalers import devices

    try:
        devices.usable_by(name, options.device)
    except BackendError as error:
        return error
    return None


def _on_device(name: str, device: str) -> bool:
    return device == "auto" or (name in ON_GPU) == (device != "cpu")


def _meets(name: str, required: str | None) -> bool:
    return required is None or name == required or (required == "gpu" and name in ON_GPU)


def _opened(options: Upscale, info: StreamInfo, report: Report | None) -> Upscaler:
    card = _card(options)  # a wrong name is wrong on every backend
    names = candidates(options)
    if card.onnx is None:
        return _without_network(card, names, options, info)
    if len(names) == 1:
        return BACKENDS[names[0]](options, info, report)
    return _first_that_runs(names, options, info, report)


def _without_network(card: ModelCard, names: Sequence[str], options: Upscale, info: StreamInfo) -> Upscaler:
    if options.require is not None:
        raise BackendError(
            f"{card.name} is no network, and --require {options.require} asks for one",
            mend="name a network, see `rtsr models`",
        )
    if "bicubic" not in names:
        raise UsageError(
            f"{card.name} is no network, {TITLES[names[0]]} has nothing to run",
            mend="use --backend bicubic, and leave --device out",
        )
    return BACKENDS["bicubic"](options, info, None)


def _first_that_runs(names: Sequence[str], options: Upscale, info: StreamInfo, report: Report | None) -> Upscaler:
    failures: list[tuple[str, RtsrError]] = []
    passed_over: list[tuple[str, RtsrError]] = []
    for name in names:
        missing = absence(name, options)
        if missing is not None:
            log.debug("no %s: %s", TITLES[name], missing)
            passed_over.append((name, missing))
            continue
        why = options.why
        if failures:
            last, error = failures[-1]
            why = f"{TITLES[last]} failed: {error.problem}; {TITLES[name]} instead"
        try:
            return BACKENDS[name](replace(options, why=why), info, report)
        except (BackendError, ResourceError) as error:
            log.warning("%s failed: %s. %s", TITLES[name], error.problem, error.mend)
            failures.append((name, error))
    raise _none_runs(failures or passed_over)


def _none_runs(errors: Sequence[tuple[str, RtsrError]]) -> RtsrError:
    """One error for all; the mend is that of the best backend."""
    first = errors[0][1]
    if len({error.problem for _, error in errors}) == 1:
        return first
    said = "; ".join(f"{TITLES[name]}: {error.problem}" for name, error in errors)
    return BackendError(said, mend=first.mend)


__all__ = ["BACKENDS", "Badge", "absence", "candidates", "open_upscaler", "refuse_absent"]
