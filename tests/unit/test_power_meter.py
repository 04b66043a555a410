"""Energy over a span: what was drawn comes out, whether or not the hardware counts it."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsr.power.meter import Drawn, Span, total
from rtsr.power.panel import NO_SENSOR, Panel
from tests.doubles.sensors import Sensor


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(s=100.0)
    monkeypatch.setattr("rtsr.power.meter.time", SimpleNamespace(monotonic=lambda: now.s))
    return now


def sensor(clock, power_w, **more):
    return Sensor(power_w, now=lambda: clock.s, **more)


@given(watts=st.floats(0.5, 500), steps=st.lists(st.floats(0.001, 3600), min_size=1, max_size=30))
def test_a_counter_is_exact_however_seldom_it_is_read(watts, steps):
    now = SimpleNamespace(s=100.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rtsr.power.meter.time", SimpleNamespace(monotonic=lambda: now.s))
        span = Span([sensor(now, lambda _now_s: watts, counts=True)])
        for step_s in steps:
            now.s += step_s
            span.tick()
        (drawn,) = span.end()
    assert drawn.is_counted
    assert drawn.seconds == pytest.approx(sum(steps))
    assert drawn.joules == pytest.approx(watts * sum(steps))
    assert total([drawn]).watts == pytest.approx(watts)


@given(st.lists(st.floats(0.06, 1.9), min_size=1, max_size=40), st.floats(1, 50), st.floats(-1, 1))
def test_readings_are_summed_up_exactly_where_power_changes_evenly(steps, watts, slope):
    now = SimpleNamespace(s=0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rtsr.power.meter.time", SimpleNamespace(monotonic=lambda: now.s))
        span = Span([sensor(now, lambda now_s: 100 + watts + slope * now_s)])
        for step_s in steps:
            now.s += step_s
            span.tick()
        (drawn,) = span.end()
    assert not drawn.is_counted
    assert drawn.joules == pytest.approx((100 + watts) * now.s + slope * now.s**2 / 2)


def test_what_was_read_too_seldom_is_not_guessed(clock):
    span = Span([sensor(clock, lambda _now_s: 5.0)])
    clock.s += 7.0
    (drawn,) = span.end()
    assert (drawn.joules, drawn.watts, drawn.why) == (None, None, "it was read only after 7.0 s")


@pytest.mark.parametrize("counts", [False, True])
def test_a_sensor_that_falls_off_measures_nothing_at_all(clock, counts):
    span = Span([sensor(clock, lambda now_s: 5.0 if now_s < 101 else None, counts=counts)])
    for _ in range(30):
        clock.s += 0.1
        span.tick()
    (drawn,) = span.end()
    assert (drawn.joules, drawn.why) == (None, "it fell off")


def test_spans_of_one_sensor_are_one_and_nothing_is_no_zero():
    one = Drawn("X", "cpu", 2.0, 10.0, is_counted=True)
    assert total([one, Drawn("X", "cpu", 3.0, 0.0, is_counted=True)]).watts == pytest.approx(2.0)
    lost = Drawn("X", "cpu", 3.0, None, is_counted=True, why="it fell off")
    assert (total([one, lost]).joules, total([one, lost]).why) == (None, "it fell off")
    nothing = total([Drawn("X", "cpu", 2.0, 0.0, is_counted=True)])
    assert (nothing.watts, nothing.why) == (None, "it says 0 J for 2 s")


def test_the_screen_names_every_number_and_adds_nothing(clock):
    cpu = sensor(clock, lambda _now_s: 8.0)
    gpu = sensor(clock, lambda _now_s: 60.0, part="gpu", rail="GPU board, Y")
    panel = Panel([cpu, gpu])
    assert panel.lines(None) == ("power 8.0 W (CPU package, X)", "power 60.0 W (GPU board, Y)")
    assert panel.lines(30.0)[1] == "power 60.0 W, 2 J a frame (GPU board, Y)"
    panel.close()
    panel.close()
    assert cpu.closed == gpu.closed == 2


def test_the_screen_says_what_is_within_what(clock):
    battery = sensor(clock, lambda now_s: 20.0 if now_s < 101 else None, part="machine", rail="battery BAT0")
    panel = Panel([sensor(clock, lambda _now_s: 8.0), battery])
    assert panel.lines(None) == ("power 20.0 W (battery BAT0)", "of which 8.0 W (CPU package, X)")
    clock.s += 5
    assert panel.lines(None)[0] == "power not measured (battery BAT0: it fell off)"


def test_the_screen_without_a_sensor():
    assert Panel([]).lines(30.0) == (NO_SENSOR,)
