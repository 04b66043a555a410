"""GPUs, memory, streams and graphs by the driver's interface, on a double of the driver."""

import ctypes
from contextlib import closing
from threading import Thread

import numpy as np
import pytest

from rtsr.errors import BackendError
from rtsr.upscalers import cuda
from tests.doubles.driver import NAME, Driver


def test_a_gpu_says_what_it_is(gpu_double: Driver) -> None:
    gpu_double.set_memory(3 << 30)
    gpu_double.set_capability("12.0")
    (gpu,) = cuda.list_gpus()
    assert gpu == cuda.Gpu(0, NAME, "GPU-11111111-1111-1111-1111-111111111111", "12.0", 3 << 30, False)
    assert cuda.driver_version() == "13.0"


def test_a_gpu_that_is_not_there_is_a_sentence(gpu_double: Driver) -> None:
    with pytest.raises(BackendError, match="there is no GPU 1: CUDA sees 1"):
        cuda.find_gpu(1)


def test_no_gpu_is_a_sentence(gpu_double: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTSR_CUDA_DOUBLE_GPUS", "0")
    with pytest.raises(BackendError, match="no NVIDIA GPU can be used: no CUDA-capable device is detected") as caught:
        cuda.list_gpus()
    assert caught.value.exit_code == 5


def test_bytes_go_to_the_gpu_and_back(gpu_double: Driver) -> None:
    with (
        closing(cuda.Context()),
        closing(cuda.Stream()) as stream,
        closing(cuda.PinnedBuffer(1000)) as here,
        closing(cuda.DeviceBuffer(1000)) as there,
        closing(cuda.PinnedBuffer(1000)) as back,
    ):
        here.bytes[:] = np.arange(1000) % 251
        stream.copy_in(there, here)
        stream.copy_out(back, there)
        stream.wait()
        np.testing.assert_array_equal(back.bytes, here.bytes)


def test_rows_of_any_pitch_are_packed(gpu_double: Driver) -> None:
    with (
        closing(cuda.Context()),
        closing(cuda.Stream()) as stream,
        closing(cuda.PinnedBuffer(7 * 64)) as here,
        closing(cuda.DeviceBuffer(7 * 64)) as wide,
        closing(cuda.DeviceBuffer(7 * 10)) as packed,
        closing(cuda.PinnedBuffer(7 * 10)) as back,
    ):
        here.bytes[:] = np.arange(7 * 64) % 251
        stream.copy_in(wide, here)
        stream.copy_rows(packed, wide.address, 64, (7, 10))
        stream.copy_out(back, packed)
        stream.wait()
        np.testing.assert_array_equal(back.bytes.reshape(7, 10), here.bytes.reshape(7, 64)[:, :10])


def test_streams_wait_for_each_other_by_events_alone(gpu_double: Driver) -> None:
    done: list[str] = []
    note = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    first, second = note(lambda _: done.append("first")), note(lambda _: done.append("second"))
    with (
        closing(cuda.Context()),
        closing(cuda.Stream()) as one,
        closing(cuda.Stream()) as other,
        closing(cuda.Event()) as event,
    ):
        gpu_double.enqueue(one.address, first)
        one.mark(event)
        gpu_double.enqueue(other.address, second)
        other.wait()
        assert done == ["second"]
        other.follow(event)
        gpu_double.enqueue(other.address, second)
        other.wait()
        assert done == ["second", "first", "second"]


def test_a_graph_does_again_what_was_recorded(gpu_double: Driver) -> None:
    done: list[int] = []
    note = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: done.append(1))
    with closing(cuda.Context()), closing(cuda.Stream()) as stream:
        with closing(cuda.Graph(stream, lambda: gpu_double.enqueue(stream.address, note))) as graph:
            stream.wait()
            assert not done
            graph.launch(stream)
            graph.launch(stream)
            stream.wait()
        graph.close()
        assert len(done) == 2


def test_what_cannot_be_recorded_is_a_sentence_and_the_stream_works_on(gpu_double: Driver) -> None:
    with closing(cuda.Context()), closing(cuda.Stream()) as stream:
        with pytest.raises(BackendError, match="CUDA failed while"):
            cuda.Graph(stream, stream.wait)
        with pytest.raises(ZeroDivisionError):
            cuda.Graph(stream, lambda: 1 / 0)
        stream.wait()


def test_memory_that_is_not_there_is_an_error_of_its_own_kind(gpu_double: Driver) -> None:
    gpu_double.set_memory(1 << 20)
    with closing(cuda.Context()) as context, closing(cuda.DeviceBuffer(1 << 19)):
        assert context.memory() == (1 << 19, 1 << 20)
        with pytest.raises(cuda.DeviceMemoryError, match=r"memory is full \(asking for 1.0 MiB\)") as caught:
            cuda.DeviceBuffer(1 << 20)
    assert caught.value.exit_code == 6


def test_another_thread_takes_the_context_up(gpu_double: Driver) -> None:
    failures: list[str] = []

    def elsewhere() -> None:
        try:
            cuda.DeviceBuffer(16)
        except BackendError as error:
            failures.append(error.problem)
        context.use()
        cuda.DeviceBuffer(16).close()

    with closing(cuda.Context()) as context:
        thread = Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert failures == ["CUDA failed while asking for 0.0 MiB: invalid device context"]


def test_everything_closes_twice(gpu_double: Driver) -> None:
    context = cuda.Context()
    parts = [cuda.Stream(), cuda.Event(), cuda.DeviceBuffer(8), cuda.PinnedBuffer(8)]
    for part in [*parts, *parts, context, context]:
        part.close()
