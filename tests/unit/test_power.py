"""Power sensors on trees laid out as real kernels lay them out: what is read, what it is called, what is refused."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rtsr.power
from rtsr.errors import BackendError
from rtsr.power import CONTAINS, PROBES, open_checked, open_probe, open_probes, probe_reasons
from rtsr.power.battery import open_battery
from rtsr.power.counter import Counter
from rtsr.power.rapl import open_psys, open_rapl
from rtsr.power.tegra import open_tegra
from tests.doubles import power_trees as trees
from tests.doubles.power_trees import write
from tests.doubles.sensors import Clock


@pytest.mark.parametrize(
    ("tree", "watts", "words"),
    [
        (trees.ORIN_NANO, 7.0, "module input VDD_IN, NVIDIA Jetson Orin Nano Developer Kit"),
        (trees.ORIN_NX, 11.4, "module input VDD_IN, NVIDIA Jetson Orin NX"),
        (trees.XAVIER_NX, 4.5, "module input VDD_IN, NVIDIA Jetson Xavier NX"),
        (trees.NANO_JETPACK_4, 3.32, "module input POM_5V_IN, NVIDIA Jetson Nano"),
        (trees.AGX_ORIN, 9.5, "module, VDD_GPU_SOC + VDD_CPU_CV + VIN_SYS_5V0, NVIDIA Jetson AGX Orin"),
        (trees.AGX_XAVIER, 1.9 + 0.95 + 1.9 - 0.076 + 0.38 + 2.5, "module, GPU + CPU + SOC + CV + VDDRQ + SYS5V, Jets"),
        (trees.AGX_XAVIER_JETPACK_4, 7.63, "module, GPU + CPU + SOC + CV + VDDRQ + SYS5V, Jetson-AGX"),
    ],
    ids=["Orin Nano", "Orin NX", "Xavier NX", "Nano", "AGX Orin", "AGX Xavier", "AGX Xavier, JetPack 4"],
)
def test_a_jetson_tells_its_whole_module_once(tmp_path, tree, watts, words):
    probe = open_tegra(write(tmp_path, tree))
    assert probe.read_w() == pytest.approx(watts)
    assert probe.rail.startswith(words)
    assert (probe.part, probe.spent_j()) == ("module", None)
    probe.close()


def test_a_jetson_follows_its_rail_and_says_when_it_is_lost(tmp_path):
    probe = open_tegra(write(tmp_path, trees.ORIN_NANO))
    write(tmp_path, {"class/hwmon/hwmon1/curr1_input": 2000})
    assert probe.read_w() == pytest.approx(10.0)
    (tmp_path / "class/hwmon/hwmon1/curr1_input").unlink()
    assert (probe.read_w(), probe.why) == (None, "rail VDD_IN says nothing")


@pytest.mark.parametrize("lost", ["curr1_input", "in3_input"])
def test_of_several_rails_none_may_be_missing(tmp_path, lost):
    probe = open_tegra(write(tmp_path, trees.AGX_ORIN))
    (tmp_path / "class/hwmon/hwmon3" / lost).unlink()
    assert probe.read_w() is None
    assert "says nothing" in probe.why


def test_rails_that_are_no_whole_module_are_refused_by_name(tmp_path):
    tree = trees.ina3221("class/hwmon/hwmon1", ("VDD_GPU_SOC", 5000, 100), ("VDD_CPU_CV", 5000, 100), ("NC", 0, 0))
    with pytest.raises(BackendError, match=r"it has VDD_CPU_CV, VDD_GPU_SOC\)"):
        open_tegra(write(tmp_path, tree))


def test_no_jetson(tmp_path):
    with pytest.raises(BackendError, match="no INA3221"):
        open_tegra(tmp_path)


def proc(tmp_path, name="13th Gen Intel(R) Core(TM)   i7-1360P"):
    return write(tmp_path / "proc", {"cpuinfo": trees.CPUINFO.format(vendor="x", name=name)})


@pytest.mark.parametrize(
    ("tree", "name", "rail"),
    [
        (
            trees.INTEL_LAPTOP,
            "13th Gen Intel(R) Core(TM)   i7-1360P",
            "CPU package, 13th Gen Intel(R) Core(TM) i7-1360P",
        ),
        (trees.INTEL_DESKTOP, "Intel(R) Xeon(R) Gold 6430", "2 CPU packages, Intel(R) Xeon(R) Gold 6430"),
        (trees.AMD_DESKTOP, "AMD Ryzen 9 7950X", "CPU package, AMD Ryzen 9 7950X"),
    ],
    ids=["Intel laptop", "Intel, two packages", "AMD"],
)
def test_rapl_counts_the_packages_and_nothing_twice(tmp_path, monkeypatch, tree, name, rail):
    clock = Clock(monkeypatch, "rapl")
    probe = open_rapl(write(tmp_path, tree), proc(tmp_path, name))
    assert (probe.rail, probe.part) == (rail, "cpu")
    write(tmp_path, {key: value + 600_000 for key, value in tree.items() if key.endswith("energy_uj")})
    clock.now_s += 0.5
    packages = 2 if "packages" in rail else 1
    assert probe.spent_j() == pytest.approx(0.6 * packages)
    assert probe.read_w() == pytest.approx(1.2 * packages)
    assert probe.read_w() is None, "a counter that stands still measures nothing, not 0 W"
    assert "stands still" in probe.why
    probe.close()


def test_the_platform_is_read_beside_its_packages(tmp_path):
    probe = open_psys(write(tmp_path, trees.INTEL_LAPTOP), proc(tmp_path))
    assert (probe.rail, probe.part) == ("platform (psys), XPS 13 9310", "platform")
    write(tmp_path, {"class/powercap/intel-rapl:1/energy_uj": 11_500_000})
    assert probe.spent_j() == pytest.approx(2.5)
    assert "cpu" in CONTAINS[probe.part], "so nobody may add them up"


def test_a_name_that_the_maker_forgot_is_no_name(tmp_path):
    assert open_psys(write(tmp_path, trees.INTEL_DESKTOP), proc(tmp_path)).rail == "platform (psys)"


def test_a_platform_that_draws_less_than_the_cpu_in_it_lies(tmp_path, monkeypatch):
    write(tmp_path, trees.INTEL_LAPTOP)

    class Busy:
        def __class_getitem__(cls, _item):
            return cls

        def __init__(self, _slots):
            pass

        def wait_closed(self, _seconds):
            write(tmp_path, {"class/powercap/intel-rapl:0/energy_uj": 5_900_000})

    monkeypatch.setattr("rtsr.power.rapl.Mailbox", Busy)
    with pytest.raises(BackendError, match=r"counts 0 J while the CPU in it counts 0.9 J"):
        open_psys(tmp_path, proc(tmp_path))


def test_machines_without_a_platform_counter(tmp_path):
    with pytest.raises(BackendError, match="some Intel machines have one"):
        open_psys(write(tmp_path, trees.AMD_DESKTOP))


@given(
    limit=st.integers(1000, 1 << 40),
    start=st.integers(0, 1 << 40),
    steps=st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999)), max_size=50),
)
def test_counters_that_go_round_lose_nothing(limit, start, steps):
    true = [start % limit, (start * 7) % limit]
    counter = Counter([lambda: true[0] % limit, lambda: true[1] % limit], [limit, limit])
    begin = sum(true)
    for first, second in steps:
        true[0], true[1] = true[0] + first, true[1] + second
        assert counter.spent() == sum(true) - begin


def test_a_counter_without_a_limit_that_goes_back_is_not_believed():
    values = iter([100, 150, 20])
    counter = Counter([lambda: next(values)], [None])
    assert counter.spent() == 50
    with pytest.raises(ValueError, match="went back from 150 to 20"):
        counter.spent()


def test_rapl_goes_round(tmp_path):
    write(tmp_path, trees.rapl({"package-0": 9_999_990}, limit_uj=10_000_000))
    probe = open_rapl(tmp_path)
    write(tmp_path, {"class/powercap/intel-rapl:0/energy_uj": 40})
    assert probe.spent_j() == pytest.approx(50e-6)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_rapl_for_root_only_is_mended_for_good(tmp_path):
    write(tmp_path, trees.AMD_DESKTOP)
    (tmp_path / "class/powercap/intel-rapl:0/energy_uj").chmod(0)
    with pytest.raises(BackendError, match="root only") as caught:
        open_rapl(tmp_path)
    assert "/etc/udev/rules.d/" in caught.value.mend
    assert 'SUBSYSTEM=="powercap"' in caught.value.mend


def test_rapl_that_root_alone_may_read_is_told_apart(tmp_path, monkeypatch):
    def refused(_zone):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("rtsr.power.rapl._micro_joules", refused)
    with pytest.raises(BackendError, match="intel-rapl:0/energy_uj is readable by root only") as caught:
        open_rapl(write(tmp_path, trees.AMD_DESKTOP))
    assert "udevadm trigger" in caught.value.mend


def test_rapl_in_a_virtual_machine(tmp_path):
    with pytest.raises(BackendError, match="no RAPL"):
        open_rapl(tmp_path)
    write(tmp_path, {**trees.AMD_DESKTOP, "class/powercap/intel-rapl:0/energy_uj": "not supported"})
    with pytest.raises(BackendError, match="cannot be read"):
        open_rapl(tmp_path)


POWER_NOW = trees.battery("BAT0", status="Discharging", present=1, power_now=11_250_000, voltage_now=15_400_000)
CURRENT_NOW = trees.battery("BAT1", status="Discharging", present=1, current_now=-1_250_000, voltage_now=12_000_000)
NAMED = {"class/dmi/id/product_name": "20XWCTO1WW"}


@pytest.mark.parametrize(
    ("tree", "watts", "rail"),
    [
        (POWER_NOW, 11.25, "whole machine from battery BAT0, 20XWCTO1WW"),
        (CURRENT_NOW, 15.0, "whole machine from battery BAT1, 20XWCTO1WW"),
        (POWER_NOW | CURRENT_NOW, 26.25, "whole machine from battery BAT0 + BAT1, 20XWCTO1WW"),
        (POWER_NOW | trees.MOUSE | trees.UPS, 11.25, "whole machine from battery BAT0, 20XWCTO1WW"),
    ],
    ids=["power_now", "current and voltage", "two batteries", "beside a mouse and a UPS"],
)
def test_a_laptop_on_its_battery(tmp_path, tree, watts, rail):
    probe = open_battery(write(tmp_path, tree | trees.plug(online=False) | NAMED))
    assert probe.read_w() == pytest.approx(watts)
    assert (probe.rail, probe.part) == (rail, "machine")
    write(tmp_path, trees.plug(online=True))
    assert probe.read_w() is None, "what comes through the plug nobody tells"
    assert "runs from the mains" in probe.why


@pytest.mark.parametrize("status", ["Charging", "Full", "Not charging", "Unknown"])
def test_a_battery_that_does_not_feed_the_machine_measures_nothing(tmp_path, status):
    tree = trees.battery("BAT0", status=status, present=1, power_now=30_000_000)
    probe = open_battery(write(tmp_path, tree | trees.plug(online=True)))
    assert probe.read_w() is None


def test_a_battery_that_tells_no_power(tmp_path):
    probe = open_battery(write(tmp_path, trees.battery("BAT0", status="Discharging", capacity=50)))
    assert (probe.read_w(), probe.why) == (None, "the battery tells neither its power nor its current and voltage")


@pytest.mark.parametrize("tree", [{}, trees.MOUSE, trees.UPS], ids=["none", "mouse", "UPS"])
def test_what_is_no_battery_of_the_machine(tmp_path, tree):
    with pytest.raises(BackendError, match="no battery feeds this machine"):
        open_battery(write(tmp_path, tree))


@pytest.fixture
def no_sensors(monkeypatch):
    """A machine without any sensor, whatever it is that runs the tests."""

    def missing(_card):
        raise BackendError("none here", mend="buy one")

    for name in PROBES:
        monkeypatch.setitem(rtsr.power.PROBES, name, missing)
    return monkeypatch


def test_sensors_are_opened_side_by_side(tmp_path, no_sensors):
    write(tmp_path, trees.ORIN_NANO | POWER_NOW)
    no_sensors.setitem(rtsr.power.PROBES, "tegra", lambda _card: open_tegra(tmp_path))
    no_sensors.setitem(rtsr.power.PROBES, "battery", lambda _card: open_battery(tmp_path))
    assert [probe.part for probe in open_probes()] == ["module", "machine"]
    assert open_probe().read_w() == pytest.approx(7.0)
    assert dict(probe_reasons()) == dict.fromkeys(("rapl", "psys", "nvml"), "none here. buy one")


def test_without_any_sensor_there_is_none_and_five_reasons(no_sensors):
    assert (open_probe(), open_probes(), len(probe_reasons())) == (None, [], 5)


@pytest.mark.parametrize(("millivolts", "milliamperes"), [(5000, 0), (0, 0), (5000, -20), (5000, 400_000)])
def test_a_sensor_that_lies_is_rejected_when_it_is_opened(tmp_path, no_sensors, millivolts, milliamperes):
    write(tmp_path, trees.ina3221("class/hwmon/hwmon1", ("VDD_IN", millivolts, milliamperes)))
    no_sensors.setitem(rtsr.power.PROBES, "tegra", lambda _card: open_tegra(tmp_path))
    with pytest.raises(BackendError, match=r"VDD_IN: it says .* W, which cannot be true"):
        open_checked("tegra")
    assert "tegra" in dict(probe_reasons())


def test_a_rapl_counter_that_stands_still_is_rejected(tmp_path, no_sensors):
    write(tmp_path, trees.AMD_DESKTOP)
    no_sensors.setitem(rtsr.power.PROBES, "rapl", lambda _card: open_rapl(tmp_path))
    with pytest.raises(BackendError, match="says nothing"):
        open_checked("rapl")


def test_every_probe_of_this_machine_works_or_says_why():
    reasons = dict(probe_reasons())
    assert set(reasons) <= set(PROBES)
    assert all(reasons.values())
    probe = open_probe()
    assert (probe is None) == (set(reasons) == set(PROBES))
    if probe is not None:
        probe.close()
