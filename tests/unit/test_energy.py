"""Joules per frame, the idle machine, and the words about both."""

import json
import re
from functools import partial

import pytest

from rtsr.cli import main
from rtsr.config import Bench
from rtsr.errors import BackendError
from rtsr.jobs import bench, energy, idle
from rtsr.jobs.energy import Idle, Power, bill, columns, feet, main_power, with_idle
from rtsr.jobs.idle import IdleWatch, keep_idle, place, read_idle
from rtsr.power.meter import Drawn
from tests.doubles.sensors import Sensor

CPU, GPU = "CPU package, X", "GPU board, Y"
ABOUT_20 = pytest.approx(20.0, rel=0.5)
"""A machine that is busy may stop a process between the energy and the clock."""
TINY = ["bench", "--backend", "bicubic", "--size", "32x24", "--seconds", "0.05"]


@pytest.fixture
def sensors(monkeypatch, tmp_path):
    """A CPU that counts 20 W, and a card that tells 60 W; a cache folder of its own."""
    monkeypatch.setenv("RTSR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(bench, "IdleWatch", partial(IdleWatch, seconds=0.2, settle_s=0.0))
    opened = []

    def open_probes(_card):
        opened[:] = [
            Sensor(lambda _now_s: 20.0, counts=True, rail=CPU),
            Sensor(lambda _now_s: 60.0, part="gpu", rail=GPU),
        ]
        return list(opened)

    monkeypatch.setattr(energy, "open_probes", open_probes)
    return opened


def test_bench_tells_joules_per_frame_of_every_rail(sensors, tmp_path, capsys):
    assert main([*TINY, "--json", str(tmp_path / "rows.json")]) == 0
    (row,) = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert (row["rail"], row["watts"]) == (CPU, ABOUT_20)
    assert row["joules_per_frame"] * row["fps"] == ABOUT_20
    assert [one["rail"] for one in row["powers"]] == [CPU, GPU]
    assert row["powers"][1]["watts"] == pytest.approx(60.0), "a reading that never changes is its own mean"
    printed = capsys.readouterr().out
    assert re.search(r"a: W \| +a: J/frame \| +b: W \| +b: J/frame \|\n", printed)
    assert f"a: {CPU}, by its counter of energy." in printed
    assert f"b: {GPU}, summed up from readings." in printed
    assert "Rails are not added up" in printed
    assert all(sensor.closed for sensor in sensors)


def test_the_idle_machine_is_measured_kept_said_and_subtracted(sensors, capsys):
    assert main([*TINY, "--power-baseline"]) == 0
    first = capsys.readouterr().out
    assert re.search(r"idle \d+\.\d W before and \d+\.\d W after, on \d{4}-\d\d-\d\d", first)
    assert re.search(r"a: W above idle \| +a: J/frame above idle", first)
    assert place().exists()
    (row,) = bench.bench(Bench(backend="bicubic", sizes="32x24", seconds=0.05))
    assert row.powers[0].above_idle(row.powers[0].watts) == pytest.approx(0.0, abs=10.0)
    assert row.powers[0].idle.watts == ABOUT_20


def test_without_a_sensor_there_is_no_idle_power_to_measure(monkeypatch, capsys):
    monkeypatch.setattr(energy, "open_probes", lambda _card: [])
    assert main([*TINY, "--power-baseline"]) == 5
    printed = capsys.readouterr()
    assert "--power-baseline, and no power sensor can be read here (tegra: " in printed.err
    assert printed.out == ""
    assert main(TINY) == 0
    assert "Power: not measured, no sensor can be read here" in capsys.readouterr().out


def test_what_was_measured_at_one_time_only_is_no_idle_power():
    with pytest.raises(BackendError, match="no power sensor"):
        IdleWatch([])
    values = iter([20.0] * 3 + [None] * 50)
    watch = IdleWatch([Sensor(lambda _now_s: next(values), rail=CPU)], seconds=0.1, settle_s=0.0)
    assert watch.finish() == {}


@pytest.mark.parametrize(
    "damage",
    [
        lambda table: "{",
        lambda table: json.dumps(table | {"machine": {}}),
        lambda table: json.dumps(table | {"idle": {CPU: {"before_w": -1.0}}}),
        lambda table: json.dumps(table | {"idle": {CPU: table["idle"][CPU] | {"after_w": 0.0}}}),
        lambda table: json.dumps(table | {"idle": {CPU: table["idle"][CPU] | {"busy": "no"}}}),
        lambda table: json.dumps(table | {"idle": []}),
        lambda table: "[]",
    ],
)
def test_a_damaged_file_is_as_good_as_none(sensors, damage):
    kept = {CPU: Idle(10.0, 11.0, "2026-11-20", 0.01)}
    keep_idle(kept)
    assert read_idle() == kept
    place().write_text(damage(json.loads(place().read_text())))
    assert read_idle() == {}


def test_another_rail_does_not_push_out_what_is_kept(sensors):
    keep_idle({CPU: Idle(10.0, 11.0, "2026-11-20", None)})
    keep_idle({GPU: Idle(30.0, 31.0, "2026-11-21", None)})
    assert set(read_idle()) == {CPU, GPU}


def test_a_folder_that_cannot_be_written_is_said_and_no_error(sensors, tmp_path, caplog):
    (tmp_path / "cache").write_text("a file")
    keep_idle({CPU: Idle(10.0, 11.0, "2026-11-20", None)})
    assert "is not kept" in caplog.text
    assert idle.read_idle() == {}


def power(**more):
    given = {"rail": CPU, "part": "cpu", "watts": 20.0, "joules_per_frame": 0.5, "is_counted": True}
    return Power(**(given | more))


def test_what_is_above_idle_is_subtracted_from_watts_and_joules_alike():
    (one,) = with_idle([power()], {CPU: Idle(4.0, 6.0, "2026-11-20", None)})
    assert one.above_idle(one.watts) == pytest.approx(15.0)
    assert one.above_idle(one.joules_per_frame) == pytest.approx(0.375)
    assert columns([[one]]) == [
        ["W", "J/frame", "W above idle", "J/frame above idle"],
        ["20.0", "0.5", "15.0", "0.375"],
    ]


def test_a_rail_that_failed_in_one_row_is_not_measured_there_and_says_why():
    lost = power(watts=None, joules_per_frame=None, why="it fell off")
    assert columns([[power()], [lost]])[2] == ["not measured", "-"]
    assert feet([[power()], [lost]]) == [f"{CPU}, by its counter of energy; not measured where it fell off."]
    assert columns([[lost]]) == [["W"], ["not measured"]]


def test_an_idle_power_that_is_doubtful_says_so():
    words = energy.idle_words(Idle(10.0, 14.0, "2026-11-20", 0.4))
    assert "33% apart" in words
    assert "40% busy" in words


def test_one_number_is_of_what_made_the_frames():
    rows = [power(), power(rail=GPU, part="gpu")]
    assert main_power(rows, on_gpu=True).rail == GPU
    assert main_power(rows, on_gpu=False).rail == CPU
    assert main_power([power(watts=None)], on_gpu=False) is None


def test_the_bill_of_a_run_adds_nothing_up():
    drawn = [
        Drawn(CPU, "cpu", 10.0, 200.0, is_counted=True),
        Drawn(GPU, "gpu", 10.0, None, is_counted=True, why="its driver says: no"),
        Drawn("battery BAT0", "machine", 10.0, 7200.0, is_counted=False),
    ]
    assert bill(drawn, 100) == [
        "energy: 2 Wh of battery BAT0, 72 J a frame, 720.0 W, its idle share included",
        f"  of which 200 J of {CPU}, 2 J a frame, 20.0 W, its idle share included",
        f"  of which not measured ({GPU}: its driver says: no)",
    ]
    assert bill([], 100) == []


def test_an_encode_ends_with_its_energy(sensors, tmp_path, capsys):
    out = tmp_path / "out.mkv"
    command = ["encode", "pattern:32x24?seconds=1", str(out), "--model", "bicubic", "--progress"]
    assert main([*command, "auto"]) == 0
    printed = capsys.readouterr().err
    assert f" of {CPU}, " in printed
    assert re.search(r"J a frame, \d+\.\d W, its idle share included", printed)
    assert all(sensor.closed for sensor in sensors)
    assert main([*command, "none", "-y"]) == 0
    assert "energy" not in capsys.readouterr().err
