"""An upscaler whose pictures never leave the GPU: planes in its memory go in, and planes in its memory come out.

Luma by the network, chroma by `rtsr.upscalers.typed_chroma`, each an engine with a ring of its own; both results are
copied into one buffer, chroma below luma at the same pitch, since NVENC is told the address of the first row alone.
A buffer is used again when the last who holds its planes, the encoder in the end, has let go of them.

Nothing of this has run on a GPU: tests/unit/test_on_card.py runs it on a driver made of the machine's memory.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rtsr.device_planes import CUDA, DevicePlane, as_pair, as_planes, is_on_device
from rtsr.errors import BackendError, RtsrError
from rtsr.frame import YUV420P
from rtsr.models import find_model
from rtsr.models.sharpness import sharpened
from rtsr.upscalers.card_memory import Part, Pool, Set
from rtsr.upscalers.cuda import Context, Event, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtsr.config import Upscale
    from rtsr.frame import Frame, Plane, StreamInfo
    from rtsr.planes import Planes
    from rtsr.stages import Badge
    from rtsr.upscalers.card_memory import Lease
    from rtsr.upscalers.ring import OnDevice

_CHECKED = 40
"""Rows and columns of chroma that the self-check looks at."""


class CardEngine(Protocol):
    """A `LumaEngine` that takes and leaves its pictures on the GPU, too: `rtsr.upscalers.tensorrt`'s."""

    @property
    def slots(self) -> int:
        """See `LumaEngine`."""

    def begin_on_device(self, address: int, pitch_bytes: int, after: Event) -> OnDevice:
        """See `rtsr.upscalers.ring.Ring`."""

    def run(self, y: Plane) -> Plane:
        """See `LumaEngine`."""

    def close(self) -> None:
        """See `LumaEngine`."""


def hindrance(info: StreamInfo, badge: Badge) -> str | None:
    """Why pictures cannot stay on the GPU while they are made larger, in words; None where they can.

    Args:
        info: of the frames that will come.
        badge: of the upscaler that takes them from the machine's memory.
    """
    if badge.gpu is None or not badge.backend.startswith("TensorRT"):
        return f"{badge.backend} takes them from the machine's memory"
    if badge.tiles or badge.resized:
        return f"they are made {badge.tiles or badge.resized}"
    if info.layout != YUV420P:
        return f"{info.layout} is not carried"
    if info.width % 2 or info.height % 2:
        return f"{info.width}x{info.height} does not lie in pairs"
    return None


def open_on_card(options: Upscale, info: StreamInfo, badge: Badge) -> OnCardUpscaler:
    """The network of `options` and bicubic chroma, for frames whose `hindrance` is None.

    Args:
        options: which network.
        info: of the frames that will come.
        badge: of the upscaler whose place it takes.

    Raises:
        BackendError: an engine cannot be had, or chroma comes out wrong.
        ResourceError: the GPU's memory is full.
    """
    from rtsr.upscalers import tensorrt
    from rtsr.upscalers.typed_chroma import chroma_graph

    card = sharpened(find_model(options.model, options.scale), options.sharpness)
    how = tensorrt.GpuOptions(device=badge.gpu or 0, precision=options.precision)
    size = (info.width, info.height)
    with ExitStack() as undo:
        luma = tensorrt.open_engine(card, size, info.layout, how)
        undo.callback(luma.close)
        chroma = tensorrt.open_graph(chroma_graph(size, card.scale, info.color.siting, info.layout), how)
        undo.callback(chroma.close)
        _check(chroma, info, card.scale)
        made = OnCardUpscaler(luma, chroma, info, replace(badge, precision=luma.precision, stays=True))
        undo.pop_all()
    return made


def _check(chroma: CardEngine, info: StreamInfo, scale: int) -> None:
    """Let it make a picture, and look at a corner of it. Raises BackendError where that is wrong."""
    from rtsr.upscalers.typed_chroma import enlarged_pairs

    rows, columns = info.layout.chroma_shape(info.width, info.height)
    pairs: Plane = np.random.default_rng(0).integers(0, 256, (rows, 2 * columns), np.uint8)
    made = chroma.run(pairs)
    seen = min(rows, _CHECKED), 2 * min(columns, _CHECKED)
    right = enlarged_pairs(pairs[: seen[0] + 4, : seen[1] + 8], scale, info.color.siting, info.layout)
    rim = scale * seen[0], scale * seen[1]
    if np.abs(made[: rim[0], : rim[1]].astype(int) - right[: rim[0], : rim[1]].astype(int)).max() > 1:
        raise BackendError("the GPU makes wrong chroma", mend="use --hwdec no, and report this")


