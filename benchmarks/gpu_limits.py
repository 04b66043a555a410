"""What no program on this GPU can beat, measured in the same run, and the time that a network needs at least by it.

    python -m benchmarks.gpu_limits

Copies run on the card and over its link, with pinned memory; products of half-float matrices on the tensor cores.
The floor of memory counts input, output and half-float weights, each moved once: what a network of several layers
writes between them is not counted, since it could stay on the chip. The floor of arithmetic counts the card's
multiply-accumulates, two operations each.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rtsr.errors import BackendError, RtsrError
from rtsr.upscalers import cuda

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtsr.models import ModelCard

_MOST_BYTES = 512 << 20
"""Of a copy: far more than any card's cache."""
_LEAST_S = 0.1
"""That a measurement takes."""
_ROUNDS = 3
_SIDE = 8192
"""Of the matrices."""
_HALF_BYTES = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one GPU."""

    gpu: str
    uuid: str
    capability: str
    driver_cuda: str
    """The newest CUDA that its driver takes."""
    memory_bytes: int
    copy_bps: float
    """Bytes per second that a copy on the card reads and writes, both counted."""
    in_bps: float
    """Bytes per second to the card, from pinned memory."""
    out_bps: float
    """And from the card."""
    flops: float | None
    """Operations per second of a product of half-float matrices; None without torch."""


@dataclass(frozen=True, slots=True)
class Floor:
    """The least time for a frame, in milliseconds."""

    memory_ms: float
    arithmetic_ms: float | None
    in_ms: float
    out_ms: float

    @property
    def device_ms(self) -> float:
        """On the card."""
        return max(self.memory_ms, self.arithmetic_ms or 0.0)

    @property
    def link_ms(self) -> float:
        """Over the link: both directions at once."""
        return max(self.in_ms, self.out_ms)


def floor_of(card: ModelCard, size_wh: tuple[int, int], limits: Limits) -> Floor:
    """Of 8-bit luma of (width, height)."""
    samples = size_wh[0] * size_wh[1]
    made = samples * card.scale**2
    moved = samples + made + _HALF_BYTES * card.parameters
    operations = 2.0 * card.macs_per_output_pixel * made
    return Floor(
        memory_ms=moved / limits.copy_bps * 1e3,
        arithmetic_ms=None if limits.flops is None else operations / limits.flops * 1e3,
        in_ms=samples / limits.in_bps * 1e3,
        out_ms=made / limits.out_bps * 1e3,
    )


def measure(ordinal: int = 0) -> Limits:
    """Measure the GPU of that number. Raises BackendError where there is none, or no library to reach it by."""
    torch_is_here = _torch_sees_a_gpu()
    try:
        gpu, driver_cuda = cuda.find_gpu(ordinal), cuda.driver_version()
    except BackendError:
        if not torch_is_here:
            raise
        gpu, driver_cuda = _gpu_by_torch(ordinal)  # torch for Windows brings no bindings of the driver
    copies = _copies_by_torch(ordinal) if torch_is_here else _copies_by_driver(ordinal)
    flops = _product_flops(ordinal) if torch_is_here else None
    return Limits(gpu.name, gpu.uuid, gpu.capability, driver_cuda, gpu.memory_bytes, *copies, flops)


def _torch_sees_a_gpu() -> bool:
    try:
        import torch
    except (ImportError, OSError):  # OSError: a library of its own is missing
        return False
    return bool(torch.cuda.is_available())


def _gpu_by_torch(ordinal: int) -> tuple[cuda.Gpu, str]:
    import torch

    about = torch.cuda.get_device_properties(ordinal)
    gpu = cuda.Gpu(
        ordinal, about.name, f"GPU-{about.uuid}", f"{about.major}.{about.minor}", about.total_memory,
        bool(about.is_integrated),
    )  # fmt: skip
    return gpu, "not known"


def _best_s(work: Callable[[int], None], wait: Callable[[], None]) -> float:
    """Seconds for one piece of `work`, the best of some rounds; `work(n)` enqueues n pieces."""
    work(1)
    wait()
    pieces, best_s = 1, float("inf")
    for _ in range(_ROUNDS):
        while True:
            began_s = time.perf_counter()
            work(pieces)
            wait()
            took_s = time.perf_counter() - began_s
            if took_s >= _LEAST_S:
                break
            pieces = max(2 * pieces, int(pieces * _LEAST_S / max(took_s, 1e-6)))
        best_s = min(best_s, took_s / pieces)
    return best_s


def _copy_bytes(free_bytes: int) -> int:
    """A whole number of MiB, an eighth of what is free."""
    return max(1 << 20, min(_MOST_BYTES, free_bytes // 8) >> 20 << 20)


def _copies_by_torch(ordinal: int) -> tuple[float, float, float]:
    import torch

    device = torch.device("cuda", ordinal)
    size = _copy_bytes(torch.cuda.mem_get_info(device)[0])
    here, there = (torch.empty(size, dtype=torch.uint8, device=device) for _ in range(2))
    host = torch.empty(size, dtype=torch.uint8, pin_memory=True)

    def rate(to: torch.Tensor, of: torch.Tensor, counted: int) -> float:
        def work(pieces: int) -> None:
            for _ in range(pieces):
                to.copy_(of, non_blocking=True)

        return counted / _best_s(work, lambda: torch.cuda.synchronize(device))

    return rate(there, here, 2 * size), rate(there, host, size), rate(host, here, size)


def _copies_by_driver(ordinal: int) -> tuple[float, float, float]:
    context = cuda.Context(ordinal)
    size, row = _copy_bytes(context.memory()[0]), 1 << 20
    stream = cuda.Stream()
    here, there, host = cuda.DeviceBuffer(size), cuda.DeviceBuffer(size), cuda.PinnedBuffer(size)
    enqueue = (
        (lambda: stream.copy_rows(there, here.address, row, (size // row, row)), 2 * size),
        (lambda: stream.copy_in(there, host), size),
        (lambda: stream.copy_out(host, here), size),
    )
    rates = []
    for once, counted in enqueue:

        def work(pieces: int, once: Callable[[], None] = once) -> None:
            for _ in range(pieces):
                once()

        rates.append(counted / _best_s(work, stream.wait))
    for one in (stream, here, there, host, context):
        one.close()
    return rates[0], rates[1], rates[2]


def _product_flops(ordinal: int) -> float:
    import torch

    device, side = torch.device("cuda", ordinal), _SIDE
    while 8 * side * side * _HALF_BYTES > torch.cuda.mem_get_info(device)[0]:
        side //= 2
    left, right = (torch.randn(side, side, device=device, dtype=torch.float16) for _ in range(2))
    made = torch.empty_like(left)

    def work(pieces: int) -> None:
        for _ in range(pieces):
            torch.mm(left, right, out=made)

    return 2.0 * side**3 / _best_s(work, lambda: torch.cuda.synchronize(device))


def main() -> int:
    """Print the limits as JSON, or the sentence why there are none."""
    try:
        print(json.dumps(asdict(measure())))
    except RtsrError as error:
        print(f"{error.problem}. {error.mend}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
