"""Sensors that lie, and sensors that only look as if they did."""

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsr.errors import BackendError
from rtsr.jobs.doctor import examine
from rtsr.power import PROBES
from rtsr.power.load import CpuLoad
from rtsr.power.trial import try_probe
from rtsr.power.truth import MOST_W, Stillness, Truthful
from tests.doubles.power_trees import write
from tests.doubles.sensors import Sensor


@pytest.mark.parametrize("watts", [0.0, -3.0, 12_000.0, math.inf, math.nan])
def test_what_cannot_be_true_is_not_measured(watts):
    probe = Truthful(Sensor(lambda _now_s: watts))
    assert probe.read_w() is None
    assert "cannot be true" in probe.why


@given(watts=st.floats(allow_nan=True), part=st.sampled_from(sorted(MOST_W)))
def test_every_reading_that_is_told_is_possible(watts, part):
    probe = Truthful(Sensor(lambda _now_s: watts, part=part))
    told = probe.read_w()
    assert (told is None) == bool(probe.why)
    assert told is None or 0 < told <= MOST_W[part]


def test_a_sensor_that_recovers_is_believed_again():
    values = iter([5.0, None, 6.0])
    probe = Truthful(Sensor(lambda _now_s: next(values)))
    assert [probe.read_w(), probe.read_w(), probe.why, probe.read_w()] == [5.0, None, "it fell off", 6.0]


def stuck_after_s(patience_s, readings):
    """When a series of (seconds, watts, load) is found to be stuck; None: never."""
    stillness = Stillness(patience_s)
    return next((at_s for at_s, watts, load in readings if stillness.is_stuck(watts, load, at_s)), None)


def test_the_same_number_at_rest_and_at_work_is_stuck():
    assert stuck_after_s(3.0, [(second, 5.0, 0.05 if second < 4 else 0.9) for second in range(10)]) == 4


def test_the_same_number_while_nothing_happens_may_be_true():
    assert stuck_after_s(3.0, [(second, 5.0, 0.05) for second in range(1000)]) is None
    assert stuck_after_s(3.0, [(second, 5.0, None) for second in range(1000)]) is None


def test_the_gauge_of_a_battery_has_its_time():
    readings = [(second, 11.0 + second // 60, second % 2) for second in range(1000)]
    assert stuck_after_s(180.0, readings) is None
    assert stuck_after_s(3.0, readings) == 3


@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 1)), min_size=2, max_size=60))
def test_a_reading_that_moves_is_never_stuck(steps):
    readings, at_s = [], 0.0
    for number, (passed_s, load) in enumerate(steps):
        at_s += passed_s
        readings.append((at_s, 5.0 + number % 2, load))
    assert stuck_after_s(0.0, readings) is None


def test_a_counter_that_jumps_is_not_believed_any_more(monkeypatch):
    now = SimpleNamespace(s=0.0)
    monkeypatch.setattr("rtsr.power.truth.time", SimpleNamespace(monotonic=lambda: now.s))
    power = SimpleNamespace(w=50.0)
    probe = Truthful(Sensor(lambda _now_s: power.w, counts=True, now=lambda: now.s))
    now.s = 10.0
    assert probe.spent_j() == 500.0
    power.w, now.s = 1e7, 11.0  # a counter that was set back by a sleep of the machine, and taken for one full round
    assert probe.spent_j() is None
    power.w, now.s = 50.0, 12.0
    assert probe.spent_j() is None
    assert "J in" in probe.why


def test_load_of_the_cpu(tmp_path):
    write(tmp_path, {"stat": "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3 4"})
    load = CpuLoad(tmp_path)
    assert load.busy() is None, "nothing has passed"
    write(tmp_path, {"stat": "cpu  160 0 120 810 10 0 0 0 0 0\ncpu0 1 2 3 4"})
    assert load.busy() == pytest.approx(0.8)
    (tmp_path / "stat").unlink()
    assert load.busy() is None


def test_the_doctor_finds_a_sensor_that_does_not_follow_the_load():
    with pytest.raises(BackendError, match="CPU package, X: it says 5 W at rest and at work"):
        try_probe(Sensor(lambda _now_s: 5.0))


def test_the_doctor_tells_rest_and_work():
    begin_s = []

    def power_w(now_s):
        begin_s.append(now_s)
        return 5.0 if now_s - begin_s[0] < 0.3 else 20.0

    trial = try_probe(Sensor(power_w))
    assert 5.0 <= trial.watts < trial.loaded_w
    assert "W now" in str(trial)
    assert "with a core busy" in str(trial)


def test_the_doctor_does_not_work_for_a_card_or_a_battery():
    assert str(try_probe(Sensor(lambda _now_s: 30.0, part="gpu"))) == "30.0 W now"


def test_the_doctor_lists_every_sensor_with_its_reason(monkeypatch):
    def missing(_card):
        raise BackendError("none here", mend="buy one")

    for name in PROBES:
        monkeypatch.setitem(PROBES, name, missing)
    monkeypatch.setitem(PROBES, "rapl", lambda _card: Sensor(lambda _now_s: 20.0, counts=True))
    monkeypatch.setitem(PROBES, "tegra", lambda _card: Sensor(lambda _now_s: 5.0, part="module", rail="module input Z"))
    findings = {one.name: one for one in examine("Power sensors")["Power sensors"]}
    assert {name: one.mark for name, one in findings.items()} == dict.fromkeys(PROBES, "--") | {
        "rapl": "ok",
        "tegra": "!!",
    }
    assert findings["rapl"].words.startswith("CPU package, X, ")
    assert findings["tegra"].words == "module input Z: it says 5 W at rest and at work, which cannot be true"
    assert (findings["nvml"].words, findings["nvml"].mend) == ("none here", "buy one")
