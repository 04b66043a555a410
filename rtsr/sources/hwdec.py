"""Decoding by an NVIDIA GPU (NVDEC, through FFmpeg's `cuda` device): which streams may, whether it works, and doing it.

Only codecs whose decoding is defined to the last bit are handed over (H.264, HEVC, VP8, VP9, AV1 without film grain),
so that pictures are the same whoever decodes them; and not before the first pictures of the very stream came out equal
to the CPU's. What goes wrong later sends the run back to the CPU: see `rtsr.sources.reader`.

Why a decoder of its own beside the container's: FFmpeg's containers choose libdav1d for AV1, which no GPU helps, and
theirs stays as it is for the CPU to take over.

Why `auto` leaves it alone where the CPU makes the pictures: a context costs some 0.3 GB of the GPU and a start, while
decoding is a small part of what such a run does; and who asks for the CPU is not given a GPU unasked. Not measured.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import av
import av.logging
import numpy as np
from av.codec.hwaccel import HWAccel
from av.error import FFmpegError
from av.video.stream import VideoStream

from rtsr.errors import BackendError
from rtsr.frame import PixelLayout
from rtsr.planes import FORMS, planes_of
from rtsr.sources.decode import headers_of
from rtsr.sources.opening import open_container, video_of
from rtsr.sources.reading import Accelerable

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext

    from rtsr.config import HwDec
    from rtsr.stages import Source

log = logging.getLogger(__name__)
_EXACT = ("h264", "hevc", "vp8", "vp9", "av1")
"""ITU-T H.264 and H.265, RFC 6386, the VP9 and AV1 specifications. MPEG-2 and MPEG-4 leave the inverse DCT's rounding
to the decoder, and so does JPEG."""
_TAKEN = (PixelLayout(8), PixelLayout(10))
"""4:2:0. Deeper pictures come in a form that does not tell how deep, and finer chroma not from every card."""
_GRAIN = re.compile(r"film_grain_params_present\s+\S+ = (\d)")
"""AV1 section 5.5.1. Its synthesis is not held to the last bit."""
_TRIED = 4
"""Pictures that have to come out equal; the later ones refer to the first."""
_CONTEXTS: tuple[dict[str, object], ...] = ({"primary_ctx": "1"}, {})
"""The GPU's shared context first; a context of its own where somebody has set the shared one up otherwise."""


class CardError(Exception):
    """The GPU does not decode this, in words."""


class CardDecoder:
    """A decoder for the packets of `stream`, beside the stream's own.

    Args:
        stream: of an opened file, whose codec is one of those that a GPU may decode.
        accel: the GPU; None leaves the work to the CPU.

    Raises:
        CardError: there is none.
    """

    def __init__(self, stream: VideoStream, accel: HWAccel | None) -> None:
        own = stream.codec_context
        try:
            context = av.CodecContext.create(own.codec.canonical_name, "r", hwaccel=accel)
        except (FFmpegError, ValueError) as error:
            raise CardError(_words(error)) from error
        self._context = cast("VideoCodecContext", context)
        if accel is not None and not context.is_hwaccel:
            raise CardError(f"this build of PyAV has no NVDEC for {own.codec.canonical_name}")
        context.extradata = own.extradata
        # what the container's probing found, or B-frames of files that do not tell come out in the wrong order
        cast("Any", context).reorder_depth = cast("Any", own).reorder_depth
        context.thread_count = 1  # each thread of the CPU would keep surfaces of the GPU, and it has 32

    def decode(self, packet: Packet[Any]) -> list[av.VideoFrame]:
        """Pictures in the order of showing: NV12, or P010 above 8 bit, in the machine's memory unless they stay.

        Raises:
            CardError: it cannot go on, or a picture is damaged.
        """
        try:
            pictures = self._context.decode(packet)
        except (FFmpegError, ValueError) as error:
            raise CardError(_words(error)) from error
        for picture in pictures:
            if picture.is_corrupt:
                raise CardError("a damaged picture")
        return pictures

    def restart(self) -> None:
        """Forget what came before: packets from elsewhere follow."""
        if self._context.is_open:
            self._context.flush_buffers()


def open_card(stream: VideoStream, ordinal: int) -> CardDecoder:
    """A decoder for `stream` on the GPU of CUDA's number `ordinal`. Raises CardError where there is none."""
    refused = CardError("no device")
    for options in _CONTEXTS:
        try:
            return CardDecoder(stream, _accel(ordinal, options))
        except CardError as error:
            refused = error
    raise refused


def open_staying(stream: VideoStream, ordinal: int) -> CardDecoder:
    """The same, whose pictures stay in the GPU's memory, in the context that is current here. Raises CardError."""
    return CardDecoder(stream, _accel(ordinal, {"primary_ctx": "0", "current_ctx": "1"}, stays=True))


def _accel(ordinal: int, options: dict[str, object], *, stays: bool = False) -> HWAccel:
    return HWAccel("cuda", str(ordinal), allow_software_fallback=False, options=dict(options), is_hw_owned=stays)


