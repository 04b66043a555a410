"""Typed graphs compute what the networks compute, in half floats that are half, and TensorRT builds them."""

import dataclasses
import hashlib
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import tensorrt_rtx as trt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper, shape_inference

from rtsr.errors import BackendError, UsageError
from rtsr.frame import PixelLayout
from rtsr.jobs.evaluate import read_picture
from rtsr.jobs.model_check import sunlit
from rtsr.metrics import luma as rgb_luma
from rtsr.models import MODELS, ModelCard, ModelFile, find_model
from rtsr.nets import imdn, rfdn, rrdb
from rtsr.nets.export import recorded, traced
from rtsr.upscalers.openvino import open_reference
from rtsr.upscalers.typed_onnx import Precision, TypedGraph, best_precision, typed_graph
from tests.half_floats import run_in_halves, run_in_openvino

EVERY = [(name, scale) for name, scales in MODELS.items() if name != "bicubic" for scale in scales]
EIGHT, TEN = PixelLayout(8), PixelLayout(10)
TRT = trt.Logger(trt.Logger.ERROR)


def levels(picture: np.ndarray, layout: PixelLayout) -> np.ndarray:
    """(H, W) 0..1 as code values."""
    return np.rint(picture * layout.peak).astype(layout.dtype)


def wanted(card: ModelCard, luma: np.ndarray, layout: PixelLayout) -> np.ndarray:
    """What the CPU's float32 makes of code values, in code values, not rounded."""
    made = open_reference(card)(luma.astype(np.float32) / np.float32(layout.peak))
    return np.clip(made.astype(np.float64) * layout.peak, 0, layout.peak)


def psnr(made: np.ndarray, exact: np.ndarray, layout: PixelLayout) -> float:
    return float(10 * np.log10(layout.peak**2 / max(1e-9, ((made - exact) ** 2).mean())))


def own(model: onnx.ModelProto, place: Path, scale: int = 2) -> ModelCard:
    """The card of somebody's graph."""
    content = model.SerializeToString(deterministic=True)
    file = place / f"{hashlib.sha256(content).hexdigest()[:8]}.onnx"
    file.write_bytes(content)
    return ModelCard("mine", scale, "onnx", 0, 0, 0, (), ModelFile(file, hashlib.sha256(content).hexdigest()))


