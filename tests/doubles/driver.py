"""`libcuda.c` compiled and put in the place of NVIDIA's driver, for cuda-bindings alone.

TensorRT's own CUDA runtime does not see it, so the real builder works beside it as on any machine without a GPU.
Once cuda-bindings has loaded it, it stays for the rest of the process; without the fixture it says that there is no
GPU, which is true.
"""

import ctypes
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "libcuda.c"
NAME = "rtsr test double 0"


class Driver:
    """What a test asks the double."""

    def __init__(self, library: ctypes.CDLL, patch: pytest.MonkeyPatch) -> None:
        self.library, self._patch = library, patch
        library.double_peak.restype = ctypes.c_size_t

    @property
    def live(self) -> int:
        """Streams, events, buffers, graphs and contexts that are not freed."""
        return int(self.library.double_live())

    def peak_bytes(self) -> int:
        """The most device memory in use at once since the last time."""
        return int(self.library.double_peak())

    def set_memory(self, size_bytes: int) -> None:
        """How much device memory there is, in use or not."""
        self._patch.setenv("RTSR_CUDA_DOUBLE_BYTES", str(size_bytes))

    def set_capability(self, capability: str) -> None:
        """As "8.9"."""
        self._patch.setenv("RTSR_CUDA_DOUBLE_CC", capability.replace(".", ""))

    def enqueue(self, stream: int, function: "ctypes._FuncPointer") -> None:
        """Let the GPU call `function` when the stream comes to it."""
        status = self.library.cuLaunchHostFunc(ctypes.c_void_p(stream), function, None)
        if status:
            raise RuntimeError(f"cuLaunchHostFunc: {status}")

    def make_eager(self, stream: int) -> None:
        """Let a stream work as early as it may, not as late."""
        self.library.double_eager(ctypes.c_void_p(stream))

    def is_recording(self, stream: int) -> bool:
        """Whether a graph is recorded from the stream."""
        status = ctypes.c_int()
        self.library.cuStreamIsCapturing(ctypes.c_void_p(stream), ctypes.byref(status))
        return status.value == 1


@pytest.fixture(scope="session")
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.fail("the tests of GPU code need a C compiler: apt install gcc")
    path = tmp_path_factory.mktemp("cuda") / "libcuda-double.so"
    subprocess.run([compiler, "-O1", "-Wall", "-shared", "-fPIC", "-o", path, SOURCE, "-lpthread"], check=True)
    return ctypes.CDLL(str(path))


@pytest.fixture
def gpu_double(_compiled: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    """A machine with one GPU of 1 GiB and compute capability 8.9; whoever uses it frees all that is taken."""
    yield from machine(_compiled, monkeypatch)


def machine(library: ctypes.CDLL, patch: pytest.MonkeyPatch) -> Iterator[Driver]:
    """That machine, while the iterator is held."""
    import cuda.bindings._internal.driver as loader
    from cuda.bindings import driver

    class Loaded:
        _handle_uint = library._handle

    patch.setattr(loader, "load_nvidia_dynamic_lib", lambda _name: Loaded)
    patch.setenv("RTSR_CUDA_DOUBLE_GPUS", "1")
    driver.cuInit(0)  # loads the library, the first time in a process
    if driver.cuDeviceGetName(256, 0)[1].split(b"\0")[0].decode() != NAME:
        pytest.skip("cuda-bindings uses this machine's own driver, the double cannot take its place")
    made = Driver(library, patch)
    library.double_mend()
    made.peak_bytes()
    before = made.live
    yield made
    assert made.live == before, f"{made.live - before} things of the GPU were not freed"