@lru_cache(maxsize=8)
def absent(ordinal: int) -> str | None:
    """Why no decoder of the GPU `ordinal` can be had on this machine, in words; None where it can."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as logs:
            try:
                HWAccel("cuda", str(ordinal)).create(av.Codec("h264", "r"))
            except (FFmpegError, NotImplementedError, ValueError) as error:
                told = [" ".join(words.split()).rstrip(".") for _, _, words in logs if words.strip()]
                return told[0] if told else _words(error)
    finally:
        av.logging.set_level(level)
    return None


def unfit(codec: str, pix_fmt: str | None, headers: str = "") -> str | None:
    """Why a GPU is not given this stream, in words; None where it may be.

    Args:
        codec: its canonical name, libavcodec's.
        pix_fmt: of its pictures, FFmpeg's; None where that is not known.
        headers: of its bitstream, as `headers_of` spells them out; of AV1 only.
    """
    if codec not in _EXACT:
        return f"{codec} is not decoded the same everywhere"
    form = FORMS.get(pix_fmt or "")
    if form is None or form.layout not in _TAKEN:
        return f"{form.layout if form else pix_fmt} video is left to the CPU"
    if codec == "av1" and set(_GRAIN.findall(headers)) != {"0"}:
        return "film grain, which AV1 may have, is made by the CPU"
    return None


def refusal(path: str, number: int | None, ordinal: int) -> str | None:
    """Why the GPU `ordinal` does not decode this stream of `path`, in words; None where its first pictures are right.

    Asked again of the same file, the answer is remembered.

    Raises:
        SourceError: the file cannot be read.
    """
    try:
        state = os.stat(path)
    except OSError:
        return _refusal(path, number, ordinal, 0, 0)  # opening it says what is wrong
    return _refusal(path, number, ordinal, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=16)
def _refusal(path: str, number: int | None, ordinal: int, _size: int, _mtime_ns: int) -> str | None:
    with open_container(path) as container:
        stream = video_of(path, container, number)
        codec = stream.codec_context.codec.canonical_name
        headers = headers_of(path, stream.index) if codec == "av1" else ""
        try:
            return unfit(codec, stream.codec_context.pix_fmt, headers) or differing(stream, open_card(stream, ordinal))
        except CardError as error:
            return str(error)
        except FFmpegError:
            return "it begins with damage"


def differing(stream: VideoStream, card: CardDecoder) -> str | None:
    """How the first pictures of `card` differ from those of the stream's own decoder, in words; None: they do not.

    Raises:
        CardError: it gives none.
        FFmpegError: neither does the other.
    """
    right: list[av.VideoFrame] = []
    made: list[av.VideoFrame] = []
    for packet in cast("InputContainer", stream.container).demux(stream):
        right += stream.decode(packet)
        made += card.decode(packet)
        if min(len(right), len(made)) >= _TRIED:
            break
    if len(right[:_TRIED]) != len(made[:_TRIED]):
        return f"it gives {len(made)} pictures of {len(right)}"
    pairs = itertools.islice(zip(right, made, strict=False), _TRIED)
    return None if all(_same(*pair) for pair in pairs) else "its pictures are not those of the CPU"


def _same(one: av.VideoFrame, other: av.VideoFrame) -> bool:
    if other.format.name not in FORMS or FORMS[one.format.name].layout != FORMS[other.format.name].layout:
        return False
    planes = zip(planes_of(one), planes_of(other), strict=True)
    return one.pts == other.pts and all(np.array_equal(a, b) for a, b in planes)


def accelerate(source: Source, hwdec: HwDec, gpu: int | None) -> None:
    """Let a GPU decode `source`, where that is asked for and works; say once who decodes, and why.

    Args:
        source: just opened; only files have decoders that a GPU can stand in for.
        hwdec: `no`; `cuda`; or `auto`, which is `cuda` where a GPU makes the pictures, and `no` elsewhere.
        gpu: CUDA's number of the GPU that makes the pictures; None: the CPU does.

    Raises:
        BackendError: `cuda` is asked for, and there is no such GPU.
    """
    if hwdec == "no" or (hwdec == "auto" and gpu is None):
        return
    ordinal = gpu or 0
    missing = absent(ordinal)
    if missing is not None and hwdec == "cuda":
        raise BackendError(
            f"--hwdec cuda: no NVIDIA GPU decodes here ({missing})",
            mend="install the NVIDIA driver, or leave --hwdec out: the CPU gives the same pictures",
        )
    taken = isinstance(source, Accelerable)
    why = missing or (source.accelerate(ordinal) if isinstance(source, Accelerable) else "only files are")
    if why is None:
        log.info("decoder: NVDEC, GPU %d", ordinal)
    else:
        log.log(logging.INFO if taken else logging.DEBUG, "decoder: the CPU, not NVDEC: %s", why)


def _words(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
