"""The packed graph computes what the network computes."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from rtsr.frame import PixelLayout
from rtsr.jobs.evaluate import read_picture
from rtsr.metrics import luma as rgb_luma
from rtsr.models import MODELS, find_model
from rtsr.upscalers import openvino, openvino_columns

NETWORKS = [name for name in MODELS if name != "bicubic"]


EVERY = [(name, scale) for name in NETWORKS for scale in MODELS[name]]


@pytest.mark.parametrize(("name", "scale"), EVERY)
def test_bytes_through_the_engine_equal_the_rounded_reference(
    monkeypatch: pytest.MonkeyPatch, name: str, scale: int
) -> None:
    monkeypatch.setattr(openvino, "_fast_precision", lambda: openvino.EXACT)
    card = find_model(name, scale)
    luma = np.random.default_rng(1).integers(0, 256, (21, 37), np.uint8)
    with closing(openvino.open_engine(card, (37, 21), 0)) as engine:
        made = engine.run(luma)
    exact = openvino.open_reference(card)(luma.astype(np.float32) / 255) * 255
    off = np.abs(made - np.rint(np.clip(exact, 0, 255)))
    assert off.max() <= 1  # a value on the border between two levels may fall to either side
    assert (off > 0).mean() < 0.002
    assert np.abs(made - np.clip(exact, 0, 255)).max() < 0.51


@pytest.mark.parametrize(("name", "scale"), EVERY)
def test_the_precision_that_is_chosen_holds_the_picture(shared: Path, name: str, scale: int) -> None:
    card = find_model(name, scale)
    luma = np.rint(rgb_luma(read_picture(shared / "eval/Set5/butterfly.png")[:64, :64])).astype(np.uint8)
    with closing(openvino.open_engine(card, (64, 64), 0)) as engine:
        made = engine.run(luma)
    exact = np.clip(openvino.open_reference(card)(luma.astype(np.float32) / 255) * 255, 0, 255)
    assert np.abs(made - exact).mean() < 0.4  # rounding alone is 0.25
    assert np.abs(made - exact).max() < 3
    for level in (16, 128, 235):
        with closing(openvino.open_engine(card, (16, 16), 0)) as engine:
            assert np.abs(engine.run(np.full((16, 16), level, np.uint8)).astype(int) - level).max() <= 1


@pytest.mark.parametrize("name", [name for name in NETWORKS if find_model(name, 2).net == "esr"])
def test_networks_of_one_layer_take_the_packed_graph(name: str) -> None:
    card = find_model(name, 2)
    assert card.onnx is not None
    model = openvino._read(card.onnx.path)
    assert openvino_columns.pack_columns(model, (64, 48), 2) is not None


def test_a_network_of_another_kind_takes_the_plain_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    card = find_model("esr-tm-k5c2", 2)
    luma = np.random.default_rng(1).integers(0, 256, (21, 37), np.uint8)
    with closing(openvino.open_engine(card, (37, 21), 0)) as engine:
        packed = engine.run(luma)
    monkeypatch.setattr(openvino, "pack_columns", lambda *_: None)
    monkeypatch.setattr(openvino, "_fast_precision", lambda: openvino.EXACT)
    with closing(openvino.open_engine(card, (37, 21), 0)) as engine:
        plain = engine.run(luma)
    assert np.abs(packed.astype(int) - plain).max() <= 1
    assert (packed != plain).mean() < 0.002


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_unpacking_puts_every_byte_in_its_place(scale: int) -> None:
    height, groups, columns = 3, 5, openvino_columns.COLUMNS
    picture = np.arange(height * scale * groups * columns * scale, dtype=np.uint64).astype(np.uint8)
    picture = picture.reshape(height * scale, groups * columns * scale)
    packed = picture.reshape(height, scale, groups, columns * scale).transpose(0, 2, 1, 3)
    made = np.ascontiguousarray(packed).reshape(1, height, groups, scale * columns * scale)
    np.testing.assert_array_equal(openvino_columns.unpack_columns(made, scale), picture)


def test_a_closed_engine_says_so() -> None:
    engine = openvino.open_engine(find_model("esr-tm-k5c2", 2), (8, 8), 1)
    engine.close()
    engine.close()
    with pytest.raises(ValueError, match="closed"):
        engine.run(np.zeros((8, 8), np.uint8))


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("name", ["esr-tr-k5c2", "esr-tm-k7c4", "ecbsr-m4c8", "espcn-d16s32", "fsrcnn-56-12-4"])
def test_deeper_samples_are_rounded_once(name: str, bits: int) -> None:
    """Half a code value of rounding and no more: every network runs in float32 above 8 bit."""
    card, layout = find_model(name, 2), PixelLayout(bits)
    unit = 1 << (bits - 8)
    luma = np.random.default_rng(1).integers(16 * unit, 236 * unit, (21, 37), np.uint16)
    luma[:, :9] = 16 * unit
    with closing(openvino.open_engine(card, (37, 21), 0, layout)) as engine:
        made = engine.run(luma)
        assert engine.precision == openvino.EXACT
    exact = openvino.open_reference(card)(luma.astype(np.float32) / layout.peak) * layout.peak
    assert made.dtype == np.uint16
    assert np.abs(made - np.clip(exact, 0, layout.peak)).max() < 0.51 + 0.01 * unit


def test_ten_bits_of_an_8_bit_picture_are_the_same_picture() -> None:
    card = find_model("esr-tr-k5c2", 2)
    luma = np.random.default_rng(2).integers(16, 236, (24, 32), np.uint8)
    with closing(openvino.open_engine(card, (32, 24), 0)) as engine:
        plain = engine.run(luma)
    with closing(openvino.open_engine(card, (32, 24), 0, PixelLayout(10))) as engine:
        deep = engine.run(luma.astype(np.uint16) * 4)
    inside = (plain > 0) & (plain < 255)
    assert np.abs(deep / 4 - plain)[inside].max() <= 1
