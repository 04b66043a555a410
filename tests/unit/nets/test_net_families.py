"""The table of all networks: what they cost, and that each becomes the ONNX that the product reads."""

import numpy as np
import openvino
import pytest
import torch

from rtsr.nets import ecbsr, espcn, fsrcnn, imdn, rfdn, rrdb, span, srcnn, srvgg
from rtsr.nets.export import to_onnx
from rtsr.nets.families import FAMILIES, count


@pytest.mark.parametrize(
    ("family", "shape", "macs"),
    [
        ("srcnn", srcnn.Shape(2), 4 * (57184 + 25)),  # all of it on the enlarged picture, as is the bicubic's 5x5
        ("ecbsr", ecbsr.Shape(4, 16, 2), 9936),
        ("espcn", espcn.Shape(16, 32, 2), 25 * 16 + 9 * 16 * 32 + 9 * 32 * 4),
        ("rrdb", rrdb.Shape(1, 4, 1, 8, 4), 9 * (8 + 3 * (4 * (8 + 12 + 16 + 20) + 24 * 8) + 64 + 4 * 64 + 16 * 136)),
        # the attention halves its map (36 of 4), and works on a 36th of the pixels behind the pool (3 * 36 of 36)
        (
            "rfdn",
            rfdn.Shape("spatial", 1, 2, 8, 1),
            72 + 96 + 1728 + 288 + 128 + (16 + 4 + 9 + 3 + 16) + 64 + 576 + 288,
        ),
        ("imdn", imdn.Shape("light", 1, 2, 1, 16), 9 * (16 + 16 * 16 + 2 * 12 * 16 + 12 * 4 + 256 + 64) + 256),
    ],
)
def test_the_work_is_that_of_one_more_pixel(family: str, shape, macs: int) -> None:
    assert count(family, shape).macs_per_input_pixel == macs


@pytest.mark.parametrize(
    ("family", "shape"),
    [
        ("srcnn", srcnn.Shape(3, wide=8, narrow=4)),
        ("espcn", espcn.Shape(8, 6, 2)),
        ("fsrcnn", fsrcnn.Shape(8, 4, 1, 3)),
        ("srvgg", srvgg.Shape(1, 2, 8, 1)),
        ("imdn", imdn.Shape("paper", 1, 2, 1, 16)),
        ("rfdn", rfdn.Shape("spatial", 1, 2, 8, 1)),
        ("rrdb", rrdb.Shape(1, 2, 1, 8, 4)),
        ("span", span.Shape(1, 2, 8)),
    ],
    ids=str,
)
@torch.no_grad()
def test_its_onnx_computes_the_same_at_any_size(family: str, shape) -> None:
    torch.manual_seed(0)
    net = FAMILIES[family].deployed(shape).eval()
    core = openvino.Core()
    graph = core.read_model(to_onnx(net).SerializeToString(), b"")
    run = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
    for height, width in ((24, 32), (17, 13), (3, 5)):
        picture = torch.rand(1, 1, height, width)
        np.testing.assert_allclose(run(picture.numpy())["sr"], net(picture).numpy(), atol=2e-6, rtol=0)
