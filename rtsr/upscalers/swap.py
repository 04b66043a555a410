"""The next best upscaler now, and the better one from the frame on at which it is ready."""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Literal

from rtsr.background import Background
from rtsr.config import Upscale
from rtsr.errors import RtsrError
from rtsr.frame import Frame, StreamInfo
from rtsr.models import find_model
from rtsr.stages import Badge, Upscaler
from rtsr.upscalers import ON_GPU, TITLES, absence, candidates, open_upscaler
from rtsr.upscalers.devices import find_gpu
from rtsr.upscalers.exchange import Exchange

log = logging.getLogger(__name__)
_MACS_PER_CORE_S = 50e9
"""What a core of a plain CPU does of a network's multiply-accumulates in a second, low rather than high."""
_RATE_FPS = 30
"""Of a source that does not tell its own."""


def open_at_once(options: Upscale, info: StreamInfo) -> Upscaler:
    """As `open_upscaler`, for what is watched: while a GPU's engine is built, the picture comes from the CPU.

    From OpenVINO where that should hold the rate, else bicubic. Where `options` require a backend, or none of a GPU can
    be tried, it is `open_upscaler`.
    """
    names = candidates(options)
    gpu = next((name for name in names if name in ON_GPU and absence(name, options) is None), None)
    if gpu is None or options.require is not None or find_model(options.model, options.scale).onnx is None:
        return open_upscaler(options, info)
    now = open_upscaler(_on_cpu(options, info), info)
    awaited: Background[Upscaler] = Background(lambda report: open_upscaler(options, info, report), "rtsr-engine")
    swapping = SwappingUpscaler(now, awaited, TITLES[gpu], "go_on" if set(names) - ON_GPU else "raise")
    with suppress(RtsrError):  # the awaited one will say it
        swapping.awaited_gpu = find_gpu(options.device).ordinal
    return swapping


def _on_cpu(options: Upscale, info: StreamInfo) -> Upscale:
    card = find_model(options.model, options.scale)
    macs = card.macs_per_output_pixel * card.scale**2 * info.width * info.height
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    plain = replace(options, device="auto", precision="auto")
    if macs * (info.rate_fps or _RATE_FPS) <= _MACS_PER_CORE_S * cores:
        return replace(plain, backend="openvino")
    return replace(plain, backend="bicubic", model="bicubic", sharpness=0.0, quality=None, content="auto")


class SwappingUpscaler:
    """`now` until the one that is awaited is there; see `Upscaler`.

    Args:
        now: what makes the first frames.
        awaited: what comes in its place, of the same scale and size, between two frames.
        title: of what is awaited, for the badge.
        failing: where it cannot be made, whether the run ends with its error, or goes on as it is and says why.
    """

    def __init__(
        self, now: Upscaler, awaited: Background[Upscaler], title: str, failing: Literal["raise", "go_on"]
    ) -> None:
        self._exchange, self._awaited = Exchange(now), awaited
        self._title, self._failing = title, failing
        self._waits, self._failed = True, ""
        self.awaited_gpu: int | None = None
        """CUDA's number of the GPU that will make the frames, where that is known: it may decode them already."""

    @property
    def scale(self) -> int:
        """See `Upscaler`."""
        return self._exchange.now.scale

    @property
    def size_wh(self) -> tuple[int, int]:
        """See `Upscaler`."""
        return self._exchange.now.size_wh

    @property
    def badge(self) -> Badge:
        """Of what runs, and what it waits for."""
        badge = self._exchange.now.badge
        if self._waits:
            how_far = f", {self._awaited.share:.0%}" if self._awaited.share else ""
            return replace(badge, reason=f"until {self._title} is ready{how_far}")
        return replace(badge, reason=self._failed) if self._failed else badge

    @property
    def slots(self) -> int:
        """See `Upscaler`."""
        return self._exchange.slots

    def begin(self, frame: Frame) -> Callable[[], Frame]:
        """See `Upscaler`. Raises what the making of the awaited one raised, where it was named."""
        if self._waits:
            self._swap()
        return self._exchange.begin(frame)

    def upscale(self, frame: Frame) -> Frame:
        """See `Upscaler`."""
        return self.begin(frame)()

    def close(self) -> None:
        """See `Upscaler`."""
        self._waits = False
        self._awaited.close()
        self._exchange.close()

    def _swap(self) -> None:
        try:
            ready = self._awaited.take()
        except RtsrError as error:
            self._waits = False
            if self._failing == "raise":
                raise
            self._failed = f"{self._title} failed: {error.problem}"
            log.warning("%s. %s", self._failed, error.mend)
            return
        if ready is not None:
            self._exchange.put(ready)
        if self._exchange.turn():
            self._waits = False
            log.info("from here on: %s", self._exchange.now.badge)
