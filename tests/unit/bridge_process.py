"""Networks through torch-tensorrt, in a process of its own: what came of each goes to FOLDER/results.json.

Never imported by a test: it changes torch.

python -m tests.unit.bridge_process FOLDER NAME_xS:BITS:PRECISION...
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from tests.doubles import torch_without_gpu  # noqa: F401 - before torch-tensorrt

import torch_tensorrt  # isort: skip

from rtsr.frame import PixelLayout
from rtsr.jobs.model_check import sunlit
from rtsr.models import find_model
from rtsr.upscalers import torch_bridge, trt_build
from rtsr.upscalers.torch_luma import open_luma_net
from rtsr.upscalers.torch_typed import typed_program

SIZE_WH = (64, 36)


def dry_run(net: torch.nn.Module, layout: PixelLayout, precision: str, path: Path) -> str:
    """torch-tensorrt's own report on the program that the product gives it."""
    program = typed_program(net, SIZE_WH, layout, precision)  # which torch-tensorrt changes
    entry = torch_tensorrt.Input.from_tensor(program.example_inputs[0][0])
    torch_tensorrt.dynamo.compile(
        program, inputs=[entry], dryrun=str(path), require_full_compilation=True, offload_module_to_cpu=False
    )
    return path.read_text()


def lowered_error(net: torch.nn.Module, lowered: torch.nn.Module, layout: PixelLayout, precision: str) -> float:
    """What torch-tensorrt's lowering changed of one picture: the largest difference of a byte."""
    samples = np.rint(sunlit(*SIZE_WH) * layout.peak).astype(layout.dtype.newbyteorder("<"))
    program = typed_program(net, SIZE_WH, layout, precision)
    codes = torch.from_numpy(samples.view(np.uint8).reshape(program.example_inputs[0][0].shape))
    with torch.no_grad():
        (made,), expected = lowered(codes), program.module()(codes)
    return float((made - expected).abs().max())


def build(net: torch.nn.Module, layout: PixelLayout, precision: str) -> dict[str, object]:
    """The plan's size, and what the network looked like before it was one."""
    draft = torch_bridge.written(net, SIZE_WH, layout, precision, "any")
    network = draft.network
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    error = lowered_error(net, draft.held[0].module, layout, precision)
    shares: list[float] = []
    plan = trt_build.finish(draft, lambda share, _what: not shares.append(share))
    return {
        "ports": [
            [port.name, str(port.dtype), list(port.shape)] for port in (network.get_input(0), network.get_output(0))
        ],
        "counts": [network.num_inputs, network.num_outputs],
        "convolutions": sorted(
            {str(one.get_output(0).dtype) for one in layers if str(one.type).endswith("CONVOLUTION")}
        ),
        "lowered_error": error,
        "bytes": len(plan),
        "shares": shares,
    }


def main(folder: Path, wanted: list[str]) -> None:
    results = {}
    for one in wanted:
        name, bits, precision = one.split(":")
        model, _, scale = name.rpartition("_x")
        layout = PixelLayout(int(bits))
        card = find_model(model, int(scale))
        report = dry_run(open_luma_net(card), layout, precision, folder / f"{name}-{bits}-{precision}.txt")
        results[one] = {"report": report, **build(open_luma_net(card), layout, precision)}
    (folder / "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
