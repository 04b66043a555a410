"""The tag that says what made a file: network, weights, settings and version of rtsr; written, and read back.

It is one line of `name=value` parts between semicolons. A file made of a file that rtsr had made keeps the older words
behind the newer ones, after ` < `.
"""

from __future__ import annotations

import rtsr
from rtsr.models import find_model
from rtsr.sinks.encoder import Encoder
from rtsr.stages import Badge

KEY = "rtsr"
"""Name of the tag; MP4, MOV, Matroska and WebM all keep it (Matroska in capitals)."""
_DIGITS = 16
"""Of the SHA-256 of the weights."""
_BEFORE = " < "


def provenance(badge: Badge, encoder: Encoder) -> str:
    """What made the output, as the value of the tag."""
    card = find_model(badge.model, badge.scale) if badge.is_sr else None
    weights = card.onnx.sha256[:_DIGITS] if card is not None and card.onnx is not None else ""
    asked = [f"{name}={value}" for name, value in encoder.options().items()]
    parts = {
        "version": rtsr.__version__,
        "model": badge.model,
        "scale": str(badge.scale),
        "weights": f"sha256:{weights}" if weights else "",
        "backend": f"{badge.backend} {badge.precision}".strip(),
        "encoder": " ".join([encoder.codec, *asked]),
    }
    return "; ".join(f"{name}={_plain(value)}" for name, value in parts.items() if value)


def read_provenance(tags: dict[str, str]) -> list[dict[str, str]]:
    """What made a file with these `tags`, the last step first; empty where rtsr did not."""
    told = next((value for name, value in tags.items() if name.lower() == KEY), "")
    steps = [dict(part.partition("=")[::2] for part in step.split("; ")) for step in told.split(_BEFORE) if "=" in step]
    return [step for step in steps if "version" in step and "model" in step]


def _plain(value: str) -> str:
    return value.replace(";", ",").replace("<", " ")
