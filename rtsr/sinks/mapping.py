"""ffmpeg's `-map`: which streams of the input are taken. Its words mean what they mean there.

`[-]FILE[:SPECIFIER][?]`, where FILE is 0, a leading `-` takes streams away again, and a trailing `?` lets it match
nothing. A specifier is a number, a type (`v a s d t`, or `V` for video that is no cover) with a number after it,
`m:KEY[:VALUE]` for a tag, `disp:NAME` for a disposition, or `#ID`. One difference: where the first `-map` takes away,
it takes from all streams.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rtsr.errors import UsageError

_TYPES = {"v": "video", "a": "audio", "s": "subtitle", "d": "data", "t": "attachment"}


@dataclass(frozen=True, slots=True)
class Described:
    """What a specifier can ask of a stream."""

    index: int
    kind: str
    """`video`, `audio`, `subtitle`, `data`, `attachment` or `cover`."""
    id: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    dispositions: frozenset[str] = frozenset()

    @property
    def type(self) -> str:
        """As FFmpeg counts: a cover is video."""
        return "video" if self.kind == "cover" else self.kind


def picked(maps: Sequence[str], streams: Sequence[Described]) -> list[int]:
    """The indexes that the `maps` take, in the order of the input; all where there are no maps.

    Raises:
        UsageError: one of them makes no sense, or matches nothing and does not end in `?`.
    """
    taken = {stream.index for stream in streams} if not maps or maps[0].startswith("-") else set()
    for spec in maps:
        matched = _matched(spec, streams)
        taken = taken - matched if spec.startswith("-") else taken | matched
    return [stream.index for stream in streams if stream.index in taken]


def _matched(spec: str, streams: Sequence[Described]) -> set[int]:
    parts = re.fullmatch(r"-?(\d+)(?::(.*?))?(\?)?", spec)
    if parts is None:
        raise UsageError(f"-map {spec} makes no sense", mend="write it as ffmpeg does: 0, 0:v, 0:a:1, -0:s, 0:s?")
    if int(parts[1]) != 0:
        raise UsageError(f"-map {spec} names input {parts[1]}, and there is one input, 0", mend=f"-map 0{spec[1:]}")
    found = {stream.index for stream in _of(parts[2] or "", spec, streams)}
    if not found and not parts[3] and not spec.startswith("-"):
        held = ", ".join(f"0:{stream.index} {stream.kind}" for stream in streams)
        raise UsageError(f"-map {spec} matches no stream; there are {held}", mend=f"add a ? if it may: -map {spec}?")
    return found


def _of(specifier: str, spec: str, streams: Sequence[Described]) -> list[Described]:
    """The streams that match what is after `0:`."""
    if not specifier:
        return list(streams)
    head, _, rest = specifier.partition(":")
    if head.isdecimal() and not rest:
        return [stream for stream in streams if stream.index == int(head)]
    if head in (*_TYPES, "V"):
        kinds = [one for one in streams if (one.kind == "video" if head == "V" else one.type == _TYPES[head])]
        if rest.isdecimal():
            return kinds[int(rest) : int(rest) + 1]
        return _of(rest, spec, kinds)
    if head == "m" and rest:
        key, _, value = rest.partition(":")
        return [stream for stream in streams if _has(stream, key, value)]
    if head == "disp" and rest:
        return [stream for stream in streams if set(rest.split("+")) <= stream.dispositions]
    if number := re.fullmatch(r"#(0x[0-9a-fA-F]+|\d+)|i:(0x[0-9a-fA-F]+|\d+)", specifier):
        return [stream for stream in streams if stream.id == int(number[1] or number[2], 0)]
    raise UsageError(
        f"-map {spec}: {specifier} is no stream specifier",
        mend="write a number, a type with a number (v, a:1, s), m:language:eng, or disp:default",
    )


def _has(stream: Described, key: str, value: str) -> bool:
    return any(name.lower() == key.lower() and (not value or there == value) for name, there in stream.tags.items())
