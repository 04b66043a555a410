"""Which tags and dispositions of the input the output keeps, and under which names."""

from __future__ import annotations

from collections.abc import Mapping

from av.stream import Disposition

from rtsr.sinks.containers import HOLDS, Holds

_OF_THE_CONTAINER = {"major_brand", "minor_version", "compatible_brands", "encoder", "creation_tool"}
"""Tags that describe the old file, not its content."""
_OF_THE_STREAM = ("DURATION", "ENCODER", "BPS", "NUMBER_OF_", "_STATISTICS_", "VENDOR_ID")
"""Beginnings of tags that describe the old packets."""
_HELD_BY_TRACKS = {"language", "handler_name", "title", "timecode", "creation_time"}
"""By those of MP4 and MOV."""
_NEVER_IN_MATROSKA = {"creation_time", "stereo_mode", "encoding_tool"}
"""Tags of streams that libavformat's Matroska muxer leaves out."""
_TITLE_OF_TRACKS = "name"
"""What libavformat calls the title of a track when it reads one."""


def file_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Those that describe the content of a file, and go along."""
    return {name: value for name, value in tags.items() if name.lower() not in _OF_THE_CONTAINER}


def stream_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Those of a stream that stay true when its packets change, under the names that muxers know."""
    kept = {name: value for name, value in tags.items() if not name.upper().startswith(_OF_THE_STREAM)}
    if _TITLE_OF_TRACKS in kept and "title" not in kept:
        kept["title"] = kept.pop(_TITLE_OF_TRACKS)
    return kept


def held_tags(tags: Mapping[str, str], form: str) -> dict[str, str]:
    """What of `stream_tags` the container `form` holds, to be found in it again; names in lower case."""
    kept = {name.lower(): value for name, value in stream_tags(tags).items()}
    if not HOLDS[form].boxes:
        return {name: value for name, value in kept.items() if name not in _NEVER_IN_MATROSKA}
    language = kept.get("language", "und")
    held = {name: value for name, value in kept.items() if name in _HELD_BY_TRACKS}
    return held if is_code(language) else {name: value for name, value in held.items() if name != "language"}


def lost_tags(tags: Mapping[str, str], form: str, of_the_file: Mapping[str, str]) -> list[str]:
    """What of `stream_tags` the container `form` has no place for, in words; not what the tags of the file repeat."""
    kept = {name.lower(): (name, value) for name, value in stream_tags(tags).items()}
    held = held_tags(tags, form)
    again = {name.lower(): value for name, value in of_the_file.items()}
    lost = [f"{name}={value}" for low, (name, value) in kept.items() if low not in held and again.get(low) != value]
    return [f"{form} has no place for its tags {', '.join(lost)}"] if lost else []


def is_code(language: str) -> bool:
    """Whether it is three letters, as ISO 639-2 has them and MP4 takes them."""
    return len(language) == 3 and language.isascii() and language.isalpha() and language.islower()


def kept_dispositions(disposition: Disposition, kind: str, holds: Holds) -> Disposition:
    """What of a stream's dispositions the container holds."""
    held = holds.dispositions | (holds.text_dispositions if kind == "subtitle" else Disposition(0))
    return disposition & (held | Disposition.attached_pic)


def missing_tags(wanted: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """Those of `wanted` that are not in `found`, or not with the same value; the case of names does not matter."""
    there = {name.lower(): value for name, value in found.items()}
    return {name: value for name, value in wanted.items() if there.get(name.lower()) != value}
