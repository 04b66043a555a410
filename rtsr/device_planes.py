"""Planes of a picture that lie in a GPU's memory: decoded there, enlarged there, encoded there.

They stand where NumPy's planes stand in a `Frame`, and nobody reads their samples but the stages that are made for it:
`rtsr.compose` lets such frames flow only where source, upscaler and encoder all are. They are handed over by DLPack
(dmlc/dlpack, `DLManagedTensor` of version 0), which PyAV and torch speak; PyAV's types are `Any` here.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from rtsr.frame import Plane, SampleType
from rtsr.planes import FORMS, Planes

CUDA, MACHINE = 2, 1
"""DLPack's kinds of memory: a GPU's, the machine's own."""
IN_MEMORY_OF_GPU = "cuda"
"""FFmpeg's pixel format of pictures that lie there."""


@dataclass(frozen=True, slots=True, eq=False)
class DevicePlane:
    """A plane, or one of two that take turns within a row."""

    address: int
    """Of the first sample."""
    shape: tuple[int, ...]
    """(H, W); or (H, W, 2) of pairs."""
    strides: tuple[int, ...]
    """Bytes from one row to the next, from one sample to the next, and within a pair."""
    dtype: SampleType
    device: tuple[int, int]
    """Which memory: DLPack's kind, and CUDA's number of the GPU."""
    owner: object
    """Keeps the memory."""
    shift: int = 0
    """Code values lie this many bits up in their samples, as P010's do."""

    @property
    def ndim(self) -> int:
        """2, or 3 of pairs."""
        return len(self.shape)

    @property
    def pitch(self) -> int:
        """Bytes from one row to the next."""
        return self.strides[0]

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device

    def __dlpack__(self, *, stream: int | None = None, **_: object) -> Any:  # noqa: ANN401 - a capsule
        """A capsule for whoever reads it next; what made the samples is finished by then, so `stream` has no say."""
        return _capsule(self)


def is_on_device(plane: object) -> bool:
    """Whether it is such a plane."""
    return isinstance(plane, DevicePlane)


def as_planes(y: DevicePlane, pairs: DevicePlane) -> Planes:
    """Y, U and V of a picture of two planes, as fields of a `Frame`: U and V are views of the pairs."""
    u, v = (
        DevicePlane(
            pairs.address + lane * pairs.dtype.itemsize, pairs.shape[:2], pairs.strides[:2],
            pairs.dtype, pairs.device, pairs.owner, pairs.shift,
        )
        for lane in (0, 1)
    )  # fmt: skip
    return cast("Planes", (y, u, v))


def as_pair(y: Plane, u: Plane, v: Plane) -> tuple[DevicePlane, DevicePlane]:
    """What `as_planes` was made of: luma, and the pairs.

    Raises:
        ValueError: U and V do not take turns, or a plane is not on a device.
    """
    luma, one, other = cast("tuple[Any, Any, Any]", (y, u, v))
    if not all(isinstance(plane, DevicePlane) for plane in (luma, one, other)):
        raise ValueError("these planes do not lie in a GPU's memory")
    size = one.dtype.itemsize
    if other.address - one.address != size or one.strides != other.strides or one.strides[1] != 2 * size:
        raise ValueError("U and V do not take turns")
    strides = (*one.strides, size)
    return luma, DevicePlane(
        one.address, (*one.shape, 2), strides, one.dtype, one.device, one.owner, one.shift
    )  # fmt: skip


def device_planes_of(picture: Any) -> Planes:  # noqa: ANN401 - PyAV stops here
    """Y, U and V of PyAV's `picture`, NV12 or P010, where they lie; they keep it alive."""
    form = FORMS[form_of(picture)]
    if not form.interleaved or form.layout.block_wh != (2, 2):
        raise ValueError(f"{form_of(picture)} is not NV12 or P010")
    on_gpu = picture.format.name == IN_MEMORY_OF_GPU
    device: tuple[int, int] = picture.planes[0].__dlpack_device__() if on_gpu else (MACHINE, 0)
    dtype, (width, height) = form.layout.dtype, (picture.width, picture.height)
    rows, columns = form.layout.chroma_shape(width, height)
    size = dtype.itemsize
    y, pairs = picture.planes
    luma = DevicePlane(y.buffer_ptr, (height, width), (y.line_size, size), dtype, device, picture, form.shift)
    chroma = DevicePlane(
        pairs.buffer_ptr, (rows, columns, 2), (pairs.line_size, 2 * size, size), dtype, device, picture, form.shift
    )
    return as_planes(luma, chroma)


def form_of(picture: Any) -> str:  # noqa: ANN401 - as above
    """FFmpeg's name for the samples of PyAV's `picture`, wherever they lie."""
    name: str = picture.format.name
    return str(picture.sw_format.name) if name == IN_MEMORY_OF_GPU else name


class _Device(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_int32), ("number", ctypes.c_int32))


class _Type(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p), ("device", _Device), ("ndim", ctypes.c_int32), ("dtype", _Type),
        ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )  # fmt: skip


_python = ctypes.PyDLL("python", handle=ctypes.pythonapi._handle)
"""Python itself, with functions of our own: those of `ctypes.pythonapi` are everybody's."""
_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Managed(ctypes.Structure):
    _fields_ = (("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", _Deleter))


_UNSIGNED = 1
_NAME = b"dltensor"
_handed_over: dict[int, object] = {}
"""By the address of each tensor that somebody else holds: all that it stands on."""


def _let_go(managed: int | None) -> None:
    if managed:
        _handed_over.pop(managed, None)


def _drop(capsule: int | None) -> None:
    """A capsule ends; if nobody took its tensor, that ends too."""
    if _python.PyCapsule_IsValid(ctypes.c_void_p(capsule), _NAME):
        _let_go(_python.PyCapsule_GetPointer(ctypes.c_void_p(capsule), _NAME))


_LET_GO, _DROP = _Deleter(_let_go), _Deleter(_drop)
_python.PyCapsule_IsValid.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
_python.PyCapsule_GetPointer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
_python.PyCapsule_GetPointer.restype = ctypes.c_void_p
_python.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, _Deleter]
_python.PyCapsule_New.restype = ctypes.py_object


def _capsule(plane: DevicePlane) -> Any:  # noqa: ANN401 - ctypes knows no capsule
    size, count = plane.dtype.itemsize, plane.ndim
    shape = (ctypes.c_int64 * count)(*plane.shape)
    strides = (ctypes.c_int64 * count)(*(step // size for step in plane.strides))
    managed = _Managed()
    tensor = managed.tensor
    tensor.data, tensor.device, tensor.ndim = plane.address, _Device(*plane.device), count
    tensor.dtype = _Type(_UNSIGNED, 8 * size, 1)
    tensor.shape, tensor.strides, tensor.byte_offset = shape, strides, 0
    managed.deleter = _LET_GO
    address = ctypes.addressof(managed)
    _handed_over[address] = (managed, shape, strides, plane.owner)
    return _python.PyCapsule_New(address, _NAME, _DROP)


def view_of(plane: DevicePlane) -> Plane:
    """A NumPy view of a plane in the machine's own memory. Raises ValueError where it is a GPU's."""
    if plane.device[0] != MACHINE:
        raise ValueError("this plane lies in a GPU's memory")
    return cast("Plane", np.from_dlpack(cast("Any", plane)))
