"""What goes along with a file that is no stream: chapters, tags, and what its container says of the video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from av.stream import AttachmentStream, Stream

from rtsr.demux import open_media
from rtsr.sinks.containers import HOLDS, context_of, format_of
from rtsr.sinks.fates import Fate
from rtsr.sinks.side_data import KEPT, LOST, side_data_of
from rtsr.sinks.tags import file_tags


@dataclass(frozen=True, slots=True)
class About:
    """Of one input, and one output."""

    chapters: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    """Of the file, that go along."""
    side_data: tuple[str, ...] = ()
    """Of the upscaled video, in FFmpeg's words."""
    losses: tuple[str, ...] = ()
    """What the output has no place for, in words."""
    copied_bytes: int | None = None
    """Of the packets of streams that go along; None where a container does not tell."""

    def lines(self) -> list[str]:
        """For the user."""
        told = [f"chapters: {self.chapters} copied"] if self.chapters else []
        told += [f"tags: {', '.join(self.tags)}: copied"] if self.tags else []
        return told + [f"side data of the video: {words}: copied" for words in self.side_data]


def about_file(path: str, output: str, decided: Sequence[Fate]) -> About:
    """Of the file `path`, whose streams have the fates `decided`, when it is encoded to `output`."""
    form = format_of(output)
    video = next(fate.index for fate in decided if fate.action == "upscale")
    with open_media(path) as container:
        chapters = container.chapters()
        others = sorted({name for one in chapters for name in one["metadata"] if name.lower() != "title"})
        losses = [f"{form} holds the titles of chapters, not their {', '.join(others)}"] if others else []
        losses = losses if HOLDS[form].boxes else []
        told = side_data_of(container, video)
        losses += [f"side data of the video cannot be written: {words}" for words in told if words.startswith(LOST)]
        return About(
            len(chapters),
            file_tags(container.metadata),
            tuple(words for words in told if words.startswith(KEPT)),
            tuple(losses),
            _sum([_bytes(container.streams[one.index]) for one in decided if one.action in ("copy", "convert")]),
        )


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _bytes(stream: Stream) -> int | None:
    """Of its packets, without reading them: by its index, its statistics, or its bit rate."""
    if isinstance(stream, AttachmentStream):
        return len(stream.data)
    if stream.frames and len(stream.index_entries) == stream.frames:
        return sum(entry.size for entry in stream.index_entries)
    told = stream.metadata.get("NUMBER_OF_BYTES", "")
    if told.isdecimal():
        return int(told)
    context = context_of(stream)
    rate = context.bit_rate if context is not None else None
    if rate and stream.duration is not None and stream.time_base is not None:
        return round(rate * stream.duration * stream.time_base / 8)
    return None
