"""Power sensors on trees laid out as real kernels lay them out."""

import os
import time

import pytest

import rtsr.power
from rtsr.errors import BackendError
from rtsr.power import PROBES, open_checked, open_probe, probe_reasons
from rtsr.power.nvml import open_nvml
from rtsr.power.rapl import open_rapl
from rtsr.power.tegra import open_tegra


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def hwmon(sysfs, label="VDD_IN", millivolts=5000, milliamperes=1400):
    """JetPack 5 and 6, Orin Nano: three rails of one chip; hwmon0 is something else."""
    write(sysfs / "class/hwmon/hwmon0/name", "nvme")
    chip = sysfs / "class/hwmon/hwmon1"
    write(chip / "name", "ina3221")
    for channel, (name, volts, current) in enumerate(
        [(label, millivolts, milliamperes), ("VDD_CPU_GPU_CV", 4980, 300), ("VDD_SOC", 4980, 250)], start=1
    ):
        write(chip / f"in{channel}_label", name)
        write(chip / f"in{channel}_input", volts)
        write(chip / f"curr{channel}_input", current)
    return chip


def powercap(sysfs, energies_uj=(5_000_000,), limit_uj=262_143_328_850):
    """Packages with a core zone within, as intel_rapl_msr makes them."""
    zones = []
    for number, energy_uj in enumerate(energies_uj):
        zone = sysfs / f"class/powercap/intel-rapl:{number}"
        write(zone / "name", f"package-{number}")
        write(zone / "energy_uj", energy_uj)
        write(zone / "max_energy_range_uj", limit_uj)
        core = sysfs / f"class/powercap/intel-rapl:{number}:0"
        write(core / "name", "core")
        write(core / "energy_uj", 1)
        zones.append(zone)
    return zones


def test_jetson_reads_the_module_input(tmp_path):
    chip = hwmon(tmp_path)
    probe = open_tegra(tmp_path)
    assert "VDD_IN" in probe.rail
    assert probe.read_w() == pytest.approx(7.0)
    write(chip / "curr1_input", 2000)
    assert probe.read_w() == pytest.approx(10.0)
    (chip / "curr1_input").unlink()
    assert probe.read_w() is None
    probe.close()


def test_jetson_of_jetpack_4(tmp_path):
    chip = tmp_path / "bus/i2c/drivers/ina3221x/6-0040/iio:device0"
    for channel, (name, milliwatts) in enumerate([("POM_5V_IN", 3320), ("POM_5V_GPU", 40), ("POM_5V_CPU", 500)]):
        write(chip / f"rail_name_{channel}", name)
        write(chip / f"in_power{channel}_input", milliwatts)
    assert open_tegra(tmp_path).read_w() == pytest.approx(3.32)


def test_jetson_without_an_input_rail_says_what_it_has(tmp_path):
    hwmon(tmp_path, label="VDD_GPU_SOC")
    with pytest.raises(BackendError, match="VDD_GPU_SOC"):
        open_tegra(tmp_path)


def test_no_jetson(tmp_path):
    with pytest.raises(BackendError, match="no INA3221"):
        open_tegra(tmp_path)


def test_rapl_is_energy_over_time(tmp_path):
    zones = powercap(tmp_path, (5_000_000, 7_000_000))
    probe = open_rapl(tmp_path)
    assert probe.rail == "2 CPU packages"
    began_s = time.monotonic()
    probe.read_w()
    write(zones[0] / "energy_uj", 5_600_000)
    write(zones[1] / "energy_uj", 7_400_000)
    watts = probe.read_w()
    assert watts >= 1.0 / (time.monotonic() - began_s)
    assert probe.read_w() is None, "a counter that stands still measures nothing, not 0 W"


def test_rapl_counter_wraps(tmp_path):
    (zone,) = powercap(tmp_path, (9_999_990,), limit_uj=10_000_000)
    probe = open_rapl(tmp_path)
    probe.read_w()
    write(zone / "energy_uj", 40)
    watts = probe.read_w()
    assert 0 < watts < 50e-6 / 1e-6


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_rapl_for_root_only(tmp_path):
    (zone,) = powercap(tmp_path)
    (zone / "energy_uj").chmod(0)
    with pytest.raises(BackendError, match="root only") as caught:
        open_rapl(tmp_path)
    assert "chmod" in caught.value.mend


def test_rapl_in_a_virtual_machine(tmp_path):
    with pytest.raises(BackendError, match="no RAPL"):
        open_rapl(tmp_path)
    (zone,) = powercap(tmp_path)
    write(zone / "energy_uj", "not supported")
    with pytest.raises(BackendError, match="cannot be read"):
        open_rapl(tmp_path)


@pytest.mark.parametrize(("millivolts", "milliamperes"), [(5000, 0), (0, 0), (5000, -20)])
def test_a_sensor_that_lies_is_rejected(tmp_path, monkeypatch, millivolts, milliamperes):
    hwmon(tmp_path, millivolts=millivolts, milliamperes=milliamperes)
    monkeypatch.setitem(rtsr.power.PROBES, "tegra", lambda: open_tegra(tmp_path))
    with pytest.raises(BackendError, match="cannot be true"):
        open_checked("tegra")
    assert "tegra" in dict(probe_reasons())


def test_a_rapl_counter_that_stands_still_is_rejected(tmp_path, monkeypatch):
    powercap(tmp_path, (0,))
    monkeypatch.setitem(rtsr.power.PROBES, "rapl", lambda: open_rapl(tmp_path))
    with pytest.raises(BackendError, match="says nothing"):
        open_checked("rapl")


def test_first_that_works_is_taken(tmp_path, monkeypatch):
    hwmon(tmp_path)
    monkeypatch.setitem(rtsr.power.PROBES, "tegra", lambda: open_tegra(tmp_path))
    probe = open_probe()
    assert probe.read_w() == pytest.approx(7.0)
    probe.close()


def test_every_probe_of_this_machine_works_or_says_why():
    reasons = dict(probe_reasons())
    assert set(reasons) <= set(PROBES)
    assert all(reasons.values())
    probe = open_probe()
    assert (probe is None) == (set(reasons) == set(PROBES))
    if probe is not None:
        probe.close()


def test_nvml_reads_watts_or_says_why():
    if any(name == "nvml" for name, _ in probe_reasons()):
        with pytest.raises(BackendError, match="NVIDIA"):
            open_nvml()
        return
    probe = open_nvml()
    assert probe.read_w() > 0
    probe.close()
    probe.close()
