"""Adds to an output the streams that go beside the upscaled video, and everything that describes them and the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Disposition, Stream
from av.subtitles.stream import SubtitleStream
from av.video.stream import VideoStream

from rtsr.demux import open_media
from rtsr.sinks.check import look_of
from rtsr.sinks.companion import Added, Promise
from rtsr.sinks.containers import HOLDS, kept_tag, shape_of
from rtsr.sinks.fates import Fate, named
from rtsr.sinks.moov import Left
from rtsr.sinks.recode import Recoder
from rtsr.sinks.side_data import KEPT, side_data_of
from rtsr.sinks.subtitles import Converter
from rtsr.sinks.tags import file_tags, held_tags, is_code, stream_tags
from rtsr.sinks.window import Window

if TYPE_CHECKING:
    from av.container.core import Chapter

    from rtsr.sinks.copy import Route

_TIME_UNITS = Fraction(1, av.time_base)
_COVER_UNIT = Fraction(1, 90_000)
_SUFFIXES = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png"), "bmp": ("cover.bmp", "image/bmp")}
_LAST = ("attachment", "cover")
"""Kinds that are no tracks in every container, and so come after those that are."""


class Adding:
    """What is added to one output; see `StreamCopy`."""

    def __init__(
        self,
        container: InputContainer,
        decided: Sequence[Fate],
        window: Window,
        tags: Mapping[str, str],
        audio_bitrate_bps: int | None,
    ) -> None:
        self._container, self._window, self._bitrate_bps = container, window, audio_bitrate_bps
        self._main = next(fate for fate in decided if fate.action == "upscale")
        kept = [fate for fate in decided if fate.action in ("copy", "convert")]
        self._kept = [one for one in kept if one.kind not in _LAST] + [one for one in kept if one.kind in _LAST]
        self._timecode = next((s.metadata["timecode"] for s in container.streams if "timecode" in s.metadata), None)
        own = file_tags(container.metadata)
        self._tags = _beside(own, tags)
        self.form = ""
        """Of the output, once it is known."""
        self.added: list[Added] = []
        self.added_of: dict[int, Added] = {}
        """By index in the input."""
        self.routes: dict[int, Route] = {}
        """By index in the input; of what has packets."""
        self.straight: set[int] = set()
        """Those of them that stay as they are."""
        self.left = Left()
        self.promise = Promise()
        self._beginning: list[Packet[Stream]] = []

    def add_to(self, output: OutputContainer, video: VideoStream) -> None:
        """See `Companion`."""
        self.form = output.format.name
        main = self._container.streams[self._main.index]
        self._describe(video, main, self._main)
        if self._timecode is not None:
            video.metadata.setdefault("timecode", self._timecode)
        tracks, languages, covers = {}, {0: self._main.language}, []
        shapes = {0: Fraction(video.codec_context.sample_aspect_ratio or 1)}
        for fate in self._kept:
            template = self._container.streams[fate.index]
            added = Added(fate.kind, fate.codec, source=fate.index)
            number = len(languages)
            if fate.kind == "attachment":
                _attach(output, template)
            elif fate.kind == "cover":
                covers += self._add_cover(output, fate, template)
            else:
                route = self._route(output, fate, template)
                self._describe(route.stream, template, fate)
                self.routes[fate.index], self.added_of[fate.index] = route, added
                added.codec = _codec_of(route.stream, fate)
                added.tags = held_tags(template.metadata, self.form)
                added.dispositions = frozenset(named(fate.disposition))
                languages[number] = fate.language
                if isinstance(template, VideoStream):
                    shapes[number] = shape_of(template)
                if fate.track is not None:
                    tracks[number] = fate.track
            self.added.append(added)
        output.metadata.update(self._tags)
        chapters = [self._window.moved_chapter(chapter) for chapter in self._container.chapters()]
        output.set_chapters([chapter for chapter in chapters if chapter is not None])
        spoken = {n: code for n, code in languages.items() if self.form == "mov" and code != "und" and is_code(code)}
        self.left = Left(tracks, {}, spoken, covers, {n: shape for n, shape in shapes.items() if shape != 1})
        self.promise = Promise(
            tuple(self.added),
            self._tags,
            held_tags(main.metadata, self.form),
            frozenset(named(self._main.disposition)),
            tuple(_told(chapter) for chapter in output.chapters()),
            look_of(video),
            tuple(one for one in side_data_of(self._container, self._main.index) if one.startswith(KEPT)),
        )

    def at_the_beginning(self) -> Iterator[Packet[Stream]]:
        """Packets that come before all others; given once."""
        while self._beginning:
            yield self._beginning.pop(0)

    def _route(self, output: OutputContainer, fate: Fate, template: Stream) -> Route:
        shift_s = self._window.shift_s
        if fate.action == "convert" and isinstance(template, SubtitleStream):
            return Converter(output, template, fate.to, shift_s)
        if fate.action == "convert" and isinstance(template, AudioStream):
            return Recoder(output, template, fate.to, self._bitrate_bps, shift_s)
        if fate.track is not None and self.form == "mp4":  # it takes no track of another kind
            stream: Stream = output.add_data_stream("bin_data")
            stream.time_base = template.time_base
        else:
            stream = output.add_stream_from_template(template)
            if (tag := kept_tag(self.form, self._container, template)) is not None:
                stream.codec_tag = tag
        self.straight.add(fate.index)
        return Straight(stream, self._window)

    def _describe(self, stream: Stream, template: Stream, fate: Fate) -> None:
        """Give `stream` what its container holds of the disposition of `template`, and its tags."""
        stream.metadata.update(stream_tags(template.metadata))
        stream.disposition = fate.disposition

    def _add_cover(self, output: OutputContainer, fate: Fate, template: Stream) -> list[tuple[str, bytes]]:
        """Add it to the output where a muxer can; else it is given back, to be put in at the end."""
        picture = _picture_of(self._container.name, template.index)
        if HOLDS[self.form].cover == "box":
            return [(fate.codec, picture)]
        if HOLDS[self.form].cover == "attachment":
            name, mimetype = _SUFFIXES.get(fate.codec, ("cover", f"image/{fate.codec}"))
            output.add_attachment(
                template.metadata.get("filename", name), template.metadata.get("mimetype", mimetype), picture
            )
            return []
        stream = output.add_mux_stream(fate.codec, width=16, height=16)
        stream.time_base, stream.disposition = _COVER_UNIT, Disposition.attached_pic
        packet: Packet[Stream] = Packet(picture)
        packet.pts = packet.dts = 0
        packet.time_base, packet.is_keyframe, packet.stream = _COVER_UNIT, True, stream
        self._beginning.append(packet)
        return []


class Straight:
    """A `Route` of packets that stay what they are."""

    def __init__(self, stream: Stream, window: Window) -> None:
        self.stream, self._window = stream, window

    def take(self, packet: Packet[Stream]) -> Iterator[Packet[Stream]]:
        """See `Route`."""
        if packet.stream.type == "data" and not packet.duration:
            packet.duration = 1  # else, if it is the last, it would lie at the end of the edit list, and outside
        packet.stream = self.stream
        self._window.move(packet)
        yield packet

    def rest(self) -> Iterator[Packet[Stream]]:
        """See `Route`."""
        yield from ()


def _beside(own: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
    """`own` and `others`; what both have, in any case, keeps its own value behind the other, after ` < `."""
    names = {name.lower(): name for name in own}
    joined = {**own}
    for name, value in others.items():
        there = names.get(name.lower())
        joined[there or name] = value if there is None else f"{value} < {own[there]}"
    return joined


def _attach(output: OutputContainer, template: Stream) -> None:
    if not isinstance(template, AttachmentStream):
        raise ValueError(f"stream {template.index} is no attachment")
    stream = output.add_attachment(
        template.name or f"attachment{template.index}", template.mimetype or "application/octet-stream", template.data
    )
    stream.metadata.update(template.metadata)


def _codec_of(stream: Stream, fate: Fate) -> str:
    """As the output will tell it; of a data track its four letters."""
    if fate.action == "convert":
        return stream.codec_context.codec.canonical_name
    return fate.codec


def _picture_of(path: str, index: int) -> bytes:
    """The one packet of a cover."""
    with open_media(path.removeprefix("file:")) as container:
        for packet in container.demux(container.streams[index]):
            if packet.size:
                return bytes(packet)
    return b""


def _told(chapter: Chapter) -> tuple[Fraction, Fraction, str]:
    unit = chapter["time_base"] or _TIME_UNITS
    return chapter["start"] * unit, chapter["end"] * unit, chapter["metadata"].get("title", "")
