"""What the self-check finds, and that its short way gives the reference's whole picture."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.errors import BackendError
from rtsr.frame import YUV420P, PixelLayout, Plane
from rtsr.models import MODELS, find_model
from rtsr.nets import imdn
from rtsr.upscalers import openvino, selfcheck
from rtsr.upscalers.openvino import open_reference

CARD = find_model("esr-tr-k5c2", 2)


def whole(name: str, scale: int, size_wh: tuple[int, int], layout: PixelLayout) -> np.ndarray:
    luma = selfcheck.test_picture(size_wh, layout).astype(np.float32) / np.float32(layout.peak)
    return np.clip(open_reference(find_model(name, scale))(luma), 0, 1) * np.float32(layout.peak)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "bicubic"])
def test_a_picture_put_together_is_the_whole_one(name: str) -> None:
    size_wh, card = (311, 223), find_model(name, 2)
    made = selfcheck.expected(card, size_wh, YUV420P)
    np.testing.assert_allclose(made, whole(name, 2, size_wh, YUV420P), atol=0.02)


@settings(max_examples=20, deadline=None)
@given(
    size_wh=st.tuples(st.integers(1, 260), st.integers(1, 260)),
    scale=st.sampled_from([2, 3, 4]),
    bits=st.sampled_from([8, 10]),
)
def test_that_holds_at_every_size(size_wh: tuple[int, int], scale: int, bits: int) -> None:
    layout = PixelLayout(bits)
    made = selfcheck.expected(find_model("ecbsr-m4c8", scale), size_wh, layout)
    np.testing.assert_allclose(made, whole("ecbsr-m4c8", scale, size_wh, layout), atol=0.0001 * layout.peak)


def test_the_reference_s_work_does_not_grow_with_the_picture() -> None:
    for side in (1080, 2160, 4321):
        short = selfcheck.shortened(side, 36)
        assert (side - short) % selfcheck.PERIOD_PX == 0
        assert short < 2 * 36 + 2 * selfcheck.PERIOD_PX


def test_a_network_that_looks_at_the_whole_picture_differs_by_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """IMDN as in the paper; random weights, for none is shipped."""
    torch.manual_seed(1)
    net = imdn.IMDN(imdn.Shape("paper", 1, 2, 6)).eval()

    def run(luma: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return net(torch.from_numpy(luma)[None, None])[0, 0].numpy()

    monkeypatch.setattr(selfcheck, "_reference", lambda _card: run)
    size_wh = (240, 200)
    made = selfcheck.expected(find_model("imdn-light", 2), size_wh, YUV420P)
    exact = np.clip(run(selfcheck.test_picture(size_wh, YUV420P).astype(np.float32) / 255), 0, 1) * 255
    assert np.abs(made - exact).mean() < 0.01  # of the 1 that is allowed


class Spoiled:
    """A real engine, of whose results something is changed."""

    def __init__(self, spoil: Callable[[Plane], Plane], size_wh: tuple[int, int], layout: PixelLayout) -> None:
        self._engine = openvino.open_engine(CARD, size_wh, 0, layout)
        self._spoil, self.slots, self.begun = spoil, 3, 0

    def begin(self, y: Plane) -> Callable[[], Plane]:
        self.begun += 1
        made = self._spoil(self._engine.run(y))
        return lambda: made

    def run(self, y: Plane) -> Plane:
        return self.begin(y)()

    def close(self) -> None:
        self._engine.close()


def checked(spoil: Callable[[Plane], Plane], layout: PixelLayout = YUV420P) -> selfcheck.Verdict:
    size_wh = (201, 150)
    engine = Spoiled(spoil, size_wh, layout)
    verdict = selfcheck.check(engine, CARD, size_wh, layout)
    assert engine.begun == engine.slots
    return verdict


@pytest.mark.parametrize("bits", [8, 10, 16])
def test_a_right_picture_passes(bits: int) -> None:
    assert checked(lambda made: made, PixelLayout(bits)).is_good


def _black_tile(made: Plane) -> Plane:
    made = made.copy()
    made[100:190, 200:290] = 0
    return made


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: made * 0,
        lambda made: np.full_like(made, 255),
        lambda made: 255 - made,
        lambda made: np.roll(made, 2, 1),
        lambda made: np.clip(made, 40, 200),
        _black_tile,
    ],
    ids=["black", "white", "inverted", "moved", "flat", "black in one place"],
)
def test_a_wrong_picture_does_not(spoil: Callable[[Plane], Plane]) -> None:
    verdict = checked(spoil)
    assert not verdict.is_good
    assert "/255 from the CPU's picture" in str(verdict)


def test_one_set_that_is_wrong_is_enough() -> None:
    turn = iter((1, 1, 0))
    assert not checked(lambda made: made * next(turn)).is_good


def test_a_result_of_another_size_is_a_sentence() -> None:
    with pytest.raises(BackendError, match="the engine makes"):
        checked(lambda made: made[:-2])


def test_the_picture_has_all_levels_from_black_to_peak() -> None:
    for bits in (8, 10, 16):
        layout = PixelLayout(bits)
        picture = selfcheck.test_picture((200, 100), layout)
        assert picture.dtype == layout.dtype
        assert picture.min() <= 0.05 * layout.peak
        assert picture.max() >= 0.95 * layout.peak
