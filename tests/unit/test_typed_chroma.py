"""Chroma for a GPU, computed on the CPU by OpenVINO: the same as swscale's, and a plan of TensorRT-RTX's."""

from fractions import Fraction

import numpy as np
import openvino as ov
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.color import Color, Siting
from rtsr.frame import Frame, PixelLayout
from rtsr.swscale import Resampler
from rtsr.upscalers.trt_build import build_plan
from rtsr.upscalers.typed_chroma import chroma_graph, chroma_phases, enlarged_pairs
from rtsr.upscalers.typed_onnx import TypedGraph

LAYOUTS = (PixelLayout(8), PixelLayout(10))


def frame_of(width: int, height: int, layout: PixelLayout, siting: Siting, seed: int = 0) -> Frame:
    """Noise that does not overshoot: what swscale clips between its passes is another matter."""
    rng, half = np.random.default_rng(seed), layout.chroma_shape(width, height)
    low, high = (layout.peak * share // 255 for share in (60, 196))
    y, u, v = (rng.integers(low, high, shape).astype(layout.dtype) for shape in ((height, width), half, half))
    return Frame(y, u, v, 0, Fraction(1, 25), Color(siting=siting), layout=layout)


def enlarged(graph: TypedGraph, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """U and V as the graph makes them of NV12 or P010."""
    layout = frame.layout
    shift = 16 - layout.bits if layout.bits > 8 else 0
    pairs = np.stack([frame.u, frame.v], -1) << shift
    core = ov.Core()
    compiled = core.compile_model(core.read_model(graph.onnx), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    made = compiled(np.ascontiguousarray(pairs).view(np.uint8).reshape(compiled.input(0).shape))[0]
    rows, columns = graph.scale * frame.u.shape[0], graph.scale * frame.u.shape[1]
    samples = np.ascontiguousarray(made).view(layout.dtype).reshape(rows, columns, 2)
    assert not (samples & ((1 << shift) - 1)).any()
    return samples[..., 0] >> shift, samples[..., 1] >> shift


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("siting", Siting)
def test_it_is_swscales_bicubic_to_within_one_code(siting: Siting, scale: int, layout: PixelLayout) -> None:
    frame = frame_of(44, 30, layout, siting)
    made = enlarged(chroma_graph((44, 30), scale, siting, layout), frame)
    _, *right = Resampler((44, 30), scale, siting, 1, layout).scaled(frame)
    rim = 3 * scale
    for one, other in zip(made, right, strict=True):
        assert one.shape == other.shape
        off = np.abs(one.astype(int) - other.astype(int))
        assert off[rim:-rim, rim:-rim].max() <= 1
        assert off.max() <= 0.04 * layout.peak  # the border: see the module
        assert off.mean() < 0.5


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_numpy_makes_the_same_for_the_self_check(layout: PixelLayout) -> None:
    """Full-range noise, which overshoots both ways."""
    rng, shift = np.random.default_rng(2), 16 - layout.bits if layout.bits > 8 else 0
    pairs = rng.integers(0, layout.peak + 1, (15, 44)).astype(layout.dtype)
    frame = Frame(np.zeros((30, 44), layout.dtype), pairs[:, 0::2], pairs[:, 1::2], 0, Fraction(1, 25), layout=layout)
    u, v = enlarged(chroma_graph((44, 30), 3, Siting.LEFT, layout), frame)
    right = enlarged_pairs(pairs << shift, 3, Siting.LEFT, layout) >> shift
    assert np.abs(u.astype(int) - right[:, 0::2]).max() <= 1
    assert np.abs(v.astype(int) - right[:, 1::2]).max() <= 1


@given(
    value=st.integers(0, 1023),
    scale=st.integers(2, 4),
    siting=st.sampled_from(Siting),
    layout=st.sampled_from(LAYOUTS),
    size_wh=st.tuples(st.integers(1, 12), st.integers(1, 12)),
)
@settings(max_examples=20, deadline=None)
def test_an_even_colour_stays_as_it_is_up_to_every_border(
    value: int, scale: int, siting: Siting, layout: PixelLayout, size_wh: tuple[int, int]
) -> None:
    width, height = (2 * side for side in size_wh)
    value = min(value, layout.peak)
    y = np.full((height, width), 16, layout.dtype)
    u, v = (np.full((height // 2, width // 2), one, layout.dtype) for one in (value, layout.peak - value))
    frame = Frame(y, u, v, 0, Fraction(1, 25), Color(siting=siting), layout=layout)
    made_u, made_v = enlarged(chroma_graph((width, height), scale, siting, layout), frame)
    assert (made_u == value).all()
    assert (made_v == layout.peak - value).all()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_slope_stays_where_the_siting_puts_it(scale: int) -> None:
    """Colours do not move: a sample at luma column x of the input has the value of a slope at S times that place."""
    for siting in Siting:
        offset_x, _ = siting.offset_xy
        filters = chroma_phases(scale, siting)
        assert np.allclose(filters.sum((2, 3)), 1)
        middle = np.arange(-2, 3)
        reached = (filters.sum(2) * middle).sum(-1)[0]  # where each column's phase looks, in chroma samples
        corner = (1 + offset_x) / 2
        assert np.allclose(reached, (np.arange(scale) + corner) / scale - corner, atol=0.04)


@pytest.mark.parametrize("target", ["any", "7.5", "8.6", "8.9", "12.0"])
def test_tensorrt_rtx_builds_it_for_every_target(target: str) -> None:
    for layout in LAYOUTS:
        plan = build_plan(chroma_graph((960, 540), 2, Siting.LEFT, layout), target)  # type: ignore[arg-type]
        assert plan[:4] == b"vtrt"


def test_pictures_whose_chroma_does_not_lie_in_pairs_are_refused() -> None:
    for size_wh, layout in (((63, 48), LAYOUTS[0]), ((64, 48), PixelLayout(8, 0, 0)), ((64, 48), PixelLayout(12))):
        with pytest.raises(ValueError, match="in pairs"):
            chroma_graph(size_wh, 2, Siting.LEFT, layout)
