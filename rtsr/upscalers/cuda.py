"""NVIDIA GPUs by the driver's own interface: cards, streams, events, memory, graphs. The door to `cuda.bindings`.

Everything lives in the primary context of a GPU, which torch and FFmpeg's decoder share. A context is current to a
thread: whoever calls from another thread calls `Context.use` there first. What the driver refuses is a BackendError,
lack of memory a DeviceMemoryError. Source: CUDA Driver API, NVIDIA; each function names the call that it stands for.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rtsr.errors import BackendError, ResourceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_INSTALL = 'pip install "rtsr[tensorrt]"'
_NO_DRIVER = "install the NVIDIA driver, or leave --backend out"
_MIB = 1 << 20


class DeviceMemoryError(ResourceError):
    """The GPU's memory is full."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A card that CUDA can use."""

    ordinal: int
    """CUDA's number: after `CUDA_VISIBLE_DEVICES`, from 0."""
    name: str
    uuid: str
    """`GPU-` and hexadecimal, as `nvidia-smi -L` tells."""
    capability: str
    """Compute capability, as "8.9"."""
    memory_bytes: int
    is_integrated: bool
    """Whether its memory is the machine's, as on a Jetson."""


def list_gpus() -> tuple[Gpu, ...]:
    """Every GPU that CUDA can use, in its order. Raises BackendError where there is none, or no driver."""
    api = _api()
    count = _done(api.cuDeviceGetCount(), "counting GPUs")
    if not count:
        raise BackendError("no NVIDIA GPU can be used: the driver knows none", mend=_NO_DRIVER)
    return tuple(_gpu(api, ordinal) for ordinal in range(count))


def find_gpu(ordinal: int = 0) -> Gpu:
    """The GPU of that number. Raises BackendError as `list_gpus`, or where there is none of that number."""
    gpus = list_gpus()
    if not 0 <= ordinal < len(gpus):
        raise BackendError(f"there is no GPU {ordinal}: CUDA sees {len(gpus)}", mend="see rtsr view --list-devices")
    return gpus[ordinal]


def driver_version() -> str:
    """The newest CUDA that the driver takes, as "13.0" (cuDriverGetVersion). Raises BackendError without a driver."""
    number = _done(_api().cuDriverGetVersion(), "asking the driver's version")
    return f"{number // 1000}.{number % 1000 // 10}"


def _api() -> Any:  # noqa: ANN401 - cuda-bindings' types stop here
    """`cuda.bindings.driver`, initialised (cuInit)."""
    try:
        from cuda.bindings import driver
    except ImportError as error:
        raise BackendError("no NVIDIA GPU can be used: cuda-bindings is not installed", mend=_INSTALL) from error
    try:
        (status,) = driver.cuInit(0)
    except (RuntimeError, OSError) as error:  # the bindings load the driver's library at the first call
        raise BackendError(
            "no NVIDIA GPU can be used: the driver's library, libcuda, cannot be loaded", mend=_NO_DRIVER
        ) from error
    if status != driver.CUresult.CUDA_SUCCESS:
        raise BackendError(f"no NVIDIA GPU can be used: {_described(driver, status)}", mend=_NO_DRIVER)
    return driver


def _described(api: Any, status: Any) -> str:  # noqa: ANN401
    """The driver's own words for a status."""
    refused, words = api.cuGetErrorString(status)
    return words.decode() if refused == api.CUresult.CUDA_SUCCESS and words else f"CUDA error {int(status)}"


def _done(result: tuple[Any, ...], doing: str) -> Any:  # noqa: ANN401
    """What a call gave, without its status. Raises DeviceMemoryError or BackendError where it failed."""
    status, *values = result
    if int(status) != 0:
        from cuda.bindings import driver as api

        if status == api.CUresult.CUDA_ERROR_OUT_OF_MEMORY:
            raise DeviceMemoryError(
                f"the GPU's memory is full ({doing})",
                mend="close what else uses the GPU, or choose a smaller model or picture",
            )
        raise BackendError(
            f"CUDA failed while {doing}: {_described(api, status)}",
            mend="use --backend openvino, and report this with the output of `rtsr doctor`",
        )
    return values[0] if values else None


