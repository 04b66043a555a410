"""The tensors in somebody's safetensors file."""

from __future__ import annotations

import json

import torch
from safetensors import SafetensorError
from safetensors.torch import load

_LENGTH_BYTES = 8
"""Of the header, at the beginning."""


def read_weights(content: bytes) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors by name, on the CPU, and the file's own words about itself, perhaps none.

    Raises ValueError when `content` is no safetensors file, or a number that is not finite.
    """
    try:
        weights = load(content)
        header = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")])
        words = header.get("__metadata__") or {}
    except (SafetensorError, ValueError, KeyError, AttributeError) as error:
        raise ValueError(f"it is no safetensors file ({error})") from error
    for name, one in weights.items():
        if one.is_floating_point() and not torch.isfinite(one.to(torch.float32)).all():
            raise ValueError(f"{name} holds what is no finite number")
    return weights, {str(key): str(value) for key, value in words.items()}
