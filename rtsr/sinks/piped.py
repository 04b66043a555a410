"""What goes beside a video that is read in one pass: the packets that its source laid aside, or nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction

from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from rtsr.demux import open_input
from rtsr.errors import SourceError, UsageError
from rtsr.sinks.adding import Adding
from rtsr.sinks.companion import Added, Promise
from rtsr.sinks.containers import HOLDS, context_of, refusal
from rtsr.sinks.copy import Also
from rtsr.sinks.fates import Fate
from rtsr.sinks.finishing import complete_file
from rtsr.sinks.putting import put
from rtsr.sinks.tags import kept_dispositions
from rtsr.sinks.window import Window

_PICTURES_ONLY = ("yuv4mpegpipe", "png")


def piped_fates(container: InputContainer, video: int, form: str, left_out: Collection[str] = ()) -> list[Fate]:
    """What becomes of every stream of `container` when it is read from a pipe or written to one, or becomes pictures.

    Args:
        container: opened.
        video: index of the stream that is upscaled.
        form: libavformat's name of what is written, or `png`.
        left_out: kinds of streams that the user leaves out: audio, subtitle, data.

    Raises:
        UsageError: `form` holds more than pictures, but not a stream that would be copied.
    """
    decided: list[Fate] = []
    for stream in container.streams:
        context = context_of(stream)
        told = stream.index, stream.type, "unknown" if context is None else context.codec.canonical_name
        fate = (*told, stream.language or "")
        if stream.index == video:
            flags = Disposition(0) if form in _PICTURES_ONLY else _flags(stream, form)
            decided.append(Fate(*fate, "upscale", disposition=flags))
        elif form in _PICTURES_ONLY:
            decided.append(Fate(*fate, "drop", "only the pictures of one video go there"))
        elif stream.type in left_out:
            decided.append(Fate(*fate, "drop", "as asked"))
        elif stream.type not in ("audio", "subtitle"):
            decided.append(Fate(*fate, "drop", "through a pipe only sound and subtitles are copied"))
        elif (reason := refusal(form, stream)) is not None:
            raise UsageError(
                f"{form} cannot hold stream {stream.index} of the input ({stream.type}, {told[2]}), and it would be "
                f"lost ({reason})",
                mend=f"leave it out: {'-an' if stream.type == 'audio' else '-sn'}, or take matroska",
            )
        else:
            decided.append(Fate(*fate, "copy", disposition=_flags(stream, form)))
    return decided


def fates_of(path: str, form: str, left_out: Collection[str] = ()) -> list[Fate]:
    """`piped_fates` of the file `path`, of which the first video that is no cover art is upscaled."""
    with open_input(path) as container:
        for stream in container.streams.video:
            if not stream.disposition & Disposition.attached_pic:
                return piped_fates(container, stream.index, form, left_out)
    raise SourceError(f"{path} has no video stream", mend="name a video file")


def _flags(stream: Stream, form: str) -> Disposition:
    return kept_dispositions(stream.disposition, stream.type, HOLDS[form])


class PipedCopy:
    """A `Companion` that copies what a source in another thread has laid aside.

    Args:
        container: what is read; its streams are templates.
        decided: what becomes of them.
        beside: packets of those that are copied, in the order they come; taken away here.
        also: what goes into the output beside them.
    """

    shift_s = Fraction(0)

    def __init__(
        self, container: InputContainer, decided: Sequence[Fate], beside: deque[Packet[Stream]], also: Also
    ) -> None:
        self._adding = Adding(container, decided, Window(), also.tags, None)
        self._beside = beside
        self.muxing: Mapping[str, str] = also.muxing

    @property
    def packets(self) -> tuple[int, ...]:
        """See `Companion`."""
        return tuple(added.packets for added in self._adding.added)

    @property
    def promise(self) -> Promise:
        """See `Companion`."""
        return self._adding.promise

    def add_to(self, output: OutputContainer, video: VideoStream) -> None:
        """See `Companion`."""
        self._adding.add_to(output, video)

    def mux_until(self, output: OutputContainer, time_s: Fraction | None) -> None:
        """See `Companion`: what has come by now, since more cannot be waited for without the video."""
        routes, added = self._adding.routes, self._adding.added_of
        while self._beside:
            packet = self._beside[0]
            if time_s is not None and Window().time_of(packet) > time_s:
                return
            self._beside.popleft()
            index = packet.stream.index
            _mux(output, added[index], routes[index].take(packet))
        if time_s is None:
            for index, route in routes.items():
                _mux(output, added[index], route.rest())

    def complete(self, path: str) -> None:
        """See `Companion`."""
        complete_file(path, self._adding.form, self._adding.promise.tags, self._adding.left)

    def close(self) -> None:
        """See `Companion`: the source closes what is read."""


def _mux(output: OutputContainer, added: Added, packets: Iterator[Packet[Stream]]) -> None:
    for packet in packets:
        if put(output, packet, added):
            added.count(Window().time_of(packet))


class Alone:
    """A `Companion` that brings no stream: the video has none beside it.

    Args:
        also: what goes into the output beside it.
    """

    shift_s = Fraction(0)
    packets: tuple[int, ...] = ()

    def __init__(self, also: Also) -> None:
        self.muxing: Mapping[str, str] = also.muxing
        self.promise = Promise(tags=also.tags)
        self._form = ""

    def add_to(self, output: OutputContainer, video: VideoStream) -> None:
        """See `Companion`."""
        self._form = output.format.name
        output.metadata.update(self.promise.tags)

    def mux_until(self, output: OutputContainer, time_s: Fraction | None) -> None:
        """See `Companion`."""

    def complete(self, path: str) -> None:
        """See `Companion`."""
        complete_file(path, self._form, self.promise.tags)

    def close(self) -> None:
        """See `Companion`."""
