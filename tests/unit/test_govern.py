"""The ladder for a source on this machine: what lies on it, in which order, and what is refused."""

import itertools
from contextlib import closing
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsr.config import View
from rtsr.errors import BackendError, UsageError
from rtsr.jobs.govern import below, governing
from rtsr.jobs.ladder import Rung
from rtsr.upscalers.governor import GovernedUpscaler
from tests.conftest import make_frame, make_info
from tests.unit.test_governor import Show

NETWORKS = st.lists(
    st.builds(
        Rung,
        model=st.integers(0, 10**9).map(str),
        content=st.sampled_from(["clean", "video"]),
        gain_db=st.floats(-1, 4),
        ms=st.floats(0.1, 100),
    ),
    min_size=1,
    max_size=30,
)


@given(networks=NETWORKS, contents=st.sampled_from([("clean",), ("video", "clean"), ("video",)]), data=st.data())
def test_each_network_is_a_quarter_cheaper_and_none_better_is_passed_over(
    networks: list[Rung], contents: tuple[str, ...], data: st.DataObject
) -> None:
    mine = [one for one in networks if one.content in contents]
    if not mine:
        return
    top = data.draw(st.sampled_from(mine))
    ladder = below(networks, top, contents)
    assert ladder[0] == top
    for above, rung in itertools.pairwise(ladder):
        assert rung.ms <= 0.75 * above.ms
        assert rung.gain_db > 0
        assert contents.index(rung.content) >= contents.index(above.content)
        rivals = [one for one in networks if one.content == rung.content and one.ms <= 0.75 * above.ms]
        assert rung.gain_db == max(one.gain_db for one in rivals)


def governed(options: View, size: tuple[int, int] = (96, 64), *, live: bool = True) -> GovernedUpscaler:
    info = replace(make_info(*size, live=live), rate_fps=Fraction(25))
    made = governing(options, Show())(options, info)
    assert isinstance(made, GovernedUpscaler)
    return made


def test_a_named_network_shares_its_ladder_with_no_other() -> None:
    options = View(source="test", governor=True, model="esr-tr-k7c5", backend="openvino", region="48x32+16+16")
    with closing(governed(options)) as upscaler:
        titles = [rung.title for rung in upscaler._rungs]
        assert titles == ["esr-tr-k7c5", "esr-tr-k7c5 on 48x32+16+16", "bicubic"]
        frame = make_frame(96, 64)
        for rung in upscaler._rungs:
            with closing(rung.open(None)) as opened:
                assert opened.size_wh == (192, 128)
                assert opened.upscale(frame).y.shape == (128, 192)
        assert upscaler.badge.model == "esr-tr-k7c5"
        assert upscaler._rungs[1].cost_ms < upscaler._rungs[0].cost_ms * 1.0 + upscaler._rungs[2].cost_ms


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"backend": "bicubic"}, "bicubic leaves a governor nothing"),
        ({"model": "bicubic"}, "bicubic leaves a governor nothing"),
        ({"target_fps": 0.0}, "--target-fps 0"),
        ({"max_watts": -3.0}, "--max-watts -3"),
    ],
)
def test_nonsense_is_refused_before_anything_is_opened(given: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        governing(View(source="test", governor=True, **given), Show())


def test_a_latency_limit_on_a_file_and_a_single_rung_are_refused() -> None:
    with pytest.raises(UsageError, match="--max-latency is of live sources"):
        governed(View(source="test", governor=True, max_latency=50.0), live=False)
    with pytest.raises(UsageError, match="--require openvino leaves the governor one rung"):
        governed(View(source="test", governor=True, model="esr-tm-k5c2", require="openvino"))


class Sensor:
    """One that sees a part of the machine."""

    def __init__(self, part: str) -> None:
        self.part = self.rail = part
        self.why, self.closed = "", False

    def read_w(self) -> float | None:
        return 7.25

    def spent_j(self) -> float | None:
        return None

    def busy(self) -> float | None:
        return None

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("parts", "taken"),
    [(["cpu", "gpu", "machine"], "cpu"), (["module", "cpu"], "module"), (["gpu", "machine"], "machine")],
)
def test_watts_are_watched_where_the_picture_is_made(
    parts: list[str], taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensors = [Sensor(part) for part in parts]
    monkeypatch.setattr("rtsr.jobs.govern.open_sensors", lambda _device: sensors)
    options = View(source="test", governor=True, model="esr-tm-k5c2", backend="openvino", max_watts=9.0)
    with closing(governed(options)) as upscaler:
        upscaler.upscale(make_frame(96, 64))
        assert f"7.2 of 9 W ({taken})" in upscaler.words
        assert [one.rail for one in sensors if not one.closed] == [taken]
    assert all(one.closed for one in sensors)


@pytest.mark.parametrize("parts", [[], ["gpu"]])
def test_watts_that_nothing_measures_are_refused(parts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    sensors = [Sensor(part) for part in parts]
    monkeypatch.setattr("rtsr.jobs.govern.open_sensors", lambda _device: sensors)
    with pytest.raises(BackendError, match="--max-watts 9, and no sensor can be read here that sees the CPU"):
        governed(View(source="test", governor=True, model="esr-tm-k5c2", backend="openvino", max_watts=9.0))
    assert all(one.closed for one in sensors)
