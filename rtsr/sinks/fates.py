"""What becomes of every stream of a file, decided before the first frame.

The rules: the first video that is taken is upscaled, everything else is copied as it is. Text subtitles are converted
where the container holds another kind of text. What the container cannot hold is refused with its mend, unless it is
redundant, which is said: a timecode track of one sample (its tag goes along, and MP4 and MOV get a new track of it),
the text track of chapters (the chapters go along), hint tracks (how to send the old packets), and fonts when the
subtitles that they are for are converted. What the user leaves out (`-map`, `-an`, `-sn`, `-dn`) is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import AttachmentStream, DataStream, Discard, Disposition, Stream

from rtsr.demux import open_input
from rtsr.errors import SourceError, UsageError
from rtsr.sinks.containers import HOLDS, NO_FLAGS, context_of, format_of, is_fragmented, refusal
from rtsr.sinks.mapping import Described, picked
from rtsr.sinks.moov import HINT, Track, data_tracks
from rtsr.sinks.recode import audio_losses, check_audio_codec, try_audio
from rtsr.sinks.tags import kept_dispositions, lost_tags

_FONTS = (".ttf", ".otf", ".ttc", ".woff", ".woff2")
_COVERS = ("mjpeg", "png", "bmp")
_BETTER = {"data": ".mov", "subtitle": ".mkv", "attachment": ".mkv", "cover": ".mkv", "audio": ".mkv", "video": ".mkv"}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for, in ffmpeg's words."""

    maps: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    """(kind, flag) of what is left out: ("audio", "-an")."""
    audio_codec: str = "copy"
    video_track: int | None = None
    """Counted from 0 among the video streams that are no covers."""
    movflags: str | None = None


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one stream of the input."""

    index: int
    kind: str
    """`video`, `audio`, `subtitle`, `data`, `attachment` or `cover`."""
    codec: str
    language: str
    action: Literal["upscale", "copy", "convert", "drop"]
    why: str = ""
    to: str = ""
    """Codec that it is converted to."""
    disposition: Disposition = NO_FLAGS
    """What the output keeps of it."""
    losses: tuple[str, ...] = ()
    """Of what is kept of it, in words."""
    track: Track | None = field(default=None, repr=False)
    """What describes a data track in MP4 and MOV."""

    def __str__(self) -> str:
        words = f"stream {self.index}: {self.kind} {self.codec} {self.language}".rstrip()
        flags = f" [{', '.join(named(self.disposition))}]" if self.disposition and self.action != "drop" else ""
        return (
            f"{words}{flags}: {self.action}{f' to {self.to}' if self.to else ''}{f' ({self.why})' if self.why else ''}"
        )


def named(disposition: Disposition) -> list[str]:
    """The names of its flags."""
    return [flag.name or "" for flag in Disposition if flag & disposition]


def fates(path: str, output: str, wishes: Wishes = Wishes()) -> list[Fate]:
    """The fate of every stream of the media file `path` when it is encoded to `output`.

    Raises:
        UsageError: the container that `output` names cannot hold a stream that would be copied, or is not known; or the
            wishes make no sense for this file.
    """
    with open_input(path) as container:
        return _Decision(container, path, output, wishes).made()


class _Decision:
    """The fates of one file; see `fates`."""

    def __init__(self, container: InputContainer, path: str, output: str, wishes: Wishes) -> None:
        self._streams, self._output, self._wishes = container.streams, output, wishes
        self._form = format_of(output)
        self._holds = HOLDS[self._form]
        self._described = [_described(stream) for stream in container.streams]
        self._tracks = data_tracks(path) if container.format.name.startswith("mov,") else {}
        self._tags = container.metadata
        self._taken = set(picked(wishes.maps, self._described))
        self._upscaled = self._upscaled_index(path)
        if wishes.audio_codec != "copy":
            check_audio_codec(wishes.audio_codec, self._form)

    def made(self) -> list[Fate]:
        """In the order of the input."""
        decided = [self._of(stream, self._described[stream.index].kind) for stream in self._streams]
        return self._without_idle_fonts(decided)

    def _upscaled_index(self, path: str) -> int:
        real = [one.index for one in self._described if one.kind == "video"]
        if not real:
            held = ", ".join(sorted({one.kind for one in self._described})) or "nothing"
            raise SourceError(f"{path} has no video stream (it holds {held})", mend="name a video file")
        number = self._wishes.video_track
        if number is not None and not 0 <= number < len(real):
            raise UsageError(
                f"--video-track {number}: {path} has {len(real)} video streams",
                mend=f"name one of 0 to {len(real) - 1}",
            )
        wanted = [index for index in real if index in self._taken] if number is None else [real[number]]
        if not wanted or wanted[0] not in self._taken:
            raise UsageError("-map takes no video stream, and there is nothing to upscale", mend="add -map 0:v")
        return wanted[0]

    def _of(self, stream: Stream, kind: str) -> Fate:
        fate = Fate(
            stream.index, kind, codec_of(stream), stream.language or "", "copy",
            disposition=kept_dispositions(stream.disposition, kind, self._holds),
        )  # fmt: skip
        if stream.index not in self._taken:
            return replace(fate, action="drop", why="left out by -map")
        for left_out, flag in self._wishes.left_out:
            if kind == left_out:
                return replace(fate, action="drop", why=f"left out by {flag}")
        if stream.index == self._upscaled:
            return self._told(replace(fate, action="upscale"), stream)
        decide = {
            "video": self._copied, "audio": self._audio, "subtitle": self._subtitle, "data": self._data,
            "attachment": self._attachment, "cover": self._cover,
        }  # fmt: skip
        if kind not in decide:
            raise self._refused(fate, "is of no kind that is known")
        return self._told(decide[kind](fate, stream), stream)

    def _told(self, fate: Fate, stream: Stream) -> Fate:
        """With what its tags and flags lose."""
        if fate.action == "drop" or fate.kind in ("attachment", "cover"):
            return fate
        gone = named(stream.disposition & ~fate.disposition)
        losses = [*fate.losses, *lost_tags(stream.metadata, self._form, self._tags)]
        losses += [f"{self._form} has no word for the disposition {', '.join(gone)}"] if gone else []
        return replace(fate, losses=tuple(losses))

    def _copied(self, fate: Fate, stream: Stream) -> Fate:
        reason = refusal(self._form, stream)
        if reason is not None:
            raise self._refused(fate, reason)
        return fate

    def _audio(self, fate: Fate, stream: Stream) -> Fate:
        wanted = self._wishes.audio_codec
        if wanted == "copy":
            return self._copied(fate, stream)
        if not isinstance(stream, AudioStream) or context_of(stream) is None:
            raise self._refused(fate, "it cannot be decoded here")
        try_audio(self._form, stream, wanted)
        losses = audio_losses(stream, wanted)
        return replace(fate, action="convert", to=wanted, why="-c:a", losses=losses)

    def _subtitle(self, fate: Fate, stream: Stream) -> Fate:
        if (context := context_of(stream)) is not None and context.codec.text_sub:
            if fate.codec in self._holds.text:
                return fate
            to = self._holds.text[0]
            loss = f"what {to} has no words for: fonts, colours, positions" + (
                "; lines that overlap in time are shown together" if to == "mov_text" else ""
            )
            return replace(fate, action="convert", to=to, why=f"{self._form} holds no {fate.codec}", losses=(loss,))
        return self._copied(fate, stream)

    def _data(self, fate: Fate, stream: Stream) -> Fate:
        track = self._tracks.get(stream.id)
        if track is not None and fate.codec == "unknown":
            fate = replace(fate, codec=track.format.decode("latin-1"))
        if stream.discard == Discard.all:
            return replace(fate, action="drop", why="redundant: the chapters go along")
        if track is not None and track.handler == HINT:
            return replace(fate, action="drop", why="redundant: how to send the old packets")
        if "timecode" in stream.metadata and stream.frames <= 1:
            where = "in a track that is made anew" if self._holds.boxes else "as a tag"
            return replace(fate, action="drop", why=f"redundant: its timecode goes along {where}")
        if track is not None and self._holds.boxes and not is_fragmented(self._wishes.movflags):
            return replace(fate, track=track)
        raise self._refused(fate, f"{self._form} holds no such data")

    def _attachment(self, fate: Fate, stream: Stream) -> Fate:
        if self._holds.attachments and isinstance(stream, AttachmentStream):
            return fate
        if _is_font(stream):
            return fate  # decided when the subtitles are
        raise self._refused(fate, f"{self._form} holds no files")

    def _cover(self, fate: Fate, stream: Stream) -> Fate:
        boxed = self._holds.cover == "box" and is_fragmented(self._wishes.movflags)
        if not self._holds.cover or boxed or (self._holds.boxes and fate.codec not in _COVERS):
            raise self._refused(fate, f"{self._form} holds no such cover")
        del stream
        return fate

    def _without_idle_fonts(self, decided: list[Fate]) -> list[Fate]:
        if self._holds.attachments:
            return decided
        why = "redundant: fonts of subtitles that are converted"
        return [
            replace(fate, action="drop", why=why, losses=("a font of its subtitles",))
            if fate.kind == "attachment" and fate.action == "copy"
            else fate
            for fate in decided
        ]

    def _refused(self, fate: Fate, reason: str) -> UsageError:
        better = ".mp4" if fate.codec == "mov_text" else _BETTER.get(fate.kind, ".mkv")
        mends = [] if format_of(f"x{better}") == self._form else [f"write to {Path(self._output).stem}{better}"]
        anew = "libopus" if self._form == "webm" else "aac"
        mends += [f"encode all audio anew: -c:a {anew}"] if fate.kind == "audio" else []
        mends += [f"leave it out: -map -0:{fate.index}"]
        return UsageError(
            f"{self._form} cannot hold stream {fate.index} of the input ({fate.kind}, {fate.codec}), and it would be "
            f"lost ({reason})",
            mend=", or ".join(mends),
        )


def _described(stream: Stream) -> Described:
    flags = frozenset(named(stream.disposition))
    return Described(stream.index, kind_of(stream), stream.id, stream.metadata, flags)


def kind_of(stream: Stream) -> str:
    """See `Fate.kind`."""
    cover = stream.type == "video" and stream.disposition & Disposition.attached_pic
    return "cover" if cover else stream.type


def codec_of(stream: Stream) -> str:
    """Its canonical name; of an attachment its media type; `unknown` where libavformat knows none."""
    if (context := context_of(stream)) is not None:
        return context.codec.canonical_name
    if isinstance(stream, AttachmentStream):
        return stream.mimetype or "file"
    return (stream.name if isinstance(stream, DataStream) else None) or "unknown"


def _is_font(stream: Stream) -> bool:
    name = stream.metadata.get("filename", "").lower()
    return "font" in stream.metadata.get("mimetype", "") or name.endswith(_FONTS)
