"""Planes in a GPU's memory, by DLPack; the machine's own memory stands for the GPU's, which DLPack tells apart."""

import gc
import weakref
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsr import device_planes
from rtsr.device_planes import MACHINE, DevicePlane, as_pair, device_planes_of, form_of, is_on_device, view_of
from rtsr.frame import Frame, PixelLayout
from rtsr.planes import fill_picture, planes_of

sides = st.integers(1, 20).map(lambda half: 2 * half)


def picture_of(width: int, height: int, bits: int, seed: int = 0) -> av.VideoFrame:
    rng, layout = np.random.default_rng(seed), PixelLayout(bits)
    picture = av.VideoFrame(width, height, "nv12" if bits == 8 else "p010le")
    half = layout.chroma_shape(width, height)
    planes = tuple(
        rng.integers(0, layout.peak + 1, shape).astype(layout.dtype) for shape in ((height, width), half, half)
    )
    fill_picture(picture, planes)  # type: ignore[arg-type]  # three
    return picture


@given(width=sides, height=sides, bits=st.sampled_from([8, 10]))
def test_they_make_a_frame_of_the_same_samples(width: int, height: int, bits: int) -> None:
    picture = picture_of(width, height, bits)
    planes = device_planes_of(picture)
    frame = Frame(*planes, 0, Fraction(1, 25), layout=PixelLayout(bits))
    assert all(is_on_device(plane) for plane in (frame.y, frame.u, frame.v))
    assert (frame.width, frame.height) == (width, height)
    for plane, right in zip(planes, planes_of(picture), strict=True):
        assert np.array_equal(view_of(plane) >> plane.shift, right)  # type: ignore[arg-type, attr-defined]


@given(width=sides, height=sides, bits=st.sampled_from([8, 10]))
def test_pyav_takes_them_as_a_picture_without_a_copy(width: int, height: int, bits: int) -> None:
    picture = picture_of(width, height, bits)
    y, pairs = as_pair(*device_planes_of(picture))
    taken = av.VideoFrame.from_dlpack((y, pairs), format=form_of(picture))
    assert taken.planes[0].buffer_ptr == picture.planes[0].buffer_ptr
    assert taken.planes[1].buffer_ptr == picture.planes[1].buffer_ptr
    assert taken.planes[0].line_size == picture.planes[0].line_size
    for one, right in zip(planes_of(taken), planes_of(picture), strict=True):
        assert np.array_equal(one, right)


def test_what_is_handed_over_keeps_its_memory_and_lets_it_go() -> None:
    class Owner:
        pass

    owner, samples = Owner(), np.arange(32, dtype=np.uint8).reshape(4, 8)
    gone = weakref.ref(owner)
    held = len(device_planes._handed_over)
    y = DevicePlane(samples.ctypes.data, (4, 8), (8, 1), samples.dtype, (MACHINE, 0), owner)
    pairs = DevicePlane(samples.ctypes.data, (2, 4, 2), (8, 2, 1), samples.dtype, (MACHINE, 0), owner)
    picture = av.VideoFrame.from_dlpack((y, pairs), format="nv12")
    y.__dlpack__()  # a capsule that nobody takes
    del owner, y, pairs
    gc.collect()
    assert gone() is not None
    assert len(device_planes._handed_over) == held + 2
    del picture
    gc.collect()
    assert gone() is None
    assert len(device_planes._handed_over) == held


def test_planes_that_do_not_take_turns_are_no_pair() -> None:
    y, u, v = device_planes_of(picture_of(8, 8, 8))
    with pytest.raises(ValueError, match="take turns"):
        as_pair(y, v, u)
    with pytest.raises(ValueError, match="GPU's memory"):
        as_pair(np.zeros((4, 4), np.uint8), u, v)


def test_a_plane_of_a_gpu_is_not_read_by_mistake() -> None:
    y, _, _ = device_planes_of(picture_of(8, 8, 8))
    far = DevicePlane(y.address, (8, 8), (8, 1), np.dtype(np.uint8), (device_planes.CUDA, 0), None)  # type: ignore[attr-defined]
    assert far.__dlpack_device__() == (2, 0)
    with pytest.raises(ValueError, match="GPU's memory"):
        view_of(far)