def network(*nodes: onnx.NodeProto, constants: dict[str, np.ndarray] | None = None, opset: int = 17) -> onnx.ModelProto:
    """Somebody's graph from `luma` to `planes`, and the shuffle behind it: four planes make x2."""
    weights = {"four": np.full((4, 1, 1, 1), 0.5, np.float32), **(constants or {})}
    graph = helper.make_graph(
        [*nodes, helper.make_node("DepthToSpace", ["planes"], ["sr"], blocksize=2)],
        "theirs",
        [helper.make_tensor_value_info("luma", TensorProto.FLOAT, ["N", 1, "H", "W"])],
        [helper.make_tensor_value_info("sr", TensorProto.FLOAT, ["N", 1, "SH", "SW"])],
        [numpy_helper.from_array(np.asarray(one), name) for name, one in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def precisions_of(graph: TypedGraph) -> dict[str, set[int]]:
    """Kinds of the numbers that each kind of operation gives."""
    inferred = shape_inference.infer_shapes(onnx.load_model_from_string(graph.onnx), strict_mode=True).graph
    kinds = {one.name: one.type.tensor_type.elem_type for one in (*inferred.value_info, *inferred.output)}
    found: dict[str, set[int]] = {}
    for node in inferred.node:
        found.setdefault(node.op_type, set()).update(kinds[name] for name in node.output)
    return found


@pytest.mark.parametrize(("name", "scale"), EVERY)
def test_half_floats_hold_the_picture(shared: Path, name: str, scale: int) -> None:
    card = find_model(name, scale)
    picture = rgb_luma(read_picture(shared / "eval/Set5/butterfly.png"))[60:124, 40:136] / 255
    luma = levels(picture, EIGHT)
    exact = wanted(card, luma, EIGHT)
    made = run_in_halves(typed_graph(card, (96, 64), EIGHT, "fp16"), luma)
    assert np.abs(made - np.rint(exact)).max() <= 1
    assert psnr(made, np.rint(exact), EIGHT) > 56
    assert np.abs(made - exact).mean() < 0.3  # rounding alone is 0.25


@pytest.mark.parametrize(("name", "scale"), EVERY)
def test_ten_bit_lose_no_code_value_on_the_mean(name: str, scale: int) -> None:
    card, luma = find_model(name, scale), levels(sunlit(72, 56), TEN)
    exact = wanted(card, luma, TEN)
    made = run_in_halves(typed_graph(card, (72, 56), TEN, best_precision(card, TEN)), luma)
    assert np.abs(made - exact).mean() < 0.5
    assert np.abs(made - exact).max() < 6


def test_the_best_precision_is_half_floats_where_they_hold_the_picture() -> None:
    card = find_model("esr-tm-k5c2", 2)
    assert [best_precision(card, PixelLayout(bits)) for bits in (8, 10, 12, 16)] == ["fp16", "fp16", "fp32", "fp32"]
    assert best_precision(find_model("fsrcnn-56-12-4", 2), EIGHT) == "fp16"
    assert best_precision(find_model("fsrcnn-56-12-4", 2), TEN) == "fp32"
    assert best_precision(find_model("esr-tr-k7c5", 2), EIGHT) == "fp32"


@settings(max_examples=40, deadline=None)
@given(
    size_wh=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    model=st.sampled_from([one for one in EVERY if one[0] != "esr-tr-k7c5"]),
    bits=st.integers(8, 16),
)
def test_any_size_and_depth_is_the_reference_rounded(
    size_wh: tuple[int, int], model: tuple[str, int], bits: int
) -> None:
    card, layout = find_model(*model), PixelLayout(bits)
    luma = levels(sunlit(64, 64)[: size_wh[1], : size_wh[0]], layout)
    exact = np.rint(wanted(card, luma, layout))
    for precision in {best_precision(card, layout), "fp32"}:
        graph = typed_graph(card, size_wh, layout, precision)
        off = np.abs(run_in_openvino(graph, luma) - exact)
        assert off.shape == (card.scale * size_wh[1], card.scale * size_wh[0])
        assert off.max() <= (1 if bits == 8 or precision == "fp32" else 3)


@pytest.mark.parametrize("bits", [9, 16])
def test_every_sample_of_two_bytes_comes_through(bits: int, tmp_path: Path) -> None:
    """A network that changes nothing but the size: sum of a half and a half."""
    halved = helper.make_node("Conv", ["luma", "four"], ["halves"])
    card = own(network(halved, helper.make_node("Add", ["halves", "halves"], ["planes"])), tmp_path)
    luma = np.arange(1 << bits, dtype=np.uint16).reshape(-1, 64)
    made = run_in_halves(typed_graph(card, luma.shape[::-1], PixelLayout(bits), "fp32"), luma)
    np.testing.assert_array_equal(made, luma.repeat(2, 0).repeat(2, 1))


def test_the_same_card_gives_the_same_bytes_in_any_process() -> None:
    """They are hashed, and the hash is the key of the plan."""
    code = (
        "from rtsr.frame import PixelLayout; from rtsr.models import find_model;"
        "from rtsr.upscalers.typed_onnx import typed_graph;"
        "print(typed_graph(find_model('span-48', 2), (61, 33), PixelLayout(10), 'fp16').sha256)"
    )
    told = [
        subprocess.check_output([sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, text=True).strip()
        for seed in ("1", "2")
    ]
    graph = typed_graph(find_model("span-48", 2), (61, 33), TEN, "fp16")
    assert {*told} == {graph.sha256} == {hashlib.sha256(graph.onnx).hexdigest()}


def test_the_table_of_backends_does_not_load_onnx() -> None:
    code = "import sys, rtsr.upscalers, rtsr.compose; assert 'onnx' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def ports_of(graph: TypedGraph) -> list[tuple[str, object, tuple[int, ...]]]:
    """Parse and build, for cards of compute capability 8.6 and 12.0; what goes in and out."""
    builder = trt.Builder(TRT)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, TRT)
    assert parser.parse(graph.onnx), [parser.get_error(at).desc() for at in range(parser.num_errors)]
    config = builder.create_builder_config()
    config.num_compute_capabilities = 2
    for at, target in enumerate((trt.ComputeCapability.SM86, trt.ComputeCapability.SM120)):
        config.set_compute_capability(target, at)
    assert builder.build_serialized_network(network, config) is not None
    return [(one.name, one.dtype, tuple(one.shape)) for one in (network.get_input(0), network.get_output(0))]


@pytest.mark.parametrize("size_wh", [(960, 540), (61, 33)])
@pytest.mark.parametrize("precision", ["fp16", "fp32"])
@pytest.mark.parametrize("name", ["esr-tm-k7c4", "ecbsr-m4c8", "imdn-light", "span-48"])
def test_tensorrt_builds_it(name: str, precision: Precision, size_wh: tuple[int, int]) -> None:
    width, height = size_wh
    card = find_model(name, 2)
    eight, ten = (ports_of(typed_graph(card, size_wh, layout, precision)) for layout in (EIGHT, TEN))
    kind = trt.DataType.UINT8
    assert eight == [("y", kind, (1, 1, height, width)), ("sr", kind, (1, 1, 2 * height, 2 * width))]
    assert ten == [("y", kind, (1, height, width, 2)), ("sr", kind, (1, 2 * height, 2 * width, 2))]


NETS = {
    "contrast": imdn.IMDN(imdn.Shape("paper", 1, 2, 1, width=16)),
    "spatial": rfdn.RFDN(rfdn.Shape("spatial", 1, 2, width=16, blocks=1)),
    "dense": rrdb.RRDBNet(rrdb.Shape(1, 2, blocks=1, width=8, growth=8)),
}


@pytest.mark.parametrize(
    ("name", "export"),  # torch's older exporter cannot record the padding of the spatial one
    [("contrast", traced), ("contrast", recorded), ("spatial", traced), ("dense", traced), ("dense", recorded)],
)
def test_networks_that_people_bring_are_typed_and_built(name: str, export, tmp_path: Path) -> None:
    torch.manual_seed(0)
    card = own(export(NETS[name].eval()), tmp_path)
    luma = levels(sunlit(56, 40), EIGHT)
    graph = typed_graph(card, (56, 40), EIGHT, "fp16")
    assert (graph.precision, graph.note) == ("fp16", "")
    assert np.abs(run_in_halves(graph, luma) - np.rint(wanted(card, luma, EIGHT))).max() <= 1
    assert ports_of(graph)[1][2] == (1, 1, 80, 112)


def test_statistics_and_the_ending_are_float32(tmp_path: Path) -> None:
    kinds = precisions_of(typed_graph(own(traced(NETS["contrast"].eval()), tmp_path), (56, 40), TEN, "fp16"))
    for exact in ("ReduceMean", "Sub", "Pow", "Sqrt", "Clip", "Round"):
        assert kinds[exact] == {TensorProto.FLOAT}
    for half in ("Conv", "LeakyRelu", "Split", "Concat"):
        assert TensorProto.FLOAT16 in kinds[half]
    assert kinds["Conv"] == {TensorProto.FLOAT16}


@pytest.mark.parametrize("name", ["esr-tm-k5c2", "esr-tm-k7c4", "esr-max-k7c3", "ecbsr-m4c16"])
def test_what_follows_the_last_convolution_is_float32(name: str) -> None:
    kinds = precisions_of(typed_graph(find_model(name, 2), (64, 48), EIGHT, "fp16"))
    assert kinds["Conv"] == {TensorProto.FLOAT16}
    for node in kinds.keys() & {"Sigmoid", "Exp", "Div", "Max", "Add", "Mul"}:
        assert kinds[node] == {TensorProto.FLOAT}, node


def test_an_operator_without_half_floats_is_an_island(tmp_path: Path) -> None:
    card = own(network(
        helper.make_node("Conv", ["luma", "four"], ["rows"]), helper.make_node("Celu", ["rows"], ["bent"]),
        helper.make_node("Conv", ["bent", "square"], ["planes"]),
        constants={"square": np.eye(4, dtype=np.float32)[..., None, None]},
    ), tmp_path)  # fmt: skip
    graph, luma = typed_graph(card, (32, 24), EIGHT, "fp16"), levels(sunlit(32, 24), EIGHT)
    kinds = precisions_of(graph)
    assert kinds["Celu"] == {TensorProto.FLOAT}
    assert kinds["Conv"] == {TensorProto.FLOAT16}
    assert np.abs(run_in_openvino(graph, luma) - np.rint(wanted(card, luma, EIGHT))).max() <= 1


def test_weights_that_half_floats_do_not_hold_stay_float32(tmp_path: Path) -> None:
    card = own(network(
        helper.make_node("Conv", ["luma", "huge"], ["rows"]), helper.make_node("Conv", ["rows", "small"], ["planes"]),
        constants={
            "huge": np.full((4, 1, 1, 1), 1e6, np.float32),
            "small": np.eye(4, dtype=np.float32)[..., None, None] * np.float32(1e-6),
        },
    ), tmp_path)  # fmt: skip
    graph, luma = typed_graph(card, (32, 24), EIGHT, "fp16"), levels(sunlit(32, 24), EIGHT)
    assert precisions_of(graph)["Conv"] == {TensorProto.FLOAT}
    assert np.abs(run_in_halves(graph, luma) - luma.repeat(2, 0).repeat(2, 1)).max() <= 1


def test_a_graph_that_chooses_runs_in_float32_and_it_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    branch = helper.make_graph(
        [helper.make_node("Identity", ["y"], ["chosen"])],
        "branch",
        [],
        [helper.make_tensor_value_info("chosen", TensorProto.FLOAT, None)],
    )
    nodes = (
        helper.make_node("Conv", ["luma", "four"], ["y"]),  # named as our input is
        helper.make_node("If", ["yes"], ["planes"], then_branch=branch, else_branch=branch),
    )
    card = own(network(*nodes, constants={"yes": np.array(True)}), tmp_path)
    luma = levels(sunlit(32, 24), EIGHT)
    with caplog.at_level(logging.WARNING):
        graph = typed_graph(card, (32, 24), EIGHT, "fp16")
    assert graph.precision == "fp32"
    assert graph.note == "mine x2 computes in float32: it has a graph within a node, If"
    assert graph.note in caplog.text
    assert graph.onnx == typed_graph(card, (32, 24), EIGHT, "fp32").onnx
    assert np.abs(run_in_openvino(graph, luma) - np.rint(wanted(card, luma, EIGHT))).max() <= 1


def test_an_older_file_is_read_too(tmp_path: Path) -> None:
    card = own(network(helper.make_node("Conv", ["luma", "four"], ["planes"]), opset=11), tmp_path)
    luma = levels(sunlit(32, 24), TEN)
    graph = typed_graph(card, (32, 24), TEN, "fp16")
    assert np.abs(run_in_halves(graph, luma) - np.rint(wanted(card, luma, TEN))).max() <= 1
    assert ports_of(graph)[1][2] == (1, 48, 64, 2)


@settings(max_examples=5, deadline=None)
@given(sharpness=st.floats(0.05, 1.0))
def test_between_two_forms_run_the_weights_between(sharpness: float) -> None:
    soft, hard = find_model("ecbsr-m10c16", 2), find_model("compact-video-plus", 2)
    card = dataclasses.replace(soft, gan=hard, sharpness=sharpness)
    luma = levels(sunlit(32, 24), EIGHT)
    graph = typed_graph(card, (32, 24), EIGHT, "fp16")
    assert graph.model == card.label
    assert np.abs(run_in_halves(graph, luma) - np.rint(wanted(card, luma, EIGHT))).max() <= 1


def test_wholly_sharp_is_the_other_form_to_the_last_byte() -> None:
    soft, hard = find_model("ecbsr-m10c16", 2), find_model("compact-video-plus", 2)
    card = dataclasses.replace(soft, gan=hard, sharpness=1.0)
    luma = levels(sunlit(32, 24), EIGHT)
    made = [run_in_halves(typed_graph(one, (32, 24), EIGHT, "fp32"), luma) for one in (card, hard)]
    np.testing.assert_array_equal(*made)


@pytest.mark.parametrize("other", ["ecbsr-m4c16", "imdn-light"])
def test_two_forms_of_different_networks_are_refused(other: str) -> None:
    card = dataclasses.replace(find_model("ecbsr-m10c16", 2), gan=find_model(other, 2), sharpness=0.5)
    with pytest.raises(UsageError, match=rf"ecbsr-m10c16 x2 and {other} x2 are not two forms of one network"):
        typed_graph(card, (32, 24), EIGHT, "fp16")


def test_what_is_no_graph_of_its_card_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"no graph")
    file = ModelFile(tmp_path / "no.onnx", hashlib.sha256(b"no graph").hexdigest())
    damaged = ModelCard("mine", 2, "onnx", 0, 0, 0, (), file)
    too_small = own(network(helper.make_node("Conv", ["luma", "four"], ["planes"])), tmp_path, scale=3)
    for card in (damaged, too_small):
        with pytest.raises(BackendError, match=rf"the ONNX file of mine x{card.scale} cannot be made"):
            typed_graph(card, (32, 24), EIGHT, "fp16")
    with pytest.raises(BackendError, match="is no network"):
        typed_graph(find_model("bicubic", 2), (32, 24), EIGHT, "fp16")
