"""The product's engines by the names of `benchmarks.gpu_rows.BACKENDS`, and torch without a graph, which it has not."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from benchmarks.gpu_clock import DriverLane, TorchLane, device_ms
from rtsr.errors import BackendError
from rtsr.frame import YUV420P

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtsr.frame import Plane
    from rtsr.models import ModelCard

_ROUTES = {"triton-esr": "triton", "torch-graph": "graph", "torch-compile": "compiled"}
"""Of `rtsr.upscalers.torch_routes`."""
_EAGER = "torch-eager"


class Measured:
    """An engine, and what it says of itself; see `LumaEngine`."""

    def __init__(self, engine: Any, what: str, lane: type[DriverLane | TorchLane]) -> None:  # noqa: ANN401 - of any kind
        self._engine, self.what, self._lane = engine, what, lane

    @property
    def slots(self) -> int:
        """See `LumaEngine`."""
        return int(self._engine.slots)

    def begin(self, y: Plane) -> Callable[[], Plane]:
        """See `LumaEngine`."""
        taking: Callable[[], Plane] = self._engine.begin(y)
        return taking

    def run(self, y: Plane) -> Plane:
        """See `LumaEngine`."""
        return self.begin(y)()

    def device_ms(self) -> float:
        """A picture on the card, without copies."""
        with closing(self._lane(self._engine._ring)) as lane:
            return device_ms(lane)

    def close(self) -> None:
        """See `LumaEngine`."""
        self._engine.close()


def open_engine(backend: str, card: ModelCard, size_wh: tuple[int, int], device: str) -> Measured:
    """Open the network of `card` for 8-bit pictures of one size on the first GPU.

    `device` is "cuda", or "cpu" for torch without a GPU. Raises what the backend raises.
    """
    if backend == "tensorrt":
        from rtsr.upscalers import tensorrt

        engine = tensorrt.open_engine(card, size_wh, YUV420P)
        return Measured(engine, f"{engine.library} {engine.precision}", DriverLane)
    try:
        import torch
    except ImportError as error:
        raise BackendError("torch is not installed", mend='pip install "rtsr[torch]"') from error
    where = 0 if device == "cuda" else torch.device(device)
    if backend == _EAGER:
        return _eager(card, size_wh, torch.device(device))
    from rtsr.upscalers import torch_cuda

    made = torch_cuda.open_engine(card, size_wh, YUV420P, device=where, route=_ROUTES[backend])
    return Measured(made, f"torch {torch.__version__}, {made.route}, {made.precision}", TorchLane)


def _eager(card: ModelCard, size_wh: tuple[int, int], device: Any) -> Measured:  # noqa: ANN401 - torch's
    """Every kernel launched by Python, each time: what a first attempt in torch would be."""
    import torch

    from rtsr.upscalers.torch_cuda import TorchEngine
    from rtsr.upscalers.torch_luma import LumaNet, best_precision, open_luma_net
    from rtsr.upscalers.torch_ring import TorchRing
    from rtsr.upscalers.torch_routes import Task

    task = Task(card, size_wh, YUV420P, device, best_precision(card, YUV420P))
    net = LumaNet(open_luma_net(card), task.layout, task.precision).to(device)
    ring = TorchRing(size_wh, card.scale, task.layout, device)

    def work(taken: torch.Tensor, made: torch.Tensor) -> None:
        made.copy_(net(taken))

    ring.bind(work, lambda work, taken, made: lambda: work(taken, made))
    torch.get_device_module(device).synchronize()  # weights and buffers came by another stream
    engine = TorchEngine(ring, task, "eager")
    return Measured(engine, f"torch {torch.__version__}, eager, {task.precision}", TorchLane)
