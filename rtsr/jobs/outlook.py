"""`rtsr plan`: everything that an encode will do, keep, lose and cost, without doing it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from rtsr.compose import compose
from rtsr.jobs.choose import settler
from rtsr.jobs.forecast import Forecast, forecast
from rtsr.jobs.outcome import encoder_of
from rtsr.jobs.plan import Plan, make_plan, refuse_place
from rtsr.jobs.provenance import KEY, provenance
from rtsr.sinks import upscaled_info
from rtsr.sinks.choice import choose_encoder
from rtsr.sinks.containers import format_of, muxer_options
from rtsr.sinks.fates import Fate, named
from rtsr.sinks.null import NullSink
from rtsr.sinks.recode import bits_of

if TYPE_CHECKING:
    from rtsr.config import Encode
    from rtsr.frame import StreamInfo
    from rtsr.sinks.encoder import Encoder
    from rtsr.stages import Badge

_LOSSLESS = {("libx264", "crf", "0"), ("libx265", "crf", "0"), ("ffv1", "", "")}


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known before the first frame."""

    plan: Plan
    source: StreamInfo
    output: StreamInfo
    badge: Badge
    encoder: Encoder
    notes: tuple[str, ...]
    """Of the encoder."""
    cost: Forecast
    bytes: int | None
    """Of the output; None where constant quality is asked for."""
    made_by: str
    """The tag that will say what made it; empty where there will be none."""

    @property
    def losses(self) -> list[str]:
        """Every lossy step."""
        told = [note for note in self.notes if "lost" in note or "converted" in note or "becomes" in note]
        return [*self.source.lossy_steps, *self._encoding(), *told, *self.plan.losses]

    def lines(self) -> list[str]:
        """For the user."""
        told = self.plan.lines(self.source, self.output, str(self.badge))
        told += [f"  encoder: {self._encoder()}", *(f"    {note}" for note in self.notes)]
        told += [f"  tag {KEY}: {self.made_by}"] if self.made_by else [f"  tag {KEY}: none, --no-provenance"]
        told += [f"  {line}" for line in self.cost.lines()]
        told.append(f"  size: {self._size()}")
        losses = [f"    {words}" for words in self.losses]
        return [*told, "  lossy steps:", *losses] if losses else [*told, "  lossy steps: none"]

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        about, cost = self.plan.about, self.cost
        return {
            "input": self.source.label,
            "output": str(self.plan.output),
            "container": format_of(str(self.plan.output)),
            "input_size": [self.source.width, self.source.height],
            "output_size": [self.output.width, self.output.height],
            "network": {"model": self.badge.model, "scale": self.badge.scale, "backend": self.badge.backend},
            "encoder": {"codec": self.encoder.codec, "options": self.encoder.options(), "notes": list(self.notes)},
            "streams": [_row(fate) for fate in self.plan.fates],
            "chapters": about.chapters,
            "tags": dict(about.tags) | ({KEY: self.made_by} if self.made_by else {}),
            "side_data": list(about.side_data),
            "frames": cost.frames,
            "network_ms": round(cost.network_ms, 3),
            "encoder_ms": round(cost.encoder_ms, 3),
            "measured_frames": cost.measured,
            "seconds": [round(one, 1) for one in cost.seconds] if cost.seconds else None,
            "watts": cost.watts,
            "watts_of": cost.rail or None,
            "bytes": self.bytes,
            "notes": [*self.plan.notes, *self.source.notes],
            "lossy_steps": self.losses,
        }

    def _encoder(self) -> str:
        return " ".join([self.encoder.codec, *(f"{name}={value}" for name, value in self.encoder.options().items())])

    def _encoding(self) -> list[str]:
        crf = self.encoder.options().get("crf", "")
        if (self.encoder.codec, "crf" if crf else "", crf) in _LOSSLESS:
            return []
        return [f"the pictures are encoded by {self._encoder()}"]

    def _size(self) -> str:
        if self.bytes is None:
            return (
                "not known before it is encoded"
                if "b" in self.encoder.options()
                else ("not known: constant quality spends what the pictures need")
            )
        return f"about {self.bytes / 1e6:.3g} MB"


def look_ahead(options: Encode) -> Outlook:
    """Open input and network, decide everything, and measure a few frames. Nothing is written.

    Raises:
        RtsrError: whatever `rtsr.jobs.encode.open_encode` refuses.
    """
    refuse_place(options)
    plan = make_plan(options)
    form = format_of(options.output)
    muxer_options(form, options.movflags)
    bits_of(options.audio_bitrate)
    pipeline = compose(
        options.source,
        settler(options, "encode"),
        lambda source, upscaler: NullSink(),
        start_s=options.start_s,
        length_s=options.length_s,
        reading=plan.reading,
    )
    try:
        source, badge = pipeline.source.info, pipeline.upscaler.badge
        output = upscaled_info(source, pipeline.upscaler)
        encoder = encoder_of(options, output)
        notes = choose_encoder(options, output, form).notes
        cost = forecast(pipeline, encoder, output)
    finally:
        pipeline.close()
    made_by = provenance(badge, encoder) if options.provenance else ""
    return Outlook(plan, source, output, badge, encoder, notes, cost, _bytes(options, plan, source), made_by)


def _bytes(options: Encode, plan: Plan, source: StreamInfo) -> int | None:
    """Of the output where a bit rate is asked for, a whole file is encoded, and its container tells of the rest."""
    beside = plan.about.copied_bytes if plan.fates else 0
    whole = options.start_s is None and options.length_s is None
    if options.bitrate is None or source.duration_s is None or beside is None or not whole:
        return None
    return round(Fraction(bits_of(options.bitrate) or 0) * source.duration_s / 8) + beside


def _row(fate: Fate) -> dict[str, Any]:
    return {
        "index": fate.index,
        "kind": fate.kind,
        "codec": fate.codec,
        "language": fate.language,
        "dispositions": named(fate.disposition),
        "action": fate.action,
        "to": fate.to,
        "why": fate.why,
        "lossy_steps": list(fate.losses),
    }
