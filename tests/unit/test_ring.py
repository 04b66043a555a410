"""Pictures through the ring, on a driver that does everything as late as it may."""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.errors import BackendError
from rtsr.upscalers import cuda
from rtsr.upscalers.ring import Geometry, OnDevice, Ring
from tests.doubles.driver import Driver

_CALLED = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Doubler:
    """Work for the GPU: every sample becomes a square of S x S; by `Launch`."""

    def __init__(self, driver: Driver, ring: Ring, geometry: Geometry) -> None:
        self._driver, self._ring, self._geometry = driver, ring, geometry
        self._kept: list[object] = []
        self.fail = False

    def __call__(self, slot: int, stream: cuda.Stream) -> None:
        if self.fail:
            raise BackendError("it cannot be launched", mend="-")
        work = _CALLED(lambda _: self._work(*self._ring.addresses(slot)))
        self._kept.append(work)
        self._driver.enqueue(stream.address, work)

    def _work(self, taken: int, made: int) -> None:
        one, other = self._geometry.bytes
        luma = np.frombuffer((ctypes.c_uint8 * one).from_address(taken), self._geometry.dtype)
        high = np.frombuffer((ctypes.c_uint8 * other).from_address(made), self._geometry.dtype)
        high.reshape(self._geometry.made_shape)[...] = enlarged(
            luma.reshape(self._geometry.shape), self._geometry.scale
        )


def enlarged(y: np.ndarray, scale: int) -> np.ndarray:
    return np.repeat(np.repeat(y, scale, 0), scale, 1)


def pictures(count: int, geometry: Geometry) -> list[np.ndarray]:
    rng = np.random.default_rng(count)
    return [rng.integers(0, np.iinfo(geometry.dtype).max + 1, geometry.shape, geometry.dtype) for _ in range(count)]


GEOMETRY = Geometry((13, 7), 2, np.dtype(np.uint8))


@pytest.fixture
def ring(gpu_double: Driver) -> Iterator[Ring]:
    with closing(cuda.Context()) as context, closing(Ring(context, GEOMETRY)) as made:
        made.bind(Doubler(gpu_double, made, GEOMETRY))
        yield made


@settings(max_examples=25, deadline=None)
@given(
    size_wh=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    scale=st.integers(2, 4),
    dtype=st.sampled_from([np.dtype(np.uint8), np.dtype(np.uint16)]),
    slots=st.integers(1, 4),
    ahead=st.lists(st.integers(1, 4), min_size=1, max_size=6),
    eager=st.sets(st.integers(0, 2)),
)
def test_every_picture_comes_back_in_its_turn(
    driver_of_module: Driver,
    size_wh: tuple[int, int],
    scale: int,
    dtype: np.dtype,
    slots: int,
    ahead: list[int],
    eager: set[int],
) -> None:
    geometry = Geometry(size_wh, scale, dtype)
    with closing(cuda.Context()) as context, closing(Ring(context, geometry, slots)) as ring:
        ring.bind(Doubler(driver_of_module, ring, geometry))
        for number in eager:
            driver_of_module.make_eager(ring._streams[number].address)
        given_in = pictures(3 * len(ahead), geometry)
        results: list[np.ndarray] = []
        takes: list[Callable[[], np.ndarray]] = []
        for number, picture in enumerate(given_in):
            theirs = picture.copy()
            takes.append(ring.begin(theirs))
            theirs[...] = 0  # the caller's again
            while takes and len(takes) >= min(slots, ahead[number % len(ahead)]):
                results.append(takes.pop(0)())
        results += [take() for take in takes]
    for picture, result in zip(given_in, results, strict=True):
        np.testing.assert_array_equal(result, enlarged(picture, scale))


