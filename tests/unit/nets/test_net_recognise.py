"""Networks by their tensors, networks of colour on luma, and what spandrel knows."""

import numpy as np
import pytest
import torch
from torch import nn

from rtsr.errors import UsageError
from rtsr.nets import ecbsr, espcn, fsrcnn, imdn, rfdn, rrdb, span, srcnn, srvgg
from rtsr.nets.community import community_net
from rtsr.nets.enlarger import Enlarger
from rtsr.nets.families import FAMILIES
from rtsr.nets.grey import Grey, greyed
from rtsr.nets.recognise import net_of

SHAPES = [
    ("srcnn", srcnn.Shape(3, 3, wide=8, narrow=4)), ("espcn", espcn.Shape(8, 6, 2, 3)), ("espcn", espcn.Shape(0, 6, 3)),
    ("fsrcnn", fsrcnn.Shape(8, 4, 2, 2, 3)), ("fsrcnn", fsrcnn.Shape(8, 4, 0, 4, 1, "channel")),
    ("ecbsr", ecbsr.Shape(2, 4, 2, 3)), ("ecbsr", ecbsr.Shape(0, 4, 3)),
    ("srvgg", srvgg.Shape(3, 4, 8, 2)), ("srvgg", srvgg.Shape(1, 2, 8, 0)),
    ("imdn", imdn.Shape("paper", 3, 2, 1, 16)), ("imdn", imdn.Shape("light", 1, 3, 2, 16)),
    ("rfdn", rfdn.Shape("spatial", 3, 2, 8, 1)), ("rfdn", rfdn.Shape("contrast", 1, 4, 8, 2)),
    ("rrdb", rrdb.Shape(3, 2, 1, 8, 4)), ("rrdb", rrdb.Shape(1, 4, 2, 8, 4)), ("span", span.Shape(3, 3, 8)),
]  # fmt: skip


@pytest.mark.parametrize(("family", "shape"), SHAPES, ids=str)
@torch.no_grad()
def test_a_family_is_recognised_by_its_tensors(family: str, shape) -> None:
    for form in dict.fromkeys((FAMILIES[family].deployed, FAMILIES[family].learnable)):
        net: Enlarger = form(shape).eval()
        found = net_of({name: one.half().float() for name, one in net.state_dict().items()}, {}, shape.scale)
        assert found is not None
        assert (type(found), found.shape) == (FAMILIES[family].deployed, shape)
        picture = torch.rand(1, getattr(shape, "planes", 1), 13, 17)
        net.load_state_dict({name: one.half().float() for name, one in net.state_dict().items()})
        torch.testing.assert_close(found(picture), net(picture), atol=2e-6, rtol=0)


@pytest.mark.parametrize(("family", "shape"), [one for one in SHAPES if one[1].planes == 3], ids=str)
@torch.no_grad()
def test_a_network_of_colour_folds_into_one_of_luma(family: str, shape) -> None:
    net = FAMILIES[family].deployed(shape).eval()
    luma = torch.rand(2, 1, 17, 13)
    torch.testing.assert_close(greyed(net)(luma), Grey(net)(luma), atol=1e-6, rtol=0)


def test_other_tensors_are_nobody_s() -> None:
    assert net_of({"weight": torch.zeros(4, 1, 5, 5)}, {}, None) is None
    assert net_of(nn.Linear(2, 2).state_dict(), {}, None) is None
    with pytest.raises(UsageError, match="--scale"):
        net_of(fsrcnn.FSRCNN(fsrcnn.Shape(8, 4, 1, 2)).state_dict(), {}, None)


@torch.no_grad()
def test_sides_that_a_network_cannot_take_are_continued() -> None:
    net = nn.Sequential(nn.PixelUnshuffle(4), nn.PixelShuffle(4), nn.Upsample(scale_factor=2))
    luma = torch.rand(1, 1, 13, 18)
    torch.testing.assert_close(Grey(net, 3, 4)(luma), nn.Upsample(scale_factor=2)(luma), atol=1e-6, rtol=0)


def test_what_only_spandrel_knows_becomes_onnx() -> None:
    pytest.importorskip("spandrel", reason="spandrel is not installed", exc_type=ImportError)
    import openvino
    from spandrel.architectures.ESRGAN.__arch.RRDB import RRDBNet
    from spandrel.architectures.SPAN.__arch.span import SPAN

    theirs = (
        RRDBNet(in_nc=3, out_nc=3, num_filters=8, num_blocks=1, scale=4),
        SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8),
    )
    for net, name in zip(theirs, ("ESRGAN", "SPAN"), strict=True):
        found = community_net(net.state_dict())
        assert (found.architecture, found.planes) == (name, 3)
        onnx, truth = found.recorded()
        run = openvino.Core().compile_model(
            openvino.Core().read_model(onnx, b""), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        )
        luma = np.random.default_rng(0).random((21, 35), np.float32)
        np.testing.assert_allclose(run(luma[None, None])[0][0, 0], truth(luma), atol=1e-4)
    with pytest.raises(ValueError, match="does not know it either"):
        community_net({"some.weight": torch.zeros(3)})
