"""Frames through a video codec and back, in memory: what a delivery encode leaves of them, and what it costs in bits.

Every encoder runs on one thread, and x264 as independent of the CPU: both x264 and x265 decide differently with more
threads, and x264's macroblock tree in assembly differs between CPUs and, by 0.3 % of the bits, from run to run. A table
of quality should depend on neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, cast

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from rtsr.color import Color, Range
from rtsr.errors import BackendError, RtsrError
from rtsr.frame import Frame, Plane, chroma_shape
from rtsr.planes import fill_plane, plane_view

_GREY = 128
_LARGEST_TERM = 1001
"""Denominator of frame rates: 30000/1001 is kept, and no encoder's clock overflows."""
METER = "x264 veryfast CRF 23"
"""How `BitMeter` encodes."""


@dataclass(frozen=True, slots=True)
class Codec:
    """How one codec is asked for a constant quality."""

    encoder: str
    decoder: str
    """Both by libavcodec's names."""
    pix_fmt: str
    options: Callable[[float], dict[str, str]]
    """CRF to libavcodec's options."""
    words: str
    """For people: encoder, preset, and what CRF means where the encoder has none."""


def mjpeg_qscale(crf: float) -> int:
    """The quantiser scale of MJPEG, 1 to 31, whose step at low frequencies is about that of H.264 at QP `crf`.

    H.264's step is 2^((QP - 4) / 6) (ITU-T H.264 table of 8.5), that of FFmpeg's MJPEG about twice its scale.
    """
    return min(31, max(1, round(2 ** ((crf - 10) / 6))))


def _x264(crf: float, preset: str) -> dict[str, str]:
    return {"crf": f"{crf:g}", "preset": preset, "x264-params": "cpu-independent=1"}


def _x265(crf: float, preset: str) -> dict[str, str]:
    return {"crf": f"{crf:g}", "preset": preset, "x265-params": "log-level=error:pools=none:frame-threads=1"}


def _mjpeg(crf: float) -> dict[str, str]:
    """Rate control that may choose one scale only: libavcodec takes a fixed one from a field that PyAV lacks."""
    return dict.fromkeys(("qmin", "qmax"), str(mjpeg_qscale(crf)))


CODECS: dict[str, Codec] = {
    "h264": Codec("libx264", "h264", "yuv420p", lambda crf: _x264(crf, "medium"), "libx264 medium"),
    "h265": Codec("libx265", "hevc", "yuv420p", lambda crf: _x265(crf, "medium"), "libx265 medium"),
    "mjpeg": Codec("mjpeg", "mjpeg", "yuvj420p", _mjpeg, "mjpeg at qscale 2^((CRF - 10) / 6)"),
}
"""By the name that users give; MJPEG's code values are carried as they are, whatever range its format's name tells."""


def check_codec(name: str) -> None:
    """Raise BackendError, by name, where this build of PyAV cannot encode or decode a member of CODECS."""
    codec = CODECS[name]
    modes: tuple[tuple[str, Literal["r", "w"]], ...] = ((codec.encoder, "w"), (codec.decoder, "r"))
    for library, mode in modes:
        try:
            av.Codec(library, mode)
        except UnknownCodecError as error:
            raise BackendError(
                f"this build of PyAV ({av.__version__}) has no {library}, which {name} needs",
                mend="install PyAV's own wheel: pip install --force-reinstall --only-binary av av",
            ) from error


@dataclass(frozen=True, slots=True)
class Coded:
    """What came back."""

    frames: tuple[Frame, ...]
    """As many as went in, in the same order, with their times, colour and durations."""
    bits: int
    """Of all packets together."""


