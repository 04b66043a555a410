"""Networks on any CUDA card by torch, without TensorRT: one launch for a frame, checked before the first.

Half floats where they hold the picture; where the check finds that they spoil it, float32 takes their place, and where
that fails as well there is no engine. Nothing of this file has run on a GPU yet: docs/gpu.md.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from rtsr.errors import BackendError, ResourceError
from rtsr.frame import YUV420P, PixelLayout, Plane
from rtsr.upscalers import selfcheck
from rtsr.upscalers.torch_device import first_line, usable_device
from rtsr.upscalers.torch_luma import best_precision
from rtsr.upscalers.torch_ring import SLOTS, TorchRing
from rtsr.upscalers.torch_routes import Recorder, Route, Task, choose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rtsr.config import Arithmetic
    from rtsr.models import ModelCard

log = logging.getLogger(__name__)
_ELSE = "use --backend openvino, and report this with the output of `rtsr doctor`"


def open_engine(  # noqa: PLR0913 - what an engine is for, and how it is made
    card: ModelCard,
    size_wh: tuple[int, int],
    layout: PixelLayout = YUV420P,
    *,
    device: int | torch.device = 0,
    precision: Arithmetic = "auto",
    route: Route = "auto",
    slots: int = SLOTS,
) -> TorchEngine:
    """Open the network of `card` for pictures of one size, and compare what it makes with the CPU's.

    Args:
        card: which network; its file is checked against its sha256.
        size_wh: of the pictures that will come.
        layout: of the pictures; its depth counts.
        device: CUDA's number of a GPU; or a device of torch's, the CPU too.
        precision: a named one runs or fails; auto takes fp16 where it holds the picture.
        route: a named one runs or fails; auto takes what this card runs fastest.
        slots: pictures under way at once.

    Raises:
        BackendError: torch can use no such GPU, the card has no safetensors, or no engine makes the right picture.
        ResourceError: the GPU's memory is full.
        UsageError: the card is between two forms that are no forms of one network.
    """
    place = usable_device(device) if isinstance(device, int) else device
    first = best_precision(card, layout) if precision == "auto" else precision
    task, found = Task(card, size_wh, layout, place, first), ""
    for one in (first, "fp32") if (precision, first) == ("auto", "fp16") else (first,):
        engine = _opened(replace(task, precision=one), route, slots)
        try:
            verdict = selfcheck.check(engine, card, size_wh, layout)
        except BaseException:
            engine.close()
            raise
        if verdict.is_good:
            return engine
        engine.close()
        found = f"torch ({engine.route}) makes a wrong picture of {card} in {one}: {verdict}"
        log.warning("%s", found)
    raise BackendError(found, mend=_ELSE)


def _opened(task: Task, route: Route, slots: int) -> TorchEngine:
    with _told(f"torch cannot run {task}"), _exact_convolutions():
        recorder = Recorder(task.device)
        name, work = choose(task, route, recorder)
        ring = TorchRing(task.size_wh, task.card.scale, task.layout, task.device, slots)
        ring.bind(work, recorder.record)
    log.info("%s: by %s", task, name)
    return TorchEngine(ring, task, name)


class TorchEngine:
    """A network in a ring of buffers; see `LumaEngine`. Made by `open_engine`."""

    def __init__(self, ring: TorchRing, task: Task, route: str) -> None:
        self.precision: str = task.precision
        """What convolutions compute in."""
        self.route = route
        """What runs it, in words for a badge: "Triton kernel", "CUDA graph" or "torch.compile"."""
        self._ring, self._device, self._failure = ring, task.device, f"the GPU failed with {task}"

    @property
    def slots(self) -> int:
        """See `LumaEngine`."""
        return self._ring.slots

    def begin(self, y: Plane) -> Callable[[], Plane]:
        """See `LumaEngine`. Raises BackendError when the GPU fails, and so does what it returns."""
        with _told(self._failure):
            take = self._ring.begin(y)

        def result() -> Plane:
            with _told(self._failure):
                return take()

        return result

    def run(self, y: Plane) -> Plane:
        """See `LumaEngine`."""
        return self.begin(y)()

    def close(self) -> None:
        """See `LumaEngine`."""
        with suppress(RuntimeError):  # a GPU that failed cannot finish
            self._ring.close()
            if self._device.type == "cuda":
                torch.cuda.empty_cache()  # for whoever comes next


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Torch's errors as ours: `what` went wrong."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ResourceError(
            f"{what}: the GPU's memory is full", mend="close other programs that use it, or take a smaller network"
        ) from error
    except (RuntimeError, OSError) as error:
        raise BackendError(f"{what}: {first_line(error)}", mend=_ELSE) from error


@contextmanager
def _exact_convolutions() -> Iterator[None]:
    """Of cuDNN's kernels always the same, which a race between them would not give: an encode that goes on after a stop
    makes the bytes that it would have made without. For float32 none of TF32, which has 10 bits of its 23."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
