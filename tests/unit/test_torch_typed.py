"""A torch network between samples: its picture is the reference's, in half floats too, at any size and depth."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rtsr.frame import PixelLayout
from rtsr.jobs.model_check import sunlit
from rtsr.models import find_model
from rtsr.nets.esr import FoldedESR, Shape
from rtsr.upscalers.openvino import open_reference
from rtsr.upscalers.torch_luma import open_luma_net
from rtsr.upscalers.torch_typed import typed_program

FAMILIES = (
    "esr-max-k7c3", "esr-tm-k7c4", "esr-tr-k5c2", "esr-cnn-c2d3s6", "espcn-d16s32", "fsrcnn-32-5-1", "ecbsr-m4c8",
    "compact-video", "span-48", "imdn-light",
)  # fmt: skip
"""One network of each kind."""


def computed(net: nn.Module, codes: np.ndarray, layout: PixelLayout, precision: str) -> np.ndarray:
    """(H, W) samples to (S*H, S*W) whole numbers, by the exported program on the CPU."""
    height, width = codes.shape
    given = codes.astype(layout.dtype.newbyteorder("<"))[None, None]
    if layout.bits > 8:
        given = given.view(np.uint8).reshape(1, height, width, 2)
    program = typed_program(net, (width, height), layout, precision)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch to itself
        made = program.module()(torch.from_numpy(given)).numpy()
    assert made.dtype == np.float32
    assert (made == np.rint(made)).all()
    return made[0, 0] if layout.bits == 8 else made[0, ..., 0] + 256 * made[0, ..., 1]


def codes_of(luma: np.ndarray, peak: int) -> np.ndarray:
    return np.rint(np.clip(luma, 0, 1) * peak)


def psnr_db(one: np.ndarray, other: np.ndarray, peak: int) -> float:
    return float(10 * np.log10(peak**2 / max(np.mean((one - other) ** 2), 1e-9)))


@pytest.mark.parametrize("bits", [8, 10, 16])
@pytest.mark.parametrize("name", FAMILIES)
def test_the_picture_is_the_reference_s(name: str, bits: int) -> None:
    layout, card = PixelLayout(bits), find_model(name, 2)
    codes = codes_of(sunlit(48, 64), layout.peak)
    expected = codes_of(open_reference(card)((codes / layout.peak).astype(np.float32)), layout.peak)
    exact = computed(open_luma_net(card), codes, layout, "fp32")
    assert np.abs(exact - expected).max() <= max(1, layout.peak // 2**14), "float32 is what the CPU computes"
    halved = computed(open_luma_net(card), codes, layout, "fp16")
    assert psnr_db(halved, expected, layout.peak) > 50
    if bits == 8:
        assert np.abs(halved - expected).max() <= 1


class Plain(nn.Module):
    """Nearest neighbour."""

    def forward(self, luma: Tensor) -> Tensor:
        return nn.functional.interpolate(luma, scale_factor=2, mode="nearest")


@given(size_wh=st.tuples(st.integers(1, 40), st.integers(1, 40)), bits=st.sampled_from([8, 9, 10, 12, 14, 16]))
@settings(deadline=None, max_examples=20)
def test_every_code_value_of_every_depth_and_size_passes_the_ends(size_wh: tuple[int, int], bits: int) -> None:
    layout, (width, height) = PixelLayout(bits), size_wh
    codes = np.random.default_rng(width * height).integers(0, layout.peak, (height, width), endpoint=True)
    codes[0, 0], codes[-1, -1] = 0, layout.peak
    for precision in ("fp32", "fp16"):  # half floats have 11 bits: what is not computed is not rounded to them
        assert (computed(Plain(), codes, layout, precision) == codes.repeat(2, 0).repeat(2, 1)).all()


@given(size_wh=st.tuples(st.integers(1, 33), st.integers(1, 33)))
@settings(deadline=None, max_examples=15)
def test_a_network_that_continues_the_edge_takes_any_size(size_wh: tuple[int, int]) -> None:
    torch.manual_seed(1)
    net = FoldedESR(Shape("tm", 5, 3, 2)).eval()
    width, height = size_wh
    codes = np.random.default_rng(3).integers(0, 255, (height, width), endpoint=True)
    with torch.no_grad():
        luma = net(torch.from_numpy(codes.astype(np.float32) / 255)[None, None])[0, 0].numpy()
    assert np.abs(computed(net, codes, PixelLayout(), "fp32") - codes_of(luma, 255)).max() <= 1


class Statistic(nn.Module):
    """A picture times what is the same for all of it: contrast, whose sums pass what a half float can hold."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(1, 4, 3, padding=1)
        nn.init.constant_(self.body.weight, 0.5)
        nn.init.constant_(self.body.bias, 3.0)

    def forward(self, luma: Tensor) -> Tensor:
        made = self.body(luma)
        energy = made.pow(2).sum((2, 3), keepdim=True)
        return nn.functional.pixel_shuffle(made / (energy / made.shape[-1] / made.shape[-2]).sqrt(), 2) * 0.5


class Sharp(nn.Module):
    """A choice by scores of some hundreds, as a softmax takes them."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Conv2d(1, 4, 1)

    def forward(self, luma: Tensor) -> Tensor:
        share = torch.softmax(nn.functional.interpolate(self.score(luma), scale_factor=2) * 3000, 1)
        return (share * torch.arange(4).reshape(1, 4, 1, 1) / 4).sum(1, keepdim=True)


class InPlace(nn.Module):
    """Adds to what it was given, and reads it again."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(1, 4, 3, padding=1)

    def forward(self, luma: Tensor) -> Tensor:
        made = self.body(luma)
        made += luma
        made.clamp_(0, 1).mul_(0.5)
        made[:, 1] = made[:, 0]
        return nn.functional.pixel_shuffle(made, 2)


@pytest.mark.parametrize("kind", [Statistic, Sharp, InPlace])
def test_half_floats_are_kept_from_what_they_cannot_hold(kind: type[nn.Module]) -> None:
    torch.manual_seed(2)
    net, layout = kind().eval(), PixelLayout()
    codes = codes_of(sunlit(200, 300), 255)
    made = computed(net, codes, layout, "fp16")
    assert np.isfinite(made).all()
    assert psnr_db(made, computed(net, codes, layout, "fp32"), 255) > (30 if kind is Sharp else 50)


def test_convolutions_are_in_half_floats_and_the_sum_with_the_luma_is_not() -> None:
    program = typed_program(open_luma_net(find_model("compact-video", 2)), (32, 24), PixelLayout(), "fp16")
    kinds: dict[str, set[torch.dtype]] = {}
    for node in program.graph.nodes:
        if node.op == "call_function" and isinstance(node.meta.get("val"), Tensor):
            kinds.setdefault(node.target.__name__.split(".")[0], set()).add(node.meta["val"].dtype)
    assert kinds["conv2d"] == {torch.float16}
    assert kinds["add"] == kinds["round"] == {torch.float32}
