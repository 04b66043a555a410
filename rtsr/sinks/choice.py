"""Which encoder makes the output, decided and told before the first frame: nothing of the pictures is lost unasked.

Why libx264 where nothing is named: it keeps 8 and 10 bit, 4:2:0 to 4:4:4, and HDR10's static metadata, and it plays
anywhere in 8-bit 4:2:0. Deeper pictures go to libx265, then to what else keeps them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av

from rtsr.color import UNSPECIFIED, Range, Siting
from rtsr.config import allowed_losses
from rtsr.errors import BackendError, UsageError, nearest
from rtsr.planes import FORMS
from rtsr.sinks.codecs import CODECS, HARDWARE, carriers, takers
from rtsr.sinks.encoder import Encoder, coded_wh
from rtsr.sinks.encoder_options import handed_on
from rtsr.sinks.hardware import refusal
from rtsr.sinks.hdr_params import spells_hdr

if TYPE_CHECKING:
    from rtsr.config import Encode
    from rtsr.frame import PixelLayout, StreamInfo

_DYNAMIC = {"dovi": "Dolby Vision", "hdr10plus": "HDR10+"}
_SITED = {"libx264", "libx265", "h264_nvenc", "hevc_nvenc"}
"""Encoders whose bitstream has a word for every siting of 4:2:0; AV1 has two, the others none."""
_SITINGS_OF_AV1 = (Siting.UNSPECIFIED, Siting.LEFT, Siting.TOP_LEFT)


@dataclass(frozen=True, slots=True)
class Chosen:
    """An encoder that fits its frames."""

    encoder: Encoder
    notes: tuple[str, ...]
    """Why it, and every lossy step it means, for the plan."""


def choose_encoder(options: Encode, info: StreamInfo, form: str) -> Chosen:
    """The encoder that `options` ask for, or the best for frames as `info` tells.

    Args:
        options: codec, quality, preset, pixel format, what may be lost.
        info: of the frames that will be encoded, after upscaling.
        form: libavformat's name of the output's container; only what is chosen heeds it.

    Raises:
        UsageError: the encoder would lose something that `--allow-loss` does not name, does not take the pictures or
            their size, or has no use for an option.
        BackendError: a named hardware encoder cannot run here.
    """
    allowed = allowed_losses(options.allow_loss)
    notes = _dynamic(info, allowed)
    layout = info.layout if options.pix_fmt is None else _layout_named(options.pix_fmt)
    if layout != info.layout:
        notes.append(f"{info.layout} becomes {layout}, as -pix_fmt asks: {_converted(info.layout, layout)}")
    codec, why = _settled(options, info, layout, form)
    notes += [why] if why else []
    _refuse_layout(codec, layout)
    _refuse_size(codec, layout, info)
    if not spells_hdr(codec, info.hdr):
        if "hdr" not in allowed:
            raise UsageError(
                f"{codec} cannot carry the mastering display and content light level of {info.label}",
                mend="take -c:v libx265, or let them go: --allow-loss hdr",
            )
        notes.append(f"mastering display and content light level are lost: {codec} cannot carry them")
    notes += _small_losses(codec, layout, info)
    return Chosen(Encoder(codec, options.crf, options.preset, layout, handed_on(options, codec)), tuple(notes))


def _dynamic(info: StreamInfo, allowed: frozenset[str]) -> list[str]:
    """Metadata that changes from frame to frame: refused, or told where it may go."""
    there = {"dovi": info.hdr.dovi, "hdr10plus": info.hdr.hdr10plus}
    lost = [name for name, is_there in there.items() if is_there]
    refused = [name for name in lost if name not in allowed]
    if refused:
        words = " and ".join(_DYNAMIC[name] for name in refused)
        raise UsageError(
            f"{info.label} carries {words} metadata, made for its own pictures frame by frame, which would be lost",
            mend=f"keep the rest and let that go: --allow-loss {','.join(sorted(allowed | set(lost)))}",
        )
    return [f"{_DYNAMIC[name]} metadata is lost, as --allow-loss lets it; colours and their tags stay" for name in lost]


def _layout_named(name: str) -> PixelLayout:
    for known in (name, f"{name}le"):
        if known in FORMS:
            return FORMS[known].layout
    raise UsageError(
        f"-pix_fmt {name} is no YCbCr in planes", mend=nearest(name, {form.layout.pix_fmt for form in FORMS.values()})
    )


def _converted(source: PixelLayout, target: PixelLayout) -> str:
    steps = []
    if target.bits < source.bits:
        steps.append("depth is lost")
    if (target.log2_across, target.log2_down) != (source.log2_across, source.log2_down):
        fewer = target.log2_across > source.log2_across or target.log2_down > source.log2_down
        steps.append("chroma is lost" if fewer else "chroma is resampled")
    return " and ".join(steps) or "nothing is lost"


def _settled(options: Encode, info: StreamInfo, layout: PixelLayout, form: str) -> tuple[str, str]:
    """The encoder and, where it was chosen, why."""
    if options.codec == "auto":
        return _best(info, layout, form)
    if options.codec is not None:
        if options.codec in HARDWARE:
            _refuse_hardware(options.codec, layout, info)
        return options.codec, ""
    codec = _software(info, layout, form)
    if codec != "libx264":
        cause = f"take {layout} video" if layout not in carriers("libx264") else f"go into {form}"
        return codec, f"{codec}, since libx264 does not {cause}"
    if layout.bits > 8 or layout.block_wh != (2, 2):
        return codec, f"{layout} H.264 plays on computers, but on few other devices: -c:v libx265 plays on more"
    return codec, ""


def _software(info: StreamInfo, layout: PixelLayout, form: str) -> str:
    held = _held_by(form)
    fit = [name for name in takers(layout) if CODECS[name].kind in held]
    keeping = [name for name in fit if spells_hdr(name, info.hdr)]
    return next(iter(keeping or fit), "libx264")


def _best(info: StreamInfo, layout: PixelLayout, form: str) -> tuple[str, str]:
    """The first hardware encoder that runs and loses nothing, else software; and why."""
    held, reasons = _held_by(form), []
    for name in HARDWARE:
        carrier = carriers(name).get(layout)
        if CODECS[name].kind not in held:
            reasons.append(f"{name}: not in this container")
        elif carrier is None:
            reasons.append(f"{name}: takes no {layout} video")
        elif not spells_hdr(name, info.hdr):
            reasons.append(f"{name}: cannot carry mastering display and content light")
        elif (told := refusal(name, carrier) or refusal(name, carrier, _coded(name, layout, info))) is not None:
            reasons.append(f"{name}: {told}")
        else:
            return name, f"{name}, the best hardware encoder that works here"
    codec = _software(info, layout, form)
    return codec, f"{codec} on the CPU: no hardware encoder works here ({'; '.join(reasons)})"


def goes_into(codec: str | None, form: str) -> bool:
    """Whether a container takes the video of an encoder; one that is left to us is chosen so that it does.

    Args:
        codec: as `options.codec` of `choose_encoder`.
        form: libavformat's name of the container.
    """
    return codec in (None, "auto") or CODECS[codec].kind in _held_by(form)


def _held_by(form: str) -> frozenset[str]:
    """Names of the codecs that a container holds."""
    with av.open(os.devnull, "w", format=form) as container:
        return frozenset(container.supported_codecs)


def _coded(codec: str, layout: PixelLayout, info: StreamInfo) -> tuple[int, int]:
    return coded_wh((info.width, info.height), codec, layout)


def _refuse_hardware(codec: str, layout: PixelLayout, info: StreamInfo) -> None:
    taken = carriers(codec)
    carrier = taken.get(layout) or "yuv420p"  # a wrong layout is told after this: no card makes it right
    reason = refusal(codec, carrier) or refusal(codec, carrier, _coded(codec, layout, info))
    if reason is not None:
        raise BackendError(
            f"{codec} cannot encode {info.width}x{info.height} {layout} here ({reason})",
            mend="take -c:v auto, which falls back to the CPU, or -c:v libx264",
        )


def _refuse_layout(codec: str, layout: PixelLayout) -> None:
    taken = carriers(codec)
    if layout not in taken:
        others = " or ".join(f"-c:v {name}" for name in takers(layout)) or "-pix_fmt yuv444p16le -c:v ffv1"
        nearer = sorted(taken, key=lambda one: _distance(one, layout))[0]
        raise UsageError(
            f"{codec} does not take {layout} video",
            mend=f"take {others}; or convert ({_converted(layout, nearer)}): -pix_fmt {nearer.pix_fmt}",
        )


def _distance(one: PixelLayout, wanted: PixelLayout) -> tuple[int, int]:
    chroma = abs(one.log2_across - wanted.log2_across) + abs(one.log2_down - wanted.log2_down)
    return chroma, abs(one.bits - wanted.bits)


def _refuse_size(codec: str, layout: PixelLayout, info: StreamInfo) -> None:
    width, height = _coded(codec, layout, info)
    (least_w, least_h), (most_w, most_h) = CODECS[codec].least_wh, CODECS[codec].most_wh
    if width < least_w or height < least_h:
        raise UsageError(
            f"{codec} takes {least_w}x{least_h} and larger, and the output is {info.width}x{info.height}",
            mend="take -c:v libx264",
        )
    if width > most_w or height > most_h:
        raise UsageError(
            f"{codec} takes up to {most_w}x{most_h}, and the output is {info.width}x{info.height}",
            mend="take a smaller --scale, or -c:v libx265, which has no such limit",
        )


def _small_losses(codec: str, layout: PixelLayout, info: StreamInfo) -> list[str]:
    """What has no place in the output and only moves colours by half a sample, or nothing at all."""
    notes = []
    siting = info.color.siting
    sited = codec in _SITED or ("av1" in codec and siting in _SITINGS_OF_AV1)
    if siting not in (Siting.UNSPECIFIED, Siting.LEFT) and layout.block_wh != (1, 1) and not sited:
        notes.append(f"{codec} has no word for {siting.value} chroma siting: its tag is lost, the pictures keep it")
    color, kind = info.color, CODECS[codec].kind
    tagged = (color.matrix, color.transfer, color.primaries) != (UNSPECIFIED,) * 3
    if color.range is Range.UNSPECIFIED and (kind == "av1" or (tagged and kind in ("h264", "hevc"))):
        notes.append(f"the range is not tagged, and {codec} has no word for that: limited, which is how it is read")
    if info.hdr.ambient:
        notes.append("the ambient viewing environment is lost: no encoder here can carry it")
    return notes
