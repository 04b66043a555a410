"""What kind of file somebody's network is in, by its first bytes: a pickle is never opened, whatever its name."""

from __future__ import annotations

import shlex
import zipfile
from typing import TYPE_CHECKING

from rtsr.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

_PICKLED = frozenset({".pth", ".pt", ".ckpt", ".pkl", ".pickle", ".bin"})
_PICKLE_MAGIC = b"\x80"
_LENGTH_BYTES = 8
"""Of the header, at the beginning of a safetensors file."""
_SNIFFED = 4096
_ONNX_MAGIC = b"\x08"
"""The first field of a protobuf message, a number: ONNX begins with its version."""


def read_network(path: Path) -> tuple[str, bytes]:
    """What kind of file it is, "onnx" or "safetensors", and its bytes.

    Raises SourceError on a pickle and on what is neither.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_SNIFFED)
        size = path.stat().st_size
        kind = _kind(head, size)
        if kind != "safetensors" and (path.suffix.lower() in _PICKLED or _is_pickle(path, head)):
            raise SourceError(
                f"{path.name} is a pickle, and a pickle runs code when it is opened",
                mend=f"If you trust who made it, convert it yourself: {conversion(path)}",
            )
        if kind is None:
            raise SourceError(f"{path.name} is neither ONNX nor safetensors", mend="export the network as one of them")
        return kind, path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read: {(error.strerror or str(error)).lower()}", mend="name a file of a network"
        ) from error


def _kind(head: bytes, size: int) -> str | None:
    length = int.from_bytes(head[:_LENGTH_BYTES], "little")
    if head[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{" and length <= size - _LENGTH_BYTES:
        return "safetensors"
    return "onnx" if head.startswith(_ONNX_MAGIC) else None


def _is_pickle(path: Path, head: bytes) -> bool:
    """Whether it is a pickle, or the ZIP in which torch keeps one."""
    return head.startswith(_PICKLE_MAGIC) or zipfile.is_zipfile(path)


def conversion(path: Path) -> str:
    """A command that makes safetensors of a pickle of weights, by torch's loader that runs the least."""
    lines = (
        "import sys, torch; from safetensors.torch import save_file",
        "w = torch.load(sys.argv[1], map_location='cpu', weights_only=True)",
        "w = next((w[k] for k in ('params_ema', 'params', 'state_dict', 'model') if k in w), w)",
        "save_file({k: v.contiguous() for k, v in w.items()}, sys.argv[2])",
    )
    return shlex.join(("python", "-c", "; ".join(lines), str(path), str(path.with_suffix(".safetensors"))))
