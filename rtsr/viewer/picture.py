"""One upscaled frame on its way to the window, with what a painter made of it beforehand."""

from dataclasses import dataclass, field, replace

from rtsr.color import Color
from rtsr.frame import Frame, Plane
from rtsr.swscale import Resampler
from rtsr.viewer.geometry import Pane, Side, Turn


@dataclass(slots=True)
class Picture:
    """Both sides of one moment. Everything beside `frame` is filled in by whoever needs it first."""

    frame: Frame
    """The upscaled one; its `origin` is the decoded one."""
    grid: Frame | None = None
    """Bicubic of the decoded one, as large as the upscaled one."""
    bgra: dict[tuple[Side, int, int], Plane] = field(default_factory=dict)
    """(H, 4 W) uint8, B G R A, full range, by side and stored width and height."""
    presented: bool = False
    """Whether it was painted."""

    @property
    def decoded(self) -> Frame:
        """What the source gave."""
        return self.frame.origin or self.frame

    @property
    def color(self) -> Color:
        """Of both sides. An unknown matrix is guessed from the decoded size: upscaling does not change colours."""
        return self.decoded.color.for_display(self.decoded.height)


class Sides:
    """Which frame a pane is painted from; one object per thread.

    The left side is the decoded frame, and the one bicubic step of the painter makes window pixels of it. Where the
    window is smaller than the upscaled picture, that step would not enlarge but skip the upscaling that is to be
    judged. There the left side is what the bicubic backend makes, and both sides are shrunk alike.
    """

    def __init__(self) -> None:
        self._resampler: Resampler | None = None
        self._made_for: object = None

    def of(self, picture: Picture, pane: Pane, turn: Turn) -> Frame:
        """The frame of `pane`'s side."""
        width, height = turn.stored_wh(pane.picture)
        if pane.side == "sr" or picture.frame.origin is None:
            return picture.frame
        if width >= picture.frame.width and height >= picture.frame.height:
            return picture.frame.origin
        if picture.grid is None:
            picture.grid = self._enlarged(picture.frame.origin, picture.frame.width // picture.frame.origin.width)
        return picture.grid

    def _enlarged(self, decoded: Frame, scale: int) -> Frame:
        key = (decoded.width, decoded.height, scale, decoded.color.siting, decoded.layout)
        if self._resampler is None or self._made_for != key:
            self._resampler = Resampler((decoded.width, decoded.height), scale, decoded.color.siting, 1, decoded.layout)
            self._made_for = key
        y, u, v = self._resampler.scaled(decoded)
        return replace(decoded, y=y, u=u, v=v)
