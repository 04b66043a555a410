"""What makes frames larger: a table from backend to opener, and the choice where the user leaves it to us."""

import logging
from collections.abc import Callable

from rtsr.config import Upscale
from rtsr.errors import BackendError, UsageError
from rtsr.frame import StreamInfo
from rtsr.models import ModelCard, find_model
from rtsr.models.sharpness import sharpened
from rtsr.stages import Badge, Upscaler

log = logging.getLogger(__name__)


def _card(options: Upscale) -> ModelCard:
    return sharpened(find_model(options.model, options.scale), options.sharpness)


def _openvino(options: Upscale, info: StreamInfo) -> Upscaler:
    card = _card(options)
    if card.onnx is None:
        raise UsageError(f"{card.name} is no network, OpenVINO has nothing to run", mend="use --backend bicubic")
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


def _bicubic(options: Upscale, info: StreamInfo) -> Upscaler:
    from rtsr.upscalers.bicubic import BicubicUpscaler

    return BicubicUpscaler(info, options.scale, options.threads, options.why)


BACKENDS: dict[str, Callable[[Upscale, StreamInfo], Upscaler]] = {"openvino": _openvino, "bicubic": _bicubic}
"""Best first: the order in which `auto` tries them."""


def open_upscaler(options: Upscale, info: StreamInfo) -> Upscaler:
    """Open what `options` ask for, for frames as `info` tells.

    Raises:
        UsageError: there is no such model or scale, or no GAN form of it for the sharpness.
        BackendError: the named backend cannot run; `auto` takes the next one, and its badge says why.
    """
    upscaler = _opened(options, info)
    if options.size_wh in (None, upscaler.size_wh):
        return upscaler
    from rtsr.upscalers.resized import ResizedUpscaler

    return ResizedUpscaler(upscaler, info, options.size_wh, options.threads)


def _opened(options: Upscale, info: StreamInfo) -> Upscaler:
    card = _card(options)  # a wrong name is wrong on every backend
    if options.backend != "auto":
        return BACKENDS[options.backend](options, info)
    if card.onnx is None:
        return _bicubic(options, info)
    try:
        return BACKENDS["openvino"](options, info)
    except BackendError as error:
        log.warning("%s; bicubic runs instead. %s", error.problem, error.mend)
        return _fallen_back(options, info, error.problem)


def _fallen_back(options: Upscale, info: StreamInfo, reason: str) -> Upscaler:
    from rtsr.upscalers.bicubic import BicubicUpscaler

    return BicubicUpscaler(info, options.scale, options.threads, reason)


__all__ = ["BACKENDS", "Badge", "open_upscaler"]
