"""A torch module made into a plan by torch-tensorrt, for networks that do not go through ONNX. The second builder.

What comes out is what `trt_build.build_plan` makes: input "y" and output "sr", samples in and out, any target, with
progress and a way to stop it. So either builder's plan serves.

Why not `convert_exported_program_to_serialized_trt_engine`, torch-tensorrt's own door: it loads the plan that it has
built, which takes a GPU, builds for no target, says nothing while it works, and casts no output to uint8. What it
consists of is used here instead: its lowering writes the network, and `trt_build` builds it.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import logging
import warnings
from typing import TYPE_CHECKING, Any

import torch

from rtsr.errors import BackendError
from rtsr.upscalers import trt_build
from rtsr.upscalers.torch_typed import typed_program

if TYPE_CHECKING:
    from torch import nn

    from rtsr.background import Report
    from rtsr.frame import PixelLayout
    from rtsr.upscalers.trt_build import Draft, Target
    from rtsr.upscalers.typed_onnx import Precision

_LOGGERS = ("torch", "torch_tensorrt", "torch_tensorrt [TensorRT Conversion Context]")
_WHEELS = ("torch-tensorrt-rtx", "torch-tensorrt")
_EXTRA = 'pip install "rtsr[torch]"'
_INSTEAD = "leave --builder torch out: the builder that reads ONNX needs no torch, and no GPU"


def build_plan_from_torch(  # noqa: PLR0913 - the four that are of the graph are of `typed_graph`, too
    net: nn.Module,
    size_wh: tuple[int, int],
    layout: PixelLayout,
    precision: Precision,
    target: Target,
    report: Report | None = None,
) -> bytes:
    """Build a plan of a network for pictures of one size.

    Args:
        net: (1, 1, H, W) float32 luma, 0..1, to (1, 1, S*H, S*W), not clipped; on the CPU.
        size_wh: of the pictures that will come.
        layout: of the pictures; its depth counts.
        precision: fp16 for half floats with islands of float32, fp32 for float32 throughout.
        target: see `trt_build.TARGETS`.
        report: as of `trt_build.build_plan`, which see for what else may be raised, too.

    Raises:
        BackendError: torch-tensorrt is not installed, does not fit torch or TensorRT, or finds no GPU, for which it
            asks when it is imported; or the network cannot be exported, or does what TensorRT does not.
    """
    return trt_build.finish(written(net, size_wh, layout, precision, target), report)


def written(
    net: nn.Module, size_wh: tuple[int, int], layout: PixelLayout, precision: Precision, target: Target
) -> Draft:
    """The network in TensorRT's terms."""
    bridge = _bridge()
    what = f"{type(net).__name__} for {size_wh[0]}x{size_wh[1]}"
    draft = trt_build.begin(what, target)
    if draft.library.is_rtx != bridge.ENABLED_FEATURES.tensorrt_rtx:
        raise BackendError(f"torch-tensorrt is here for another TensorRT than {draft.library}", mend=_INSTEAD)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch to itself
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # where it prints the code that it cannot follow
                program = typed_program(net, size_wh, layout, precision)
        except Exception as error:  # torch raises some twenty kinds about what it cannot follow
            raise BackendError(f"torch cannot export {what}: {_first_line(error)}", mend=_INSTEAD) from error
        try:
            _write(bridge, program, draft)
        except Exception as error:  # so does torch-tensorrt about what it cannot convert
            reason = draft.library.told.reason(_first_line(error))
            raise BackendError(f"torch-tensorrt cannot convert {what}: {reason}", mend=_INSTEAD) from error
    return draft


def _write(bridge: Any, program: Any, draft: Draft) -> None:  # noqa: ANN401 - torch-tensorrt has no types
    """Fill the network of `draft`: the steps of torch-tensorrt's own door, up to its build."""
    lowering, conversion = bridge.dynamo.lowering, bridge.dynamo.conversion
    settings = bridge.dynamo.CompilationSettings(require_full_compilation=True)
    lowered = lowering.pre_export_lowering(program, settings).run_decompositions(lowering.get_decompositions())
    graph = lowering.post_lowering(lowered.module(), settings)
    example = program.example_inputs[0][0]
    entry = bridge.Input(shape=tuple(example.shape), dtype=example.dtype, name="y")
    writer = conversion.TRTInterpreter(graph, [entry], output_dtypes=[torch.uint8], compilation_settings=settings)
    missing = writer.validate_conversion()
    if missing:
        raise ValueError(f"TensorRT has no {', '.join(sorted(one.split()[-1] for one in missing))}")
    writer.builder, writer.ctx.net = draft.builder, draft.network
    with torch.no_grad():
        writer._construct_trt_network_def()
    draft.network.get_output(0).name = "sr"
    draft.held.append(writer)  # weights stay in memory of torch's


def _bridge() -> Any:  # noqa: ANN401
    """torch-tensorrt, imported. It stands in for `tensorrt` from then on, by what it was made for."""
    wheel = _fitting_wheel()
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is raised, too
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints
            import torch_tensorrt
            import torch_tensorrt.dynamo
    except Exception as error:  # AssertionError, RuntimeError, OSError, AttributeError, Exception itself
        if not torch.cuda.is_available():
            why = "has no CUDA" if torch.version.cuda is None else "finds no NVIDIA GPU"
            raise BackendError(
                f"{wheel} asks for a GPU when it is imported, and torch {torch.__version__} {why}", mend=_INSTEAD
            ) from error
        raise BackendError(f"{wheel} cannot be loaded: {_first_line(error)}", mend=_EXTRA) from error
    logging.captureWarnings(capture=False)  # which it turns on, for everybody
    return torch_tensorrt


def _fitting_wheel() -> str:
    """Name and version of torch-tensorrt as installed. Raises BackendError where it is not, or what it wants is not."""
    for name in _WHEELS:
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        for wanted in found.requires or ():
            _refuse_other(f"{name} {found.version}", wanted)
        return f"{name} {found.version}"
    raise BackendError("torch-tensorrt is not installed", mend=_EXTRA)


def _refuse_other(wheel: str, wanted: str) -> None:
    """Raise BackendError where what `wheel` wants is installed in another version, or not at all."""
    from packaging.requirements import Requirement  # which torch-tensorrt brings

    need = Requirement(wanted)
    if need.marker is not None and not need.marker.evaluate({"extra": ""}):
        return
    try:
        version = importlib.metadata.version(need.name)
    except importlib.metadata.PackageNotFoundError:
        raise BackendError(f"{wheel} wants {need.name}, which is not installed", mend=_EXTRA) from None
    if not need.specifier.contains(version, prereleases=True):
        raise BackendError(f"{wheel} wants {need.name} {need.specifier}, and {version} is installed", mend=_EXTRA)


def _first_line(error: Exception) -> str:
    told = [line.strip() for line in str(error).splitlines() if line.strip()]
    return told[0].rstrip(".") if told else type(error).__name__
