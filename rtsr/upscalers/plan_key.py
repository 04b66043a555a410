"""What a built engine ("plan") depends on."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, astuple, dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtsr.upscalers.typed_onnx import TypedGraph

PORTABLE = "tensorrt_rtx"
"""The library whose plans are for every GPU of their target: it compiles them on the GPU where they are loaded."""


@dataclass(frozen=True, slots=True)
class PlanKey:
    """Everything that a plan depends on: where any of it is another, so is the plan."""

    model: str
    """Its label, which tells the sharpness, too."""
    scale: int
    onnx_sha256: str
    """Of the network as it was given to the library, in hexadecimal."""
    width: int
    """Of the input, in luma samples."""
    height: int
    bits: int
    """Of a sample."""
    precision: str
    """Of the network's arithmetic: "fp16" or "fp32"."""
    library: str
    """"tensorrt_rtx" or "tensorrt"."""
    version: str
    """Of the library."""
    target: str
    """"any", a compute capability as "8.6", or "this"."""
    compute_capability: str = ""
    """Of the GPU that it was built on; empty, as the next two, where the plan does not depend on it."""
    gpu: str = ""
    driver: str = ""

    @property
    def name(self) -> str:
        """Of its files, without their endings."""
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]
        return f"{self.stem}-{digest}"

    @property
    def stem(self) -> str:
        """What people look for in the name."""
        model, size = re.sub(r"[^A-Za-z0-9._-]+", "-", self.model), f"{self.width}x{self.height}"
        return f"{model}_x{self.scale}-{size}-{self.bits}bit-{self.precision}-{self.target}"


def key_of(
    graph: TypedGraph, library: tuple[str, str], target: str, gpu: tuple[str, str, str] = ("", "", "")
) -> PlanKey:
    """The key of what `library` builds of `graph`.

    Args:
        graph: the network at one size.
        library: its name and version.
        target: as in `PlanKey`.
        gpu: compute capability, name and driver of the GPU that it is built on. Of these a plan of TensorRT-RTX takes
            the capability, and that only where the target is "this".
    """
    capability, card, driver = gpu if target == "this" else ("", "", "")
    if library[0] == PORTABLE:
        card = driver = ""
    (width, height), name, version = graph.size_wh, *library
    return PlanKey(
        graph.model, graph.scale, graph.sha256, width, height, graph.layout.bits, graph.precision,
        name, version, target, capability, card, driver,
    )  # fmt: skip


def differences(had: PlanKey, wanted: PlanKey) -> list[str]:
    """In words, what of `had` is another in `wanted`."""
    pairs = zip(fields(had), astuple(had), astuple(wanted), strict=True)
    return [f"{one.name} ({str(old)[:16]}, not {str(new)[:16]})" for one, old, new in pairs if old != new]
