"""The encoder of a stream that is watched while it is made: no frame is held back, and whoever joins soon sees it.

Why H.264 where nothing is named: every player, server and browser takes it. Why key pictures each second: so long waits
at most who joins or has lost a packet. Bits are bounded over half a second, so that no key picture fills the line.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from rtsr.config import Encode
from rtsr.errors import BackendError, UsageError
from rtsr.frame import YUV420P
from rtsr.hdr import Hdr
from rtsr.sinks.choice import choose_encoder
from rtsr.sinks.trial import TrialEncode

if TYPE_CHECKING:
    from rtsr.config import LiveCodec
    from rtsr.frame import StreamInfo
    from rtsr.sinks.encoder import Encoder

_BITS_PER_SAMPLE = 0.1
"""Of luma: H.264 at this shows little of itself, at 1920x1080 and 25 fps 5 Mb/s."""
_LEAST_BPS, _MOST_BPS = 500_000, 60_000_000
"""Of what is chosen."""
_KEY_S, _BUFFER_S = 1, 0.5
_USUAL_FPS = 25
_NVENC = {"preset": "p4", "tune": "ull", "rc": "cbr", "delay": "0", "zerolatency": "1"}
_LOW_DELAY: dict[str, dict[str, str]] = {
    "libx264": {"preset": "veryfast", "tune": "zerolatency", "x264-params": "repeat-headers=1"},
    "libx265": {"preset": "ultrafast", "tune": "zerolatency", "x265-params": "repeat-headers=1:frame-threads=1"},
    "h264_nvenc": _NVENC,
    "hevc_nvenc": _NVENC,
}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)([kKM]?)")
_UNITS = {"": 1, "k": 1_000, "K": 1_000, "M": 1_000_000}


@lru_cache(maxsize=8)
def live_encoder(codec: LiveCodec, bitrate: str | None, info: StreamInfo, form: str) -> tuple[Encoder, tuple[str, ...]]:
    """The encoder for pictures as `info` tells, and what it changes of them, in words.

    Args:
        codec: `auto` is NVENC's H.264 where that runs, else x264.
        bitrate: bits per second, as 6M or 800k; None: by size and rate.
        info: of the pictures, after upscaling; what is not 8-bit 4:2:0 becomes that.
        form: libavformat's name of what carries them.

    Raises:
        UsageError: no bit rate, or the encoder does not take pictures of this size.
        BackendError: a hardware encoder was named that does not run here.
    """
    plain = flat(info)
    bits = _usual_bps(info) if bitrate is None else _bits_per_s(bitrate)
    try:
        chosen = choose_encoder(_asked("h264_nvenc" if codec == "auto" else codec, bits), plain, form)
    except (BackendError, UsageError) as error:
        if codec != "auto":
            raise type(error)(error.problem, mend=error.mend.replace("-c:v", "--stream-codec")) from error
        chosen = choose_encoder(_asked("libx264", bits), plain, form)  # no such card, or too large for it
    rate = info.rate_fps or _USUAL_FPS
    often = {
        "g": str(max(1, round(rate * _KEY_S))),
        "bf": "0",
        "maxrate": str(bits),
        "bufsize": str(int(bits * _BUFFER_S)),
    }
    encoder = chosen.encoder
    encoder = replace(encoder, extra=tuple((dict(encoder.extra) | often | _LOW_DELAY[encoder.codec]).items()))
    with TrialEncode(plain, encoder):
        told = f"{encoder.codec}, {bits / 1e6:.3g} Mb/s"
    return encoder, (told, *_changes(info), *chosen.notes)


def flat(info: StreamInfo) -> StreamInfo:
    """`info` of the same pictures as they are sent: 8-bit 4:2:0, as they are stored, without metadata of HDR."""
    return replace(info, layout=YUV420P, hdr=Hdr(), display_matrix=None)


def _changes(info: StreamInfo) -> list[str]:
    told = [f"{info.layout} becomes {YUV420P}"] if info.layout != YUV420P else []
    if info.hdr != Hdr():
        told.append("HDR's metadata is not sent, the tags of its colours are")
    if info.rotation_deg:
        told.append(f"a stream cannot say that its pictures are to be turned by {info.rotation_deg} degrees: they lie")
    return told


def _asked(codec: LiveCodec, bits: int) -> Encode:
    return Encode(source="", output="", codec=codec, bitrate=str(bits))


def _usual_bps(info: StreamInfo) -> int:
    wanted = _BITS_PER_SAMPLE * info.width * info.height * float(info.rate_fps or _USUAL_FPS)
    return int(min(_MOST_BPS, max(_LEAST_BPS, wanted)))


def _bits_per_s(words: str) -> int:
    told = _NUMBER.fullmatch(words)
    bits = int(float(told[1]) * _UNITS[told[2]]) if told else 0
    if not 10_000 <= bits <= 1_000_000_000:
        raise UsageError(f"--stream-bitrate {words} is no number of bits per second", mend="write 6M, 2.5M or 800k")
    return bits
