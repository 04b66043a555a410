"""What the user hands to the encoder itself: bit rate, `-e KEY=VALUE`, `-x265-params`; all known, none unused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import av

from rtsr.errors import UsageError, nearest
from rtsr.sinks.codecs import CODECS

if TYPE_CHECKING:
    from rtsr.config import Encode

_OURS = {"b": "-b:v", "crf": "-crf", "preset": "-preset", "pix_fmt": "-pix_fmt", "chroma_sample_location": ""}
"""Options of libavcodec's that have a flag of their own, or come from the input."""


def handed_on(options: Encode, codec: str) -> tuple[tuple[str, str], ...]:
    """libavcodec's options that `options` ask for beside quality and preset.

    Raises:
        UsageError: one is unknown, twice there, or not used by `codec`.
    """
    how = CODECS[codec]
    _refuse_unused(options, codec)
    extra = {"b": _bits_per_s(options.bitrate)} if options.bitrate is not None else {}
    params = {"x264-params": options.x264_params, "x265-params": options.x265_params}
    params["svtav1-params"] = options.svtav1_params
    for flag, value in params.items():
        if value is None:
            continue
        if how.params != flag:
            raise UsageError(f"-{flag} is of no use to {codec}", mend=f"leave it out, or take -c:v lib{flag[:-7]}")
        extra[flag] = value
    if not options.encoder_options:
        return tuple(extra.items())
    known = _known(codec)
    for one in options.encoder_options:
        key, equals, value = one.partition("=")
        if not (key and equals):
            raise UsageError(f"-e {one} is no KEY=VALUE", mend="write for example -e tune=grain")
        if key in _OURS:
            raise UsageError(f"-e {key}: it has its place", mend=f"use {_OURS[key] or 'the tags of the input'}")
        if known and key not in known:
            raise UsageError(f"{codec} has no option {key}", mend=nearest(key, known))
        if key in extra:
            raise UsageError(f"{key} is given twice", mend="leave one out")
        extra[key] = value
    return tuple(extra.items())


def _refuse_unused(options: Encode, codec: str) -> None:
    how = CODECS[codec]
    if options.crf is not None and how.quality is None:
        raise UsageError(f"-crf is of no use to {codec}: {how.without}", mend="leave it out")
    if options.preset is not None and how.preset is None:
        raise UsageError(f"{codec} has no -preset", mend="leave it out; -e hands it options of its own")
    if options.bitrate is None:
        return
    if codec == "ffv1":
        raise UsageError("-b:v is of no use to ffv1: it is lossless", mend="leave it out")
    if options.crf is not None:
        raise UsageError("-crf and -b:v both say how many bits to spend", mend="leave one of the two out")


def _bits_per_s(words: str) -> str:
    """As libavcodec reads a number; checked here, since it reads `4MB` as something else."""
    if not re.fullmatch(r"\d+(\.\d+)?[kKMG]?", words):
        raise UsageError(f"-b:v {words} is no number of bits per second", mend="write 4M, 2.5M or 800k")
    return words


def _known(codec: str) -> frozenset[str]:
    """Names of the options of an encoder; empty where this version of PyAV does not tell."""
    told: Any = getattr(av.CodecContext.create(codec, "w"), "supported_options", None)
    return frozenset() if told is None else frozenset(one.name for one in (*told.generic, *told.private))
