"""What will happen to every stream, decided and told before the first frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rtsr.config import Encode
from rtsr.errors import SourceError, UsageError
from rtsr.frame import StreamInfo
from rtsr.jobs.sizing import size_lines
from rtsr.sinks.copy import Fate, fates
from rtsr.sinks.describing import About, about_file
from rtsr.sinks.fates import Wishes
from rtsr.sources import kind_of
from rtsr.sources.reading import AS_IT_IS, Reading, reading_of

NOTHING = About()


@dataclass(frozen=True, slots=True)
class Plan:
    """The input's streams and their fate, and where the output goes."""

    output: Path
    part: Path
    """Where it is written until it is complete."""
    fates: tuple[Fate, ...]
    """Empty for a pattern, which has no other streams."""
    about: About = NOTHING
    """What goes along that is no stream."""
    notes: tuple[str, ...] = ()
    """What else is to be told of this encode."""
    reading: Reading = AS_IT_IS
    """Which stream of the input is upscaled, and what is done to its fields and its rate."""

    def lines(self, info: StreamInfo, made: StreamInfo, badge: str) -> list[str]:
        """For the user: a line for each stream and for what makes it.

        Args:
            info: of the input.
            made: what becomes of it: `rtsr.sinks.upscaled_info`.
            badge: what makes it.
        """
        size, *shape = size_lines(info, made)
        size += ", chroma by bicubic" if self.reading.fps is not None else ", chroma by bicubic, every time kept"
        told = [f"{info.label} -> {self.output}", f"  {badge}", f"  {size}", *(f"  {line}" for line in shape)]
        guesses = info.color.for_display(info.height).matrix, info.color.for_display(made.height).matrix
        if guesses[0] != guesses[1]:
            told.append(
                f"  the colour matrix is not tagged, and stays so: players guess BT.601 at {info.height} lines and "
                f"BT.709 at {made.height}"
            )
        notes = [*self.notes, *getattr(info, "notes", ())]
        return told + [f"  {line}" for line in (*notes, *self._streams(), *self.about.lines())]

    def _streams(self) -> list[str]:
        return [line for fate in self.fates for line in (str(fate), *(f"  loses: {words}" for words in fate.losses))]

    @property
    def video(self) -> int | None:
        """Index in the input of the stream that is upscaled; None where the input is no file."""
        return next((fate.index for fate in self.fates if fate.action == "upscale"), None)

    @property
    def dropped(self) -> list[Fate]:
        """The streams that will not be in the output."""
        return [fate for fate in self.fates if fate.action == "drop"]

    @property
    def losses(self) -> list[str]:
        """Every lossy step beside the encoder's own, in words."""
        told = [
            f"stream {fate.index} ({fate.kind} {fate.codec}): {words}" for fate in self.fates for words in fate.losses
        ]
        gone = [f"stream {fate.index} ({fate.kind} {fate.codec}): {fate.why}" for fate in self.dropped
                if not fate.why.startswith("redundant")]  # fmt: skip
        return [*gone, *told, *self.about.losses]


def make_plan(options: Encode) -> Plan:
    """Look at input and output without writing anything.

    Raises:
        UsageError: the output's container is not known or cannot hold a stream, or a `-map` makes no sense.
    """
    output = Path(options.output)
    part = output.with_name(f"{output.stem}.part{output.suffix}")
    if kind_of(options.source) != "file":
        return Plan(output, part, (), reading=reading_of(options))
    path = options.source.removeprefix("file://")
    decided = fates(path, options.output, wishes_of(options))
    main = next(fate.index for fate in decided if fate.action == "upscale")
    about = about_file(path, options.output, decided)
    return Plan(output, part, tuple(decided), about, reading=reading_of(options, main))


def wishes_of(options: Encode) -> Wishes:
    """What `options` ask for of the streams."""
    if options.audio_bitrate is not None and options.audio_codec == "copy":
        raise UsageError(f"-b:a {options.audio_bitrate} is of no use to audio that is copied", mend="add -c:a aac")
    flags = {"audio": ("-an", options.no_audio), "subtitle": ("-sn", options.no_subtitles)}
    flags["data"] = ("-dn", options.no_data)
    left_out = tuple((kind, flag) for kind, (flag, asked) in flags.items() if asked)
    return Wishes(options.maps, left_out, options.audio_codec, options.video_track, options.movflags)


def refuse_place(options: Encode) -> None:
    """Look at the two places before anything is opened.

    Raises:
        UsageError: the output exists, is a folder or the input, or has no folder to be in.
        SourceError: the input is live, and has no end.
    """
    kind, output = kind_of(options.source), Path(options.output)
    source = Path(options.source.removeprefix("file://"))
    if kind in ("camera", "csi", "screen", "stream") or (kind == "pattern" and "live=yes" in options.source):
        raise SourceError(f"{options.source} is live and has no end", mend=f"watch it: rtsr view {options.source}")
    if output.is_dir():
        raise UsageError(f"{output} is a folder", mend=f"name a file in it: {output / 'out.mp4'}")
    if kind == "file" and output.exists() and source.exists() and output.samefile(source):
        raise UsageError(f"{output} is the input itself", mend="give the output another name")
    if output.exists() and not options.overwrite and not options.dry_run:
        raise UsageError(f"{output} exists", mend="add -y to replace it, or take another name")
    if not output.parent.is_dir():
        raise UsageError(f"the folder {output.parent} does not exist", mend=f"mkdir -p {output.parent}")