def round_trip(frames: Sequence[Frame], rate_fps: Fraction, codec: str, crf: float) -> Coded:
    """`frames` encoded and decoded again.

    Args:
        frames: of one size, both sides even.
        rate_fps: frames per second, which rate control goes by.
        codec: a member of CODECS.
        crf: constant quality; 0 is the best.

    Raises:
        BackendError: this build of PyAV lacks the codec.
        RtsrError: encoder or decoder fail, or do not give every frame back.
    """
    check_codec(codec)
    how = CODECS[codec]
    try:
        coder = _Coder(how.encoder, how.pix_fmt, how.options(crf), _Clip.of(frames[0], rate_fps))
        decoder = cast("VideoCodecContext", av.CodecContext.create(how.decoder, "r"))
        pictures = []
        bits = 0
        for frame in (*frames, None):
            for packet in coder.encode(frame):
                bits += 8 * packet.size
                pictures += decoder.decode(packet)
        pictures += decoder.decode(None)
    except (FFmpegError, ValueError) as error:
        raise RtsrError(f"{codec} at CRF {crf:g} failed ({error})", mend="take another --codec or --crf") from error
    if len(pictures) != len(frames):
        raise RtsrError(
            f"{codec} at CRF {crf:g} gave {len(pictures)} of {len(frames)} frames back", mend="take another --codec"
        )
    return Coded(tuple(_like(frame, picture) for frame, picture in zip(frames, pictures, strict=True)), bits)


class BitMeter:
    """What an encode of luma alone spends, its chroma being grey: x264 veryfast at CRF 23.

    Args:
        size_wh: of the planes that will come, both sides even.
        rate_fps: frames per second.
        color: whose range is told to the encoder.
    """

    def __init__(self, size_wh: tuple[int, int], rate_fps: Fraction, color: Color) -> None:
        check_codec("h264")
        clip = _Clip(*size_wh, rate_fps, color)
        self._coder = _Coder("libx264", "yuv420p", _x264(23, "veryfast"), clip)
        self._chroma = np.full(chroma_shape(*size_wh), _GREY, np.uint8)
        self._bits = self._count = 0

    def add(self, y: Plane) -> None:
        """Take (H, W) uint8, the next frame's luma."""
        frame = Frame(y, self._chroma, self._chroma, self._count, Fraction(1))
        self._count += 1
        self._bits += sum(8 * packet.size for packet in self._coder.encode(frame))

    def finish(self) -> int:
        """Bits of all frames; none may follow."""
        return self._bits + sum(8 * packet.size for packet in self._coder.encode(None))


@dataclass(frozen=True, slots=True)
class _Clip:
    width: int
    height: int
    rate_fps: Fraction
    color: Color

    @classmethod
    def of(cls, frame: Frame, rate_fps: Fraction) -> _Clip:
        return cls(frame.width, frame.height, rate_fps, frame.color)


class _Coder:
    """One encoder; frames are counted, their own times do not matter."""

    def __init__(self, encoder: str, pix_fmt: str, options: dict[str, str], clip: _Clip) -> None:
        context = cast("VideoCodecContext", av.CodecContext.create(encoder, "w"))
        context.width, context.height, context.pix_fmt = clip.width, clip.height, pix_fmt
        context.framerate = clip.rate_fps.limit_denominator(_LARGEST_TERM)
        context.time_base = 1 / context.framerate
        context.thread_count = 1
        if clip.color.range is Range.FULL:
            context.color_range = int(Range.FULL)
        context.options = options
        self._context, self._form, self._count = context, (clip.width, clip.height, pix_fmt), 0

    def encode(self, frame: Frame | None) -> Iterable[av.Packet[VideoStream]]:
        """Packets that are ready; None asks for those held back."""
        if frame is None:
            return self._context.encode(None)
        picture = av.VideoFrame(*self._form)
        for plane, pixels in zip(picture.planes, (frame.y, frame.u, frame.v), strict=True):
            fill_plane(plane, pixels)
        picture.pts, picture.time_base = self._count, self._context.time_base
        self._count += 1
        return self._context.encode(picture)


def _like(frame: Frame, picture: av.VideoFrame) -> Frame:
    """The decoded picture at the time and with the colour of the frame that it was made from."""
    half_height, half_width = chroma_shape(picture.width, picture.height)
    y, u, v = picture.planes
    planes = plane_view(y), plane_view(u, half_width, half_height), plane_view(v, half_width, half_height)
    return Frame(*planes, frame.pts, frame.time_base, frame.color, frame.duration)