@pytest.fixture(scope="module")
def driver_of_module(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """One for all examples."""
    from tests.doubles import driver

    with pytest.MonkeyPatch.context() as patch:
        yield from driver.machine(request.getfixturevalue("_compiled"), patch)


def test_more_than_there_are_sets_is_refused_and_nothing_is_lost(ring: Ring) -> None:
    given_in = pictures(4, GEOMETRY)
    takes = [ring.begin(picture) for picture in given_in[:3]]
    with pytest.raises(ValueError, match="3 pictures are under way"):
        ring.begin(given_in[3])
    for picture, take in zip(given_in, takes, strict=False):
        np.testing.assert_array_equal(take(), enlarged(picture, 2))
    np.testing.assert_array_equal(ring.begin(given_in[3])(), enlarged(given_in[3], 2))


def test_a_result_is_the_callers(ring: Ring) -> None:
    given_in = pictures(9, GEOMETRY)
    results = [ring.begin(picture)() for picture in given_in]
    for picture, result in zip(given_in, results, strict=True):
        np.testing.assert_array_equal(result, enlarged(picture, 2))


def test_results_are_taken_in_turn_and_once(ring: Ring) -> None:
    first, second = ring.begin(pictures(1, GEOMETRY)[0]), ring.begin(pictures(2, GEOMETRY)[1])
    with pytest.raises(ValueError, match="result 0 comes next, and 1 was asked for"):
        second()
    first()
    with pytest.raises(ValueError, match="result 1 comes next, and 0 was asked for"):
        first()
    second()


def test_rows_of_a_decoder_are_taken_at_their_distance(ring: Ring) -> None:
    wide = pictures(1, Geometry((32, 7), 2, np.dtype(np.uint8)))[0]
    np.testing.assert_array_equal(ring.begin(wide[:, 3:16])(), enlarged(wide[:, 3:16], 2))


@pytest.mark.parametrize("picture", [np.zeros((7, 12), np.uint8), np.zeros((7, 13), np.uint16)])
def test_a_picture_of_another_kind_is_refused(ring: Ring, picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"this ring takes \(7, 13\) uint8"):
        ring.begin(picture)
    ring.begin(np.zeros((7, 13), np.uint8))()


def test_after_a_launch_that_failed_the_next_picture_is_right(gpu_double: Driver) -> None:
    with closing(cuda.Context()) as context, closing(Ring(context, GEOMETRY)) as ring:
        doubler = Doubler(gpu_double, ring, GEOMETRY)
        ring.bind(doubler)
        first, second = pictures(2, GEOMETRY)
        doubler.fail = True
        with pytest.raises(BackendError, match="cannot be launched"):
            ring.begin(first)
        doubler.fail = False
        np.testing.assert_array_equal(ring.begin(second)(), enlarged(second, 2))


def test_a_picture_on_the_gpu_stays_there(ring: Ring) -> None:
    """With others from the machine's memory between: a decoder's rows in, read by whoever comes after."""
    pitch, given_in = 64, pictures(8, GEOMETRY)
    with (
        closing(cuda.Stream()) as decoder,
        closing(cuda.Stream()) as encoder,
        closing(cuda.Event()) as decoded,
        closing(cuda.Event()) as read,
        closing(cuda.PinnedBuffer(7 * pitch)) as here,
        closing(cuda.DeviceBuffer(7 * pitch)) as surface,
        closing(cuda.PinnedBuffer(4 * 7 * 13)) as back,
    ):
        for number, picture in enumerate(given_in):
            if number % 3 == 2:
                np.testing.assert_array_equal(ring.begin(picture)(), enlarged(picture, 2))
                continue
            here.bytes.reshape(7, pitch)[:, :13] = picture
            decoder.copy_in(surface, here)
            decoder.mark(decoded)
            result = ring.begin_on_device(surface.address, pitch, decoded)
            copied_out(encoder, back, result)
            encoder.mark(read)
            result.release(read)
            encoder.wait()
            np.testing.assert_array_equal(back.bytes.reshape(14, 26), enlarged(picture, 2))


@pytest.mark.parametrize("eager", [None, 0, 1, 2])
def test_a_set_is_not_used_again_before_its_result_was_read(gpu_double: Driver, ring: Ring, eager: int | None) -> None:
    """The host waits for nothing until a later picture has gone through the same set."""
    if eager is not None:
        gpu_double.make_eager(ring._streams[eager].address)
    given_in, backs = pictures(4, GEOMETRY), [cuda.PinnedBuffer(4 * 7 * 13) for _ in range(3)]
    with ExitStack() as held:
        kept = held.enter_context
        decoder, encoder = kept(closing(cuda.Stream())), kept(closing(cuda.Stream()))
        for picture, back in zip(given_in, backs, strict=False):
            surface, here, decoded, read = (
                kept(closing(one)) for one in (cuda.DeviceBuffer(91), cuda.PinnedBuffer(91), cuda.Event(), cuda.Event())
            )
            here.bytes[:] = picture.ravel()
            decoder.copy_in(surface, here)
            decoder.mark(decoded)
            result = ring.begin_on_device(surface.address, 13, decoded)
            copied_out(encoder, back, result)
            encoder.mark(read)
            result.release(read)
        np.testing.assert_array_equal(ring.begin(given_in[3])(), enlarged(given_in[3], 2))
        encoder.wait()
        for picture, back in zip(given_in, backs, strict=False):
            np.testing.assert_array_equal(back.bytes.reshape(14, 26), enlarged(picture, 2))
            back.close()


def copied_out(encoder: cuda.Stream, back: cuda.PinnedBuffer, result: OnDevice) -> None:
    """What an encoder does with a result on the GPU."""
    encoder.follow(result.made)
    there = cuda.DeviceBuffer.__new__(cuda.DeviceBuffer)  # the result as a buffer to copy from
    there.address, there.size_bytes = result.address, back.size_bytes
    encoder.copy_out(back, there)


def test_closing_ends_what_is_under_way(gpu_double: Driver) -> None:
    context = cuda.Context()
    ring = Ring(context, GEOMETRY)
    ring.bind(Doubler(gpu_double, ring, GEOMETRY))
    take = ring.begin(pictures(1, GEOMETRY)[0])
    ring.close()
    ring.close()
    context.close()
    for use in (take, lambda: ring.begin(pictures(1, GEOMETRY)[0])):
        with pytest.raises(ValueError, match="closed"):
            use()


def test_a_ring_that_does_not_fit_leaves_nothing_behind(gpu_double: Driver) -> None:
    gpu_double.set_memory(1000)
    with closing(cuda.Context()) as context, pytest.raises(cuda.DeviceMemoryError):
        Ring(context, GEOMETRY)
