"""What both ways of encoding share: the encoder and the streams beside it, and the end: audit, name, verdict."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from rtsr.errors import LossError
from rtsr.jobs.audit import audit, audit_picture
from rtsr.jobs.folder import sync_folder
from rtsr.jobs.provenance import KEY, provenance
from rtsr.sinks.choice import choose_encoder
from rtsr.sinks.containers import format_of, is_fragmented, muxer_options
from rtsr.sinks.copy import NOTHING_ELSE, Also, open_copy
from rtsr.sinks.encoder import Encoder
from rtsr.sinks.encoder_trial import try_options
from rtsr.sinks.recode import bits_of
from rtsr.sinks.threads import pinned
from rtsr.sinks.tone import Tone
from rtsr.sources.keyframes import damage_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtsr.config import Encode
    from rtsr.frame import StreamInfo
    from rtsr.jobs.plan import Plan
    from rtsr.sinks.companion import Companion, Promise
    from rtsr.stages import Badge


@dataclass(frozen=True, slots=True)
class Encoded:
    """What an encode did."""

    output: str
    frames: int
    """In the output."""
    encoded: int
    """Of those, by this run: fewer where an earlier one had begun."""
    elapsed_s: float
    media_s: float
    """How long those last that this run encoded."""

    @property
    def words(self) -> str:
        """How much was done, and how fast."""
        went_on = f", {self.encoded} of them now" if self.encoded != self.frames else ""
        rates = f"{self.encoded / self.elapsed_s:.1f} fps, {self.media_s / self.elapsed_s:.2f}x real time"
        return f"{self.frames} frames{went_on} in {self.elapsed_s:.1f} s ({rates})"


def encoder_of(options: Encode, info: StreamInfo, form: str | None = None) -> Encoder:
    """The encoder that `options` ask for, or the best for frames as `info` tells.

    Args:
        options: codec, quality, preset, pixel format, what may be lost.
        info: of the frames that will be encoded, after upscaling.
        form: libavformat's name of the container [default: by the output's name].
    """
    encoder = choose_encoder(options, info, form or format_of(options.output)).encoder
    try_options(encoder, info)
    return pinned(encoder, options.encoder_threads) if options.encoder_threads else encoder


def encoder_notes(options: Encode, info: StreamInfo, form: str | None = None) -> list[str]:
    """Why this encoder, and every loss it means, for the user; none for the usual one. See `encoder_of`."""
    return [f"  {note}" for note in choose_encoder(options, info, form or format_of(options.output)).notes]


def companion_of(options: Encode, plan: Plan, info: StreamInfo, badge: Badge | None = None) -> Companion:
    """What goes beside the video.

    Args:
        options: layout of the container, audio, the tag that tells what made the file.
        plan: the fates of the input's streams.
        info: of the frames that will be encoded.
        badge: what makes them; None: the output gets no tag of it.
    """
    also = also_of(options, info, badge)
    if plan.fates:
        path = options.source.removeprefix("file://")
        return open_copy(path, plan.fates, start_s=options.start_s, length_s=options.length_s, also=also)
    return Tone(info.duration_s or Fraction(0), info.start_s, tags=also.tags, muxing=also.muxing)


def also_of(options: Encode, info: StreamInfo, badge: Badge | None) -> Also:
    """What goes into the file beside the streams of the input."""
    if badge is None:
        return NOTHING_ELSE
    muxing = muxer_options(format_of(options.output), options.movflags)
    if is_fragmented(options.movflags):  # such a file cannot be completed after it was closed
        muxing = {"movflags": f"{options.movflags}+use_metadata_tags"}
    tags = {KEY: provenance(badge, encoder_of(options, info))} if options.provenance else {}
    return Also(tags, muxing, bits_of(options.audio_bitrate))


@dataclass(frozen=True, slots=True)
class Made:
    """A file that is written to its end, and what should be in it."""

    path: Path
    pts: Sequence[int]
    info: StreamInfo
    """Of the frames; sizes do not count."""
    copied: Promise
    """What is in it beside the frames of the video."""
    allowed: frozenset[str] = frozenset()
    """Losses that the user allows."""


def damage_in(options: Encode, plan: Plan) -> tuple[str, ...]:
    """What of an input file that is wanted whole no demuxer could read, in words."""
    whole = options.start_s is None and options.length_s is None
    return damage_of(options.source.removeprefix("file://"), plan.reading.stream) if plan.fates and whole else ()


def conclude(made: Made, output: Path, losses: Sequence[str]) -> None:
    """Audit, bring the file to the disk, and give it its name.

    Args:
        made: the file.
        output: its name from now on.
        losses: what is known to be missing already.

    Raises:
        LossError: the output is there, but the input or the audit misses something.
    """
    path = str(made.path)
    missing = [
        *audit(path, made.pts, made.info.time_base, made.copied),
        *audit_picture(path, made.info, made.allowed),
    ]
    with made.path.open("rb") as file:
        os.fsync(file.fileno())
    made.path.replace(output)
    sync_folder(output.parent)
    if found := [*losses, *missing]:
        raise LossError(
            f"{output} is finished with {len(made.pts)} frames, but {'; '.join(found)}",
            mend="All that could be read is in it",
        )
