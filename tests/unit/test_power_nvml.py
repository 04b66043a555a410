"""An NVIDIA card's sensor, by a double of its driver's library, and by the real one where there is one."""

import sys

import pytest

from rtsr.errors import BackendError
from rtsr.power import probe_reasons
from rtsr.power.nvml import open_nvml
from tests.doubles.sensors import Clock


class Nvml:
    """The parts of nvidia-ml-py that are used, of one card; where there is a real one, it is read below."""

    class NVMLError(Exception):
        """As the library has it."""

    class NVMLError_NotSupported(NVMLError):  # noqa: N801, N818 - the library's name
        """As the library has it."""

    def __init__(self, energies_mj=(), power_mw=None):
        self._energies_mj, self._power_mw = iter(energies_mj), power_mw
        self.open = 0

    def __getattr__(self, name):
        return lambda *_args: 1 if name.endswith("Count") else "NVIDIA T4"

    def nvmlInit(self):  # noqa: N802
        self.open += 1

    def nvmlShutdown(self):  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetPowerUsage(self, _card):  # noqa: N802
        if self._power_mw is None:
            raise self.NVMLError_NotSupported("Not Supported")
        return self._power_mw

    def nvmlDeviceGetTotalEnergyConsumption(self, _card):  # noqa: N802
        try:
            return next(self._energies_mj)
        except StopIteration:
            raise self.NVMLError_NotSupported("Not Supported") from None


def test_a_card_counts_its_energy(monkeypatch):
    library = Nvml([1_000_000, 1_035_000, 1_070_000], power_mw=31_000)
    monkeypatch.setitem(sys.modules, "pynvml", library)
    clock = Clock(monkeypatch, "nvml")
    probe = open_nvml()
    assert (probe.rail, probe.part) == ("GPU board, NVIDIA T4", "gpu")
    clock.now_s += 0.5
    assert probe.read_w() == pytest.approx(70.0), "of the counter, not of the last moment"
    assert probe.spent_j() == pytest.approx(70.0)
    probe.close()
    probe.close()
    assert library.open == 0


def test_a_card_that_counts_no_energy_tells_the_power_now(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", Nvml(power_mw=31_000))
    probe = open_nvml()
    assert (probe.spent_j(), probe.read_w()) == (None, 31.0)


def test_a_driver_that_was_loaded_anew_ends_the_count(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", Nvml([1_000_000, 20], power_mw=31_000))
    probe = open_nvml()
    assert probe.spent_j() is None
    assert "went back" in probe.why


def test_a_jetson_has_the_library_and_no_sensor(monkeypatch):
    library = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", library)
    with pytest.raises(BackendError, match=r"tells no power of NVIDIA T4 \(Not Supported\), as on every Jetson"):
        open_nvml()
    assert library.open == 0


def test_nvml_reads_watts_or_says_why():
    if any(name == "nvml" for name, _ in probe_reasons()):
        with pytest.raises(BackendError, match="NVIDIA"):
            open_nvml()
        return
    probe = open_nvml()
    assert probe.read_w() > 0
    probe.close()
    probe.close()
