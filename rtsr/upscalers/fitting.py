"""Pictures that do not fit into a GPU's memory, in windows that do: planned before the first frame, mended at any.

Before anything is opened the need is estimated from the network's widest layer and compared with what is free. What is
opened or run and finds no memory all the same (another program came first, the library takes more) is done again in
smaller windows: no frame is lost, and it is said. Why not ask the library: it knows only after it has built.
"""

from __future__ import annotations

import json
import logging
import struct
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rtsr.errors import BackendError, ResourceError
from rtsr.models import verified_path
from rtsr.stages import LumaEngine
from rtsr.upscalers.tiled_engine import TiledEngine, Tiling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rtsr.frame import PixelLayout, Plane
    from rtsr.models import ModelCard

log = logging.getLogger(__name__)
SMALLEST_PX = 64
"""Pixels along a side that a window makes at least; smaller ones would be margin more than picture."""
_LAYERS = 3
"""Of the widest kind that are in memory at once: what goes into a layer, what comes out, the library's room to work."""
_RING = 3
"""Sets of input and output."""
_ASIDE_BYTES = 256 << 20
"""Of the library itself: its kernels, the weights."""
_SHARE = 0.9
"""Of what is free: others work there, too."""


class GpuEngine(LumaEngine, Protocol):
    """What a GPU backend opens."""

    @property
    def precision(self) -> str:
        """Of its arithmetic, as badges show it."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a network takes of a GPU's memory, as far as it can be told beforehand."""

    channels: int
    """Of its widest layer; 0 where that is not known, and then nothing is foretold."""
    scale: int
    layout: PixelLayout
    number_bytes: int = 2
    """Of a number inside the network."""

    def bytes_for(self, size_wh: tuple[int, int]) -> int:
        """For pictures of (width, height). An estimate; 0 where nothing is known."""
        if not self.channels:
            return 0
        pixels = size_wh[0] * size_wh[1]
        sample_bytes = self.layout.dtype.itemsize
        ring = _RING * pixels * (1 + self.scale**2) * sample_bytes
        return _ASIDE_BYTES + _LAYERS * pixels * self.channels * self.number_bytes + ring


def need_of(card: ModelCard, layout: PixelLayout, precision: str) -> Need:
    """The need of the network of `card` in "fp16" or "fp32" ("auto" is fp16). Raises BackendError on a damaged file."""
    return Need(_widest(card), card.scale, layout, 4 if precision == "fp32" else 2)


def _widest(card: ModelCard) -> int:
    """Channels at the wider end of the widest convolution; 0 where the card has no safetensors."""
    if card.safetensors is None:
        return 0
    path = verified_path(card, "safetensors")
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))  # the format: a length, JSON, numbers
            header = json.loads(file.read(length))
        return max((max(one["shape"][:2]) for one in header.values() if len(one.get("shape", ())) == 4), default=0)
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise BackendError(
            f"{path.name} cannot be read ({error})", mend="reinstall rtsr, or import it again"
        ) from error


