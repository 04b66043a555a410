"""`rtsr info`: what a file holds, in the words of `rtsr plan`, and what made it where rtsr did."""

from __future__ import annotations

from typing import Any

from rtsr.errors import SourceError
from rtsr.jobs.provenance import KEY, read_provenance
from rtsr.sinks.contents import Contents, contents_of
from rtsr.sources.opening import open_container


def look_into(path: str) -> Contents:
    """Everything that the container of `path` tells; nothing is decoded.

    Raises:
        SourceError: it cannot be read.
    """
    with open_container(path) as container:
        if not len(container.streams):
            raise SourceError(f"{path} holds no stream", mend="name a media file")
        return contents_of(path, container)


def lines(found: Contents) -> list[str]:
    """For people."""
    length = "" if found.duration_s is None else f", {float(found.duration_s):.3f} s"
    told = [f"{found.path}: {found.form}{length}, {found.bytes:,} bytes"]
    for stream in found.streams:
        told.append(f"  {stream}")
        told += [f"    {name}: {value}" for name, value in stream.tags.items()]
        told += [f"    side data: {words}" for words in stream.side_data]
    told += [f"  chapter {float(begin):.3f} to {float(end):.3f} s: {title}" for begin, end, title in found.chapters]
    told += [f"  {name}: {value}" for name, value in found.tags.items() if name.lower() != KEY]
    for step, made in enumerate(read_provenance(dict(found.tags))):
        told.append("  made by rtsr:" if step == 0 else "  from a file made by rtsr:")
        told += [f"    {name}: {value}" for name, value in made.items()]
    return told


def as_json(found: Contents) -> dict[str, Any]:
    """For machines."""
    return {
        "file": found.path,
        "container": found.form,
        "seconds": None if found.duration_s is None else float(found.duration_s),
        "bytes": found.bytes,
        "streams": [
            {
                "index": stream.index,
                "kind": stream.kind,
                "codec": stream.codec,
                "language": stream.language,
                "dispositions": list(stream.dispositions),
                "detail": dict(stream.detail),
                "tags": dict(stream.tags),
                "side_data": list(stream.side_data),
            }
            for stream in found.streams
        ],
        "chapters": [
            {"begin": float(begin), "end": float(end), "title": title} for begin, end, title in found.chapters
        ],
        "tags": dict(found.tags),
        "made_by": read_provenance(dict(found.tags)),
    }
