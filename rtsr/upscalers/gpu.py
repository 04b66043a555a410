"""From a GPU and a network to an upscaler, by either backend of GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtsr.stages import Badge
from rtsr.swscale import Resampler
from rtsr.upscalers import devices
from rtsr.upscalers.fitting import GpuEngine, need_of, open_fitted
from rtsr.upscalers.luma import LumaUpscaler

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtsr.background import Report
    from rtsr.config import Upscale
    from rtsr.frame import StreamInfo
    from rtsr.models import ModelCard
    from rtsr.stages import Upscaler
    from rtsr.upscalers.cuda import Gpu


def open_tensorrt(card: ModelCard, options: Upscale, info: StreamInfo, report: Report | None) -> Upscaler:
    """The network of `card` by TensorRT; see `rtsr.upscalers.open_upscaler`."""
    gpu = devices.usable_by("tensorrt", options.device)
    from rtsr.upscalers import tensorrt, trt_library

    how = tensorrt.GpuOptions(device=gpu.ordinal, precision=options.precision, report=report)
    title = "TensorRT-RTX" if trt_library.find(gpu.capability).is_rtx else "TensorRT"
    return _upscaler(
        card, options, info, gpu, title, lambda size_wh: tensorrt.open_engine(card, size_wh, info.layout, how)
    )


def open_torch(card: ModelCard, options: Upscale, info: StreamInfo, report: Report | None) -> Upscaler:
    """The network of `card` by torch; see `rtsr.upscalers.open_upscaler`."""
    del report  # it takes a second or two
    gpu = devices.usable_by("torch", options.device)
    from rtsr.upscalers import torch_cuda

    def open_at(size_wh: tuple[int, int]) -> GpuEngine:
        return torch_cuda.open_engine(card, size_wh, info.layout, device=gpu.ordinal, precision=options.precision)

    return _upscaler(card, options, info, gpu, "torch", open_at)


def _upscaler(  # noqa: PLR0913 - what the user wants, where, by what
    card: ModelCard,
    options: Upscale,
    info: StreamInfo,
    gpu: Gpu,
    title: str,
    open_at: Callable[[tuple[int, int]], GpuEngine],
) -> Upscaler:
    size = (info.width, info.height)
    need = need_of(card, info.layout, options.precision)
    engine = open_fitted(open_at, card, size, need, devices.free_bytes(gpu))
    try:
        chroma = Resampler(size, card.scale, info.color.siting, options.threads, info.layout)
    except BaseException:
        engine.close()
        raise
    badge = Badge(card.label, card.scale, title, gpu.name, engine.precision, reason=options.why, gpu=gpu.ordinal)
    return LumaUpscaler(engine, chroma, badge, lambda: engine.tiles)
