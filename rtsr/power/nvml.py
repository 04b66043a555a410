"""The power sensor of an NVIDIA card, through its driver.

From Volta on a card counts its energy, in millijoules since the driver was loaded; older ones tell the power of the
last moment only. On a Jetson the library may be there, and says "Not Supported": its INA3221 is read instead.
"""

import time
from contextlib import suppress
from typing import Any

from rtsr.errors import BackendError
from rtsr.power import NOTHING_TO_MEND, NVIDIA_CARD, Part
from rtsr.power.counter import Counter

_SHORTEST_S = 0.2
"""Of what the energy counter is asked about: it moves every few dozen milliseconds."""


def open_nvml(card: int | str = NVIDIA_CARD) -> "NvmlProbe":
    """The sensor of one card.

    Args:
        card: its number as nvidia-smi counts, or its UUID, "GPU-...".

    Raises:
        BackendError: no driver, no such card, or a card without a sensor.
    """
    try:
        import pynvml
    except ImportError as error:
        raise BackendError("NVIDIA's sensors need nvidia-ml-py", mend="pip install nvidia-ml-py") from error
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise BackendError(f"no NVIDIA driver ({error})", mend=NOTHING_TO_MEND) from error
    name = f"card {card}"
    try:
        of = pynvml.nvmlDeviceGetHandleByUUID if isinstance(card, str) else pynvml.nvmlDeviceGetHandleByIndex
        handle = of(card)
        name = pynvml.nvmlDeviceGetName(handle)
        pynvml.nvmlDeviceGetPowerUsage(handle)
        number = f" {card}" if isinstance(card, int) and pynvml.nvmlDeviceGetCount() > 1 else ""
    except pynvml.NVMLError_NotSupported as error:
        pynvml.nvmlShutdown()
        raise BackendError(
            f"NVIDIA's driver tells no power of {name} ({error}), as on every Jetson", mend=NOTHING_TO_MEND
        ) from error
    except pynvml.NVMLError as error:
        pynvml.nvmlShutdown()
        raise BackendError(
            f"NVIDIA card {card} has no power sensor ({error})", mend="compare with: nvidia-smi -q -d POWER"
        ) from error
    return NvmlProbe(pynvml, handle, f"GPU board{number}, {name}")


class NvmlProbe:
    """One card's sensor; see `open_nvml`."""

    part: Part = "gpu"

    def __init__(self, nvml: Any, card: Any, rail: str) -> None:  # noqa: ANN401 - a library without types
        self._nvml, self._card, self.rail = nvml, card, rail
        self.why = ""
        self._counter: Counter | None = None
        with suppress(nvml.NVMLError):  # a card that does not count
            self._counter = Counter([self._energy_mj], [None])
        self._read_s, self._read_j = time.monotonic(), 0.0

    def read_w(self) -> float | None:
        """See `Probe`: the mean since the last call where the card counts energy, else the power now.

        The power now, too, when the last call was only just made.
        """
        now_s, spent_j = time.monotonic(), self.spent_j()
        if spent_j is not None:
            passed_s, grown_j = now_s - self._read_s, spent_j - self._read_j
            self._read_s, self._read_j = now_s, spent_j
            if passed_s >= _SHORTEST_S and grown_j > 0:
                return grown_j / passed_s
        try:
            watts = float(self._nvml.nvmlDeviceGetPowerUsage(self._card)) / 1e3
        except self._nvml.NVMLError as error:
            self.why = f"its driver says: {error}"
            return None
        self.why = ""
        return watts

    def spent_j(self) -> float | None:
        """See `Probe`."""
        self.why = ""
        if self._counter is None:
            return None
        try:
            return self._counter.spent() / 1e3
        except (ValueError, self._nvml.NVMLError) as error:  # ValueError: the driver was loaded anew
            self.why = f"its counter cannot be read ({error})"
            return None

    def busy(self) -> float | None:
        """See `Probe`: the share of the last moments in which a kernel ran."""
        try:
            return float(self._nvml.nvmlDeviceGetUtilizationRates(self._card).gpu) / 100
        except self._nvml.NVMLError:
            return None

    def close(self) -> None:
        """See `Probe`."""
        if self._card is not None:
            self._card = None
            self._nvml.nvmlShutdown()

    def _energy_mj(self) -> int:
        return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._card))
