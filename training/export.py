"""A trained network's files beside its card."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from rtsr.nets.export import contents, to_onnx

if TYPE_CHECKING:
    from pathlib import Path

    from rtsr.nets.enlarger import Enlarger

__all__ = ["to_onnx", "write_files"]


def write_files(net: Enlarger, card: Path) -> dict[str, str]:
    """Write the network beside `card` as .onnx and .safetensors; give their sha256 by kind."""
    written = contents(net)
    for kind, content in written.items():
        card.with_suffix(f".{kind}").write_bytes(content)
    return {kind: hashlib.sha256(content).hexdigest() for kind, content in written.items()}
