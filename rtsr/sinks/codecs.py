"""The video encoders that are offered: what pictures and sizes each takes, and what its options are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
from av.codec.codec import UnknownCodecError

from rtsr.errors import BackendError
from rtsr.planes import FORMS

if TYPE_CHECKING:
    from rtsr.frame import PixelLayout

_MOST_PX = 65535
"""What headers of containers and codecs hold in 16 bits."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One encoder of libavcodec's."""

    kind: str = ""
    """Of what it makes, by libavcodec's name; containers go by that."""
    quality: str | None = "crf"
    """Its option for constant quality; None: it has none."""
    preset: str | None = "preset"
    """Its option for speed; None: it has none."""
    params: str | None = None
    """Its option that takes the library's own settings."""
    least_wh: tuple[int, int] = (2, 2)
    most_wh: tuple[int, int] = (_MOST_PX, _MOST_PX)
    most_bits: int = 16
    """Deeper pictures it would take, and round without a word."""
    whole_blocks: bool = False
    """It refuses pictures whose last chroma sample stands for less than the others."""
    hardware: bool = False
    fixed: tuple[tuple[str, str], ...] = ()
    """Options that it always gets."""
    without: str = ""
    """Why it has no constant quality, for people."""


def _nvenc(kind: str) -> Codec:
    """NVENC's limits differ from card to card: they are tried."""
    return Codec(kind, "cq", most_bits=10, whole_blocks=True, hardware=True, fixed=(("rc", "vbr"),))


CODECS: dict[str, Codec] = {
    "libx264": Codec("h264", params="x264-params", most_wh=(16384, 16384), whole_blocks=True),
    # x265 4.x in PyAV 18.1's wheel writes beyond its memory at some widths from 33 to 48 (40, 46 and 48 end the
    # process, 8 or 10 bit), and refuses sides below 16.
    "libx265": Codec("hevc", params="x265-params", least_wh=(64, 16), whole_blocks=True),
    "libsvtav1": Codec("av1", params="svtav1-params", least_wh=(4, 4), most_wh=(16384, 8704)),
    "libvpx-vp9": Codec("vp9", preset=None),
    "ffv1": Codec("ffv1", None, None, without="it is lossless"),
    "prores_ks": Codec("prores", None, None, without="its profile says how good it is"),
    "hevc_nvenc": _nvenc("hevc"),
    "av1_nvenc": _nvenc("av1"),
    "h264_nvenc": _nvenc("h264"),
}
"""By libavcodec's names."""
HARDWARE = tuple(name for name, codec in CODECS.items() if codec.hardware)
"""Best first."""


def carriers(name: str) -> dict[PixelLayout, str]:
    """The layouts that the encoder `name` takes unchanged, and the pixel format it takes each in.

    Raises:
        BackendError: this build of PyAV lacks it.
    """
    try:
        formats = av.Codec(name, "w").video_formats or []
    except UnknownCodecError as error:
        raise BackendError(
            f"this build of PyAV ({av.__version__}) has no {name}",
            mend="install PyAV's own wheel (pip install --force-reinstall --only-binary av av), or take another -c:v",
        ) from error
    taken: dict[PixelLayout, str] = {}
    for form in formats:
        if form.name in FORMS and FORMS[form.name].layout.bits <= CODECS.get(name, Codec()).most_bits:
            taken.setdefault(FORMS[form.name].layout, form.name)
    return taken


def takers(layout: PixelLayout) -> list[str]:
    """The software encoders that take `layout` unchanged, the usual ones first."""
    return [name for name, codec in CODECS.items() if not codec.hardware and layout in _carriers_or_none(name)]


def _carriers_or_none(name: str) -> dict[PixelLayout, str]:
    try:
        return carriers(name)
    except BackendError:
        return {}
