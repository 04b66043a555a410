"""The JSON of a day: what it adds up, how it survives restarts, power cuts and full disks."""

import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsr.jobs.vitals import Vitals
from rtsr.kiosk.report import Day, Reporter, as_json, fps_percentile, from_json, pages
from rtsr.kiosk.sensing import Sensed

TODAY = date(2026, 11, 20)
NOTHING = Sensed()


def playing(presented: int, outages: int = 0) -> Vitals:
    return Vitals(state="playing", progress=((presented, 0),), dropped=presented // 10, outages=outages)


def read(folder: Path, day: date = TODAY) -> dict[str, object]:
    return dict(json.loads((folder / f"{day}.json").read_text()))


def test_a_day_adds_up_frames_rates_outages_watts_and_degrees(tmp_path: Path) -> None:
    reporter = Reporter(tmp_path, 5, TODAY)
    shown = 0
    for second in range(100):
        shown += 30 if second < 90 else 10
        sensed = Sensed(power_w=10.0 + second % 2, spent_j=10.5, rail="VDD_IN", heat_c=50.0 + second / 10, place="CPU")
        reporter.look(TODAY, 1.0, playing(shown), sensed)
    for _ in range(20):
        reporter.look(TODAY, 1.0, Vitals(state="waiting", progress=((shown, 0),), dropped=280, outages=1), NOTHING)
    reporter.save()
    page = read(tmp_path)
    assert page["frames"] == {"shown": shown, "dropped": 280}
    assert page["fps"] == {"p1": 10, "p5": 10, "p50": 30, "p95": 30}
    assert page["outages"] == {"count": 1, "longest_s": 20.0}
    assert page["seconds"] == {"playing": 100.0, "waiting": 20.0}
    assert page["power"] == {
        "rail": "VDD_IN", "mean_w": 10.5, "most_w": 11.0, "energy_wh": round(1050 / 3600, 4), "measured_s": 100.0,
    }  # fmt: skip
    assert page["temperature"] == {"place": "CPU", "mean_c": 54.95, "most_c": 59.9, "measured_s": 100.0}
    assert page["starts"] == 1


def test_what_is_not_measured_is_null_and_not_0(tmp_path: Path) -> None:
    reporter = Reporter(tmp_path, 5, TODAY)
    reporter.look(TODAY, 1.0, playing(30), NOTHING)
    reporter.save()
    assert read(tmp_path)["power"] is None
    assert read(tmp_path)["temperature"] is None


def test_a_restart_goes_on_with_the_day(tmp_path: Path) -> None:
    for _ in range(3):
        reporter = Reporter(tmp_path, 5, TODAY)
        reporter.look(TODAY, 1.0, playing(25), NOTHING)
        reporter.look(TODAY, 1.0, playing(50), Sensed(power_w=5.0, spent_j=5.0, rail="r"))
        reporter.save()
    page = read(tmp_path)
    assert page["starts"] == 3
    assert page["frames"] == {"shown": 150, "dropped": 15}
    assert page["fps_seconds"] == {"25": 3}


def test_midnight_begins_a_new_page_and_the_oldest_ones_go(tmp_path: Path) -> None:
    reporter = Reporter(tmp_path, 3, TODAY)
    for day in range(6):
        reporter.look(TODAY + timedelta(days=day), 1.0, playing(30 * (day + 1)), NOTHING)
    reporter.save()
    assert [page.stem for page in pages(tmp_path)] == [str(TODAY + timedelta(days=day)) for day in (3, 4, 5)]
    assert read(tmp_path, TODAY + timedelta(days=5))["frames"] == {"shown": 30, "dropped": 3}


def test_a_page_is_written_every_few_minutes_and_never_half(tmp_path: Path) -> None:
    reporter = Reporter(tmp_path, 3, TODAY)
    for second in range(301):
        reporter.look(TODAY, 1.0, playing(second), NOTHING)
    assert read(tmp_path)["starts"] == 1, "a power cut costs minutes, not the day"
    assert [path.name for path in tmp_path.iterdir()] == [f"{TODAY}.json"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"starts": 1}', "\x00" * 300])
def test_a_damaged_page_begins_anew_and_the_log_says_so(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / f"{TODAY}.json").write_text(damage)
    Reporter(tmp_path, 3, TODAY).save()
    assert "damaged" in caplog.text
    assert read(tmp_path)["starts"] == 1


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    reporter = Reporter(blocked / "reports", 3, TODAY)
    for _ in range(3):
        reporter.save()
    assert caplog.text.count("no report can be written") == 1


def test_days_of_0_write_nothing(tmp_path: Path) -> None:
    Reporter(tmp_path / "reports", 0, TODAY).save()
    assert not list(tmp_path.iterdir())


@given(st.lists(st.integers(0, 120), min_size=1, max_size=300), st.integers(1, 99))
def test_percentiles_are_those_of_the_seconds(rates: list[int], percent: int) -> None:
    told = fps_percentile(Counter(rates), percent)
    assert told == np.percentile(rates, percent, method="inverted_cdf") or told == np.percentile(
        rates, percent, method="higher"
    )


@given(
    st.builds(
        Day,
        starts=st.integers(0, 99),
        shown=st.integers(0, 10**9),
        fps_seconds=st.dictionaries(st.integers(0, 240), st.integers(1, 86400)).map(Counter),
        energy_j=st.floats(0, 1e6),
        power_s=st.floats(1, 86400),
        rail=st.text(max_size=20),
    )
)
def test_a_page_reads_back_as_it_was(day: Day) -> None:
    page = as_json(TODAY, day)
    assert as_json(TODAY, from_json(json.loads(json.dumps(page)))) == page | {
        "power": as_json(TODAY, from_json(page))["power"]
    }
    assert from_json(page).energy_j == pytest.approx(day.energy_j, abs=0.2)
