"""Opens an encoder for small pictures before the first frame: an option that it does not know, or not use, is told now.

libavcodec leaves unknown options in the dictionary, and hands `-x265-params` and its like on to the encoder's library,
which warns of what it does not know and goes on without.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import av
import av.logging
from av.error import FFmpegError

from rtsr.errors import UsageError, nearest
from rtsr.sinks.codecs import CODECS
from rtsr.sinks.encoder import Encoder, add_video
from rtsr.sinks.library_settings import OPTIONS, SETTINGS
from rtsr.sinks.priority import usual_priority

if TYPE_CHECKING:
    from rtsr.frame import StreamInfo

_SIDE = 256
"""Of the pictures that it is opened for; large enough for every encoder's least size."""
_COMPLAINTS = (
    re.compile(r"Unknown option: (?P<name>[^.:\s]+)"),  # libx265
    re.compile(r"(Error parsing option|bad option) '(?P<name>[^'=\s]+)"),  # libx264
    re.compile(r"Error parsing option (?P<name>[^:\s]+):"),  # libsvtav1
    re.compile(r"Invalid value for (?P<name>[^:\s]+)"),
)


@lru_cache(maxsize=8)
def try_options(encoder: Encoder, info: StreamInfo) -> None:
    """Open `encoder` with the options that the user handed to it, for frames as `info` tells, but small.

    Raises:
        UsageError: it does not know one of them, does not use it, or refuses its value.
    """
    if not encoder.extra:
        return
    left, complaints, refused = _opened(encoder, replace(info, width=_SIDE, height=_SIDE))
    for name in left:
        if name in dict(encoder.extra):
            raise UsageError(f"{encoder.codec} has no use for the option {name}", mend=nearest(name, _options(encoder)))
    for told in complaints:
        found = next((match for form in _COMPLAINTS if (match := form.search(told))), None)
        if found is not None:
            raise _unknown_setting(encoder, found["name"], told)
    if refused and complaints:
        raise UsageError(f"{encoder.codec} refuses {_asked(encoder)} ({complaints[-1]})", mend="give another value")


def _opened(encoder: Encoder, info: StreamInfo) -> tuple[dict[str, str], list[str], bool]:
    """(options it left unused, what it and its library said, whether it refused)."""
    level, skipping = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.WARNING)
    av.logging.set_skip_repeated(False)
    left: dict[str, str] = {}
    refused = False
    try:
        with av.logging.Capture() as logs, av.open(os.devnull, "w", format="matroska") as container:
            context = add_video(container, info, encoder).codec_context
            try:
                context.open(strict=False)
                usual_priority()
                left = {name: str(value) for name, value in context.options.items()}
            except (FFmpegError, ValueError):
                refused = True
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skipping)
    return left, [words.strip().rstrip(".") for _, _, words in logs], refused


def _unknown_setting(encoder: Encoder, name: str, told: str) -> UsageError:
    """For what the encoder's library said of one of its own settings, or of one of libavcodec's."""
    flag = CODECS[encoder.codec].params
    given = dict(encoder.extra)
    if flag is None or flag not in given or name in given:
        return UsageError(f"{encoder.codec} refuses {name}={given.get(name, '')} ({told})", mend="give another value")
    known = SETTINGS.get(encoder.codec, frozenset())
    if name in known:
        return UsageError(f"-{flag}: {encoder.codec} refuses the value of {name} ({told})", mend="give another value")
    return UsageError(f"-{flag}: {encoder.codec} has no setting {name}", mend=_close(name, known))


def _close(name: str, known: frozenset[str]) -> str:
    words = nearest(name, known)
    return words if words.startswith("did") else "see the documentation of its library"


def _options(encoder: Encoder) -> list[str]:
    told = getattr(av.CodecContext.create(encoder.codec, "w"), "supported_options", None)
    return [one.name for one in (*told.private, *told.generic)] if told is not None else [*OPTIONS]


def _asked(encoder: Encoder) -> str:
    return ", ".join(f"{name}={value}" for name, value in encoder.extra)
