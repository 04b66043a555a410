"""Temperatures and the plug, on trees laid out as the kernel lays them out on real machines."""

from pathlib import Path

import pytest

from rtsr.errors import BackendError
from rtsr.power.mains import on_battery
from rtsr.power.thermal import open_thermometer


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, words in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{words}\n")
    return root


def zones(**kinds: int) -> dict[str, str]:
    files = {}
    for number, (kind, milli_c) in enumerate(kinds.items()):
        place = f"class/thermal/thermal_zone{number}"
        files |= {f"{place}/type": kind.replace("_", "-"), f"{place}/temp": str(milli_c)}
    return files


ORIN = zones(cpu_thermal=48_093, gpu_thermal=45_562, cv0_thermal=-256_000, soc0_thermal=46_000, tj_thermal=48_593)
LAPTOP = {
    "class/thermal/thermal_zone0/type": "acpitz",
    "class/thermal/thermal_zone0/temp": "99000",
    "class/thermal/thermal_zone1/type": "iwlwifi_1",
    "class/thermal/thermal_zone1/temp": "90000",
    "class/thermal/thermal_zone2/type": "x86_pkg_temp",
    "class/thermal/thermal_zone2/temp": "61000",
    "class/hwmon/hwmon0/name": "nvme",
    "class/hwmon/hwmon0/temp1_input": "80000",
    "class/hwmon/hwmon1/name": "coretemp",
    "class/hwmon/hwmon1/temp1_input": "62000",
    "class/hwmon/hwmon1/temp1_label": "Package id 0",
    "class/hwmon/hwmon1/temp2_input": "59000",
}
AMD = {
    "class/hwmon/hwmon0/name": "k10temp",
    "class/hwmon/hwmon0/temp1_input": "55375",
    "class/hwmon/hwmon0/temp1_label": "Tctl",
}


@pytest.mark.parametrize(
    ("files", "heat_c", "place"),
    [(ORIN, 48.593, "tj-thermal"), (LAPTOP, 62.0, "coretemp Package id 0"), (AMD, 55.375, "k10temp Tctl")],
)
def test_the_hottest_part_that_works_is_told_by_name(
    files: dict[str, str], heat_c: float, place: str, tmp_path: Path
) -> None:
    thermometer = open_thermometer(tree(tmp_path, files))
    assert thermometer.read_c() == pytest.approx(heat_c)
    assert thermometer.place == place
    thermometer.close()
    thermometer.close()


@pytest.mark.parametrize("files", [{}, zones(battery=30_000, iwlwifi=40_000), zones(cpu_thermal=0, gpu=255_000)])
def test_a_machine_without_one_says_so(files: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="no temperature"):
        open_thermometer(tree(tmp_path, files))


def test_a_sensor_that_falls_silent_or_lies_is_not_measured(tmp_path: Path) -> None:
    thermometer = open_thermometer(tree(tmp_path, zones(cpu_thermal=50_000)))
    file = tmp_path / "class/thermal/thermal_zone0/temp"
    for words in ("", "nonsense", "300000"):
        file.write_text(words)
        assert thermometer.read_c() is None
    file.unlink()
    assert thermometer.read_c() is None


def supply(name: str, **words: str) -> dict[str, str]:
    return {f"class/power_supply/{name}/{key}": value for key, value in words.items()}


PLUG_IN, PLUG_OUT = supply("AC", type="Mains", online="1"), supply("AC", type="Mains", online="0")
CELL = supply("BAT0", type="Battery", status="Discharging", present="1", scope="System")
MOUSE = supply("hidpp_battery_0", type="Battery", status="Discharging", scope="Device")


@pytest.mark.parametrize(
    ("files", "drained"),
    [
        ({}, None),
        (PLUG_IN, None),
        (MOUSE, None),
        (PLUG_IN | CELL, False),
        (PLUG_OUT | CELL, True),
        (PLUG_OUT | CELL | supply("ucsi", type="USB", online="1"), False),
        (CELL, True),
        (supply("BAT0", type="Battery", status="Full"), False),
        (PLUG_OUT | supply("BAT0", type="Battery", status="Unknown", present="0"), None),
    ],
)
def test_the_plug_tells_whether_the_battery_is_drained(
    files: dict[str, str], drained: bool | None, tmp_path: Path
) -> None:
    assert on_battery(tree(tmp_path, files)) is drained