def _gpu(api: Any, ordinal: int) -> Gpu:  # noqa: ANN401
    device = _done(api.cuDeviceGet(ordinal), "opening a GPU")
    attributes = api.CUdevice_attribute

    def attribute(name: str) -> int:
        which = getattr(attributes, f"CU_DEVICE_ATTRIBUTE_{name}")
        return int(_done(api.cuDeviceGetAttribute(which, device), "asking what a GPU is"))

    name = _done(api.cuDeviceGetName(256, device), "asking a GPU's name")
    uuid = bytes(_done(api.cuDeviceGetUuid(device), "asking a GPU's UUID").bytes).hex()
    parts = (uuid[:8], uuid[8:12], uuid[12:16], uuid[16:20], uuid[20:])
    major, minor = attribute("COMPUTE_CAPABILITY_MAJOR"), attribute("COMPUTE_CAPABILITY_MINOR")
    memory = int(_done(api.cuDeviceTotalMem(device), "asking a GPU's memory"))
    label = name.split(b"\0")[0].decode().strip()
    return Gpu(ordinal, label, f"GPU-{'-'.join(parts)}", f"{major}.{minor}", memory, bool(attribute("INTEGRATED")))


class Context:
    """The primary context of a GPU, current to the thread that opened it (cuDevicePrimaryCtxRetain).

    Raises BackendError where the GPU is not there or refuses.
    """

    def __init__(self, ordinal: int = 0) -> None:
        self.gpu = find_gpu(ordinal)
        self._api = _api()
        self._device = _done(self._api.cuDeviceGet(ordinal), "opening a GPU")
        self._handle = _done(self._api.cuDevicePrimaryCtxRetain(self._device), f"opening {self.gpu.name}")
        self.use()

    def use(self) -> None:
        """Make it current to the calling thread (cuCtxSetCurrent)."""
        _done(self._api.cuCtxSetCurrent(self._handle), "taking the GPU up in a thread")

    def mark(self, event: Event) -> None:
        """Put `event` behind what was begun in no stream of ours, as FFmpeg decodes (cuEventRecord, stream 0)."""
        _done(self._api.cuEventRecord(event.handle, 0), "marking the default stream")

    def memory(self) -> tuple[int, int]:
        """(free, total) bytes (cuMemGetInfo). The context is current."""
        status, free, total = self._api.cuMemGetInfo()
        _done((status,), "asking for free memory")
        return int(free), int(total)

    def wait(self) -> None:
        """Until everything that was begun is done (cuCtxSynchronize). The context is current."""
        _done(self._api.cuCtxSynchronize(), "finishing")

    def close(self) -> None:
        """Let go of it; it ends with its last user."""
        if self._handle is not None:
            self._handle = None
            self._api.cuDevicePrimaryCtxRelease(self._device)


class Event:
    """A mark in a stream (cuEventCreate, without timing)."""

    def __init__(self) -> None:
        self._api = _api()
        flags = self._api.CUevent_flags
        kind = flags.CU_EVENT_DISABLE_TIMING.value | flags.CU_EVENT_BLOCKING_SYNC.value
        self.handle = _done(self._api.cuEventCreate(kind), "making an event")

    def wait(self) -> None:
        """Sleep until the mark is reached (cuEventSynchronize). Raises BackendError where work before it failed."""
        _done(self._api.cuEventSynchronize(self.handle), "waiting for a picture")

    def close(self) -> None:
        """Free it."""
        if self.handle is not None:
            self._api.cuEventDestroy(self.handle)
            self.handle = None


