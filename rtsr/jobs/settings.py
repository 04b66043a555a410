"""What of the options decides a result, as JSON gives it back: equal settings, equal result."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import rtsr
from rtsr.config import AUTO, Encode, Encoding
from rtsr.models import find_model
from rtsr.sinks.segments import versions

if TYPE_CHECKING:
    from collections.abc import Collection

    from rtsr.sinks.encoder import Encoder
    from rtsr.stages import Badge

_IDLE = frozenset(
    {"overwrite", "progress", "dry_run", "restart", "threads", "segments", "protocols", "why"}
    | {"device", "require", "precision"}  # the network's entry tells what came of them
    | {"hwdec"}  # a GPU is given only what every decoder decodes to the same bits: rtsr.sources.hwdec
    | {"workers", "cluster", "cluster_resources", "cluster_tls", "cluster_storage", "insecure"}  # who does it
)
"""Options that change nothing of an output."""
_NOT_OF_THE_VIDEO = frozenset(
    {"model", "quality", "content", "codec"}  # what they came to counts
    | {"maps", "no_audio", "no_subtitles", "no_data", "audio_codec", "audio_bitrate", "movflags", "provenance"}
)


def told(options: Encoding, but: Collection[str] = _IDLE) -> dict[str, Any]:
    """How `options` say to encode, by their names, without `but`: not what, nor where to."""
    given = asdict(options)
    return {field.name: _plain(given[field.name]) for field in fields(Encoding) if field.name not in but}


def settings_of(options: Encode, badge: Badge, encoder: Encoder) -> dict[str, Any]:
    """Whatever decides the bits of the video."""
    name = badge.model if options.model == AUTO else options.model
    card = find_model(name, badge.scale) if badge.is_sr else None
    return told(options, _IDLE | _NOT_OF_THE_VIDEO) | {
        "codec": encoder.codec,
        "network": _network(badge),
        "weights": card.onnx.sha256 if card is not None and card.onnx is not None else None,
        "rtsr": rtsr.__version__,
        **versions(),
    }


def _network(badge: Badge) -> str:
    """What makes the pictures, as far as it decides their bits.

    Why a GPU counts and a CPU does not: half floats are added up in another order on another architecture.
    """
    words = f"{badge.model} x{badge.scale} {badge.backend} {badge.precision}".strip()
    chroma = ", chroma too" if badge.stays else ""
    return words if badge.gpu is None else f"{words} on {badge.device}{chroma}"


def _plain(value: object) -> object:
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    return [_plain(one) for one in value] if isinstance(value, (tuple, list)) else str(value)