class OnCardUpscaler:
    """See `Upscaler`, for frames of `DevicePlane`s of 8 bit; others, of a decoder that gave up, are copied there.

    Args:
        luma: for (H, W) samples.
        chroma: for (H/2, W) samples, U and V in turns.
        info: of the frames that will come.
        badge: what runs.
        decoded: puts an event behind what fills the planes of the last frame that came; None: FFmpeg does that.
        device: DLPack's kind of the memory, and CUDA's number of the GPU; of the badge if not given.
    """

    def __init__(  # noqa: PLR0913 - two engines, and what a test has otherwise
        self,
        luma: CardEngine,
        chroma: CardEngine,
        info: StreamInfo,
        badge: Badge,
        *,
        decoded: Callable[[Event], None] | None = None,
        device: tuple[int, int] | None = None,
    ) -> None:
        self._luma, self._chroma, self._badge = luma, chroma, badge
        self._size_wh = info.width * badge.scale, info.height * badge.scale
        self._ordinal = badge.gpu or 0
        self._device = device or (CUDA, self._ordinal)
        self._parts: list[Set | Stream | Context] = []
        self._begun, self._closed = 0, False
        self._pool = Pool(self._ordinal, self._size_wh[0] * self._size_wh[1] * 3 // 2)
        with ExitStack() as undo:
            undo.callback(self.close)
            self._context = Context(self._ordinal)
            self._parts.append(self._context)
            self._join, self._copy = Stream(), Stream()
            self._parts += [self._join, self._copy]
            self._sets: list[Set] = []
            for _ in range(self.slots):
                self._sets.append(Set(info.width, info.height))
                self._parts.append(self._sets[-1])
            undo.pop_all()
        self._decoded = decoded or self._context.mark

    @property
    def scale(self) -> int:
        """See `Upscaler`."""
        return self._badge.scale

    @property
    def size_wh(self) -> tuple[int, int]:
        """See `Upscaler`."""
        return self._size_wh

    @property
    def badge(self) -> Badge:
        """See `Upscaler`."""
        return self._badge

    @property
    def slots(self) -> int:
        """See `Upscaler`."""
        return min(self._luma.slots, self._chroma.slots)

    def begin(self, frame: Frame) -> Callable[[], Frame]:
        """See `Upscaler`. The planes of `frame` are kept until its result is there."""
        if self._closed:
            raise ValueError("this upscaler is closed")
        self._context.use()
        own = self._sets[self._begun % self.slots]
        if is_on_device(frame.y):
            y, pairs = as_pair(frame.y, frame.u, frame.v)
            self._decoded(own.filled)
        else:
            y, pairs = own.copied(frame, self._copy, self._device)
        luma = self._luma.begin_on_device(y.address, y.pitch, own.filled)
        chroma = self._chroma.begin_on_device(pairs.address, pairs.pitch, own.filled)
        self._begun += 1

        def result() -> Frame:
            y, u, v = self._joined(luma, chroma, own.read)
            return replace(frame, y=y, u=u, v=v, origin=frame)

        return result

    def upscale(self, frame: Frame) -> Frame:
        """See `Upscaler`."""
        return self.begin(frame)()

    def blank(self) -> Planes:
        """Planes of a picture that nobody has filled, as those of results lie: to try an encoder with."""
        return self._planes(self._pool.take())

    def close(self) -> None:
        """See `Upscaler`. Memory that is still held outside is freed when it is let go."""
        if self._closed:
            return
        self._closed = True
        self._luma.close()
        self._chroma.close()
        with suppress(RtsrError):
            if self._parts:
                self._context.use()
                self._join.wait()
                self._copy.wait()
        self._pool.close()
        while self._parts:
            self._parts.pop().close()

    def _joined(self, luma: OnDevice, chroma: OnDevice, read: Event) -> Planes:
        width, height = self._size_wh
        self._context.use()
        picture = self._pool.take()
        self._join.follow(luma.made)
        self._join.copy_rows(Part(picture.address), luma.address, width, (height, width))
        self._join.follow(chroma.made)
        self._join.copy_rows(Part(picture.address + width * height), chroma.address, width, (height // 2, width))
        self._join.mark(read)
        luma.release(read)
        chroma.release(read)
        read.wait()
        return self._planes(picture)

    def _planes(self, picture: Lease) -> Planes:
        (width, height), dtype = self._size_wh, YUV420P.dtype
        below = picture.address + width * height
        return as_planes(
            DevicePlane(picture.address, (height, width), (width, 1), dtype, self._device, picture),
            DevicePlane(below, (height // 2, width // 2, 2), (width, 2, 1), dtype, self._device, picture),
        )