class Stream:
    """A queue of work for the GPU, that waits for no other (cuStreamCreate, non-blocking)."""

    def __init__(self) -> None:
        self._api = _api()
        kind = self._api.CUstream_flags.CU_STREAM_NON_BLOCKING.value
        self.handle = _done(self._api.cuStreamCreate(kind), "making a stream")

    @property
    def address(self) -> int:
        """The handle as a number, as TensorRT takes it."""
        return int(self.handle)

    def mark(self, event: Event) -> None:
        """Put `event` behind all that was enqueued (cuEventRecord)."""
        _done(self._api.cuEventRecord(event.handle, self.handle), "marking a stream")

    def follow(self, event: Event) -> None:
        """What is enqueued from now on begins after `event` (cuStreamWaitEvent)."""
        _done(self._api.cuStreamWaitEvent(self.handle, event.handle, 0), "ordering streams")

    def copy_in(self, device: DeviceBuffer, host: PinnedBuffer) -> None:
        """Enqueue a copy to the GPU (cuMemcpyHtoDAsync); neither buffer is touched before it is done."""
        _done(self._api.cuMemcpyHtoDAsync(device.address, host.address, host.size_bytes, self.handle), "copying in")

    def copy_out(self, host: PinnedBuffer, device: DeviceBuffer) -> None:
        """Enqueue a copy from the GPU (cuMemcpyDtoHAsync); neither buffer is touched before it is done."""
        _done(self._api.cuMemcpyDtoHAsync(host.address, device.address, host.size_bytes, self.handle), "copying out")

    def copy_rows(self, device: DeviceBuffer, address: int, pitch_bytes: int, shape: tuple[int, int]) -> None:
        """Enqueue a copy on the GPU (cuMemcpy2DAsync) of rows, bytes in each, that begin `pitch_bytes` apart."""
        rows, width = shape
        copy = self._api.CUDA_MEMCPY2D()
        copy.srcMemoryType = copy.dstMemoryType = self._api.CUmemorytype.CU_MEMORYTYPE_DEVICE
        copy.srcDevice, copy.srcPitch = address, pitch_bytes
        copy.dstDevice, copy.dstPitch = device.address, width
        copy.WidthInBytes, copy.Height = width, rows
        _done(self._api.cuMemcpy2DAsync(copy, self.handle), "copying on the GPU")

    def wait(self) -> None:
        """Until all that was enqueued is done (cuStreamSynchronize)."""
        _done(self._api.cuStreamSynchronize(self.handle), "waiting for the GPU")

    def close(self) -> None:
        """Free it."""
        if self.handle is not None:
            self._api.cuStreamDestroy(self.handle)
            self.handle = None


class DeviceBuffer:
    """Memory of the GPU (cuMemAlloc). Raises DeviceMemoryError where it is full."""

    def __init__(self, size_bytes: int) -> None:
        self._api = _api()
        self.size_bytes = size_bytes
        self._pointer = _done(self._api.cuMemAlloc(size_bytes), f"asking for {size_bytes / _MIB:.1f} MiB")
        self.address = int(self._pointer)

    def close(self) -> None:
        """Free it, once the GPU is done with it."""
        if self.address:
            self.address = 0
            self._api.cuMemFree(self._pointer)


class PinnedBuffer:
    """Memory of the machine that the GPU copies from and to beside its work (cuMemHostAlloc)."""

    def __init__(self, size_bytes: int) -> None:
        self._api = _api()
        self.size_bytes = size_bytes
        self.address = int(_done(self._api.cuMemHostAlloc(size_bytes, 0), "pinning memory of the machine"))
        self.bytes: NDArray[np.uint8] = np.ctypeslib.as_array((ctypes.c_uint8 * size_bytes).from_address(self.address))
        """(size_bytes) uint8, a view: of use until `close`."""

    def close(self) -> None:
        """Free it, once the GPU is done with it."""
        if self.address:
            self.bytes = np.empty(0, np.uint8)
            self._api.cuMemFreeHost(self.address)
            self.address = 0


class Graph:
    """What `enqueue` puts into a stream, recorded and launched as one (cuStreamBeginCapture, cuGraphInstantiate).

    Raises what `enqueue` raises, and BackendError where the driver cannot record it; the stream is as before.
    """

    def __init__(self, stream: Stream, enqueue: Callable[[], None]) -> None:
        self._api = _api()
        self._handle: Any = None
        mode = self._api.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        _done(self._api.cuStreamBeginCapture(stream.handle, mode), "recording a graph")
        try:
            enqueue()
        except BaseException:
            status, recorded = self._api.cuStreamEndCapture(stream.handle)
            if int(status) == 0:
                self._api.cuGraphDestroy(recorded)
            raise
        recorded = _done(self._api.cuStreamEndCapture(stream.handle), "recording a graph")
        try:
            self._handle = _done(self._api.cuGraphInstantiate(recorded, 0), "preparing a graph")
        finally:
            self._api.cuGraphDestroy(recorded)

    def launch(self, stream: Stream) -> None:
        """Enqueue what was recorded (cuGraphLaunch)."""
        _done(self._api.cuGraphLaunch(self._handle, stream.handle), "launching a graph")

    def close(self) -> None:
        """Free it."""
        if self._handle is not None:
            self._api.cuGraphExecDestroy(self._handle)
            self._handle = None