def smaller_windows(size_wh: tuple[int, int], reach_px: int) -> Iterator[tuple[int, int]]:
    """(width, height) of windows: the whole picture, then about half as large each time, down to the smallest."""
    parts, window = [1, 1], size_wh
    yield window
    while True:
        made = [-(-side // count) for side, count in zip(size_wh, parts, strict=True)]
        axis = 0 if made[0] >= made[1] else 1
        if -(-size_wh[axis] // (parts[axis] * 2)) < SMALLEST_PX:
            return
        parts[axis] *= 2
        made[axis] = -(-size_wh[axis] // parts[axis])
        cut = (min(side, one + 2 * reach_px) for side, one in zip(size_wh, made, strict=True))
        before, window = window, (next(cut), next(cut))
        if window != before:
            yield window


def open_fitted(
    open_at: Callable[[tuple[int, int]], GpuEngine],
    card: ModelCard,
    size_wh: tuple[int, int],
    need: Need,
    free_bytes: int | None,
) -> FittedEngine:
    """Open the network for whole pictures, or for the largest windows that the memory takes.

    Args:
        open_at: opens the network for pictures of one size; raises ResourceError where the memory does not suffice.
        card: of the network.
        size_wh: of the pictures that will come.
        need: of the network.
        free_bytes: of the GPU's memory; None where it is not known.

    Raises:
        ResourceError: there is no room even for the smallest windows. And whatever else `open_at` raises.
    """
    reach_px = -(-card.receptive_field_px // 2)
    cuts = [Tiling(size_wh, window, card.scale, reach_px) for window in smaller_windows(size_wh, reach_px)]
    room = None if free_bytes is None else free_bytes * _SHARE
    fitting = [cut for cut in cuts if room is None or need.bytes_for(cut.window_wh) <= room]
    begin_at = fitting or cuts[-1:]  # what is estimated never refuses: the library does, when it has tried
    if free_bytes is not None and begin_at[0] is not cuts[0]:
        log.info(
            "%s for %dx%d needs about %s of the GPU's memory, and %s is free: it runs in %s",
            card, *size_wh, _told_bytes(need.bytes_for(size_wh)), _told_bytes(free_bytes), _told(begin_at[0]),
        )  # fmt: skip
    engine = FittedEngine(open_at, begin_at, card)
    engine.open()
    return engine


class FittedEngine:
    """An engine of the largest windows that the memory takes, now; see `open_fitted` and `LumaEngine`."""

    def __init__(
        self, open_at: Callable[[tuple[int, int]], GpuEngine], cuts: Sequence[Tiling], card: ModelCard
    ) -> None:
        self._open_at, self._left, self._card = open_at, deque(cuts), card
        self._cut = cuts[0]
        self._engine: LumaEngine | None = None
        self._precision = ""
        self._begun: list[_Begun] = []

    @property
    def precision(self) -> str:
        """Of its arithmetic, as badges show it."""
        return self._precision

    @property
    def tiles(self) -> str:
        """Empty where the picture is made at once; else in how many parts, and what that does to it."""
        if self._cut.count == 1:
            return ""
        beside = ", which see less than the whole picture" if self._card.sees_all else ""
        return f"in {self._cut.count} tiles{beside}"

    @property
    def slots(self) -> int:
        """See `LumaEngine`."""
        return self._opened().slots

    def open(self, reason: ResourceError | None = None) -> None:
        """Open the largest windows that were not tried yet. Raises ResourceError where there are none."""
        while self._left:
            self._cut = self._left.popleft()
            if reason is not None:
                log.warning("%s, so %s goes on in %s", reason.problem, self._card, _told(self._cut))
            try:
                inner = self._open_at(self._cut.window_wh)
            except ResourceError as error:
                reason = error
                continue
            self._precision = inner.precision
            self._engine = inner if self._cut.count == 1 else TiledEngine(inner, self._cut)
            return
        width, height = self._cut.window_wh
        words = "the GPU's memory is full" if reason is None else reason.problem
        raise ResourceError(
            f"{words}, and {self._card} finds no room there even for {width}x{height}",
            mend="close other programs that use the GPU, take a smaller model, or --device cpu",
        ) from reason

    def begin(self, y: Plane) -> Callable[[], Plane]:
        """See `LumaEngine`. `y` is read until its result is there: where the memory is full, it is begun again."""
        if len(self._begun) >= self.slots:
            raise ValueError(f"{len(self._begun)} pictures are under way, and no more than {self.slots} can be")
        picture = _Begun(y)
        self._begun.append(picture)
        try:
            self._start()
        except BaseException:
            self._begun.remove(picture)
            raise
        return lambda: self._result(picture)

    def run(self, y: Plane) -> Plane:
        """See `LumaEngine`."""
        return self.begin(y)()

    def close(self) -> None:
        """See `LumaEngine`."""
        engine, self._engine = self._engine, None
        self._begun.clear()
        if engine is not None:
            engine.close()

    def _opened(self) -> LumaEngine:
        if self._engine is None:
            raise ValueError("this engine is closed")
        return self._engine

    def _start(self) -> None:
        """Begin what is not under way, in smaller windows if need be."""
        while True:
            engine = self._opened()
            try:
                for picture in self._begun[: engine.slots]:
                    if picture.result is None:
                        picture.result = engine.begin(picture.y)
                return
            except ResourceError as error:
                self._shrink(error)

    def _shrink(self, reason: ResourceError) -> None:
        self._opened().close()
        self._engine = None
        for picture in self._begun:
            picture.result = None
        self.open(reason)

    def _result(self, picture: _Begun) -> Plane:
        while True:
            self._start()
            if picture.result is None:
                raise ValueError("results are asked for in the order of their beginnings")
            try:
                made = picture.result()
            except ResourceError as error:
                self._shrink(error)
            else:
                self._begun.remove(picture)
                return made


@dataclass(slots=True, eq=False)
class _Begun:
    """A picture under way."""

    y: Plane
    result: Callable[[], Plane] | None = None
    """None where it is not begun, or has to be begun again."""


def _told(cut: Tiling) -> str:
    width, height = cut.window_wh
    return f"{cut.count} tiles of {width}x{height}" if cut.count > 1 else "one piece"


def _told_bytes(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.0f} MiB"
