"""The power sensor of an NVIDIA card, through its driver."""

import time
from typing import Any

from rtsr.errors import BackendError
from rtsr.power import NOTHING_TO_MEND

_SHORTEST_S = 0.2
"""Of what the energy counter is asked about: it moves every few dozen milliseconds."""


def open_nvml(card: int | str = 0) -> "NvmlProbe":
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
    try:
        of = pynvml.nvmlDeviceGetHandleByUUID if isinstance(card, str) else pynvml.nvmlDeviceGetHandleByIndex
        handle = of(card)
        name = pynvml.nvmlDeviceGetName(handle)
        pynvml.nvmlDeviceGetPowerUsage(handle)
    except pynvml.NVMLError as error:
        pynvml.nvmlShutdown()
        raise BackendError(
            f"NVIDIA card {card} has no power sensor ({error})", mend="compare with: nvidia-smi -q -d POWER"
        ) from error
    return NvmlProbe(pynvml, handle, f"GPU board, {name}")


class NvmlProbe:
    """One card's sensor; see `open_nvml`."""

    def __init__(self, nvml: Any, card: Any, rail: str) -> None:  # noqa: ANN401 - a library without types
        self._nvml, self._card, self.rail = nvml, card, rail
        self._read_s, self._energy_mj = time.monotonic(), self._spent_mj()

    def read_w(self) -> float | None:
        """See `Probe`: the mean since the last call where the card counts energy (Volta and later), else the power now.

        The power now, too, when the last call was only just made.
        """
        now_s, energy_mj = time.monotonic(), self._spent_mj()
        passed_s, before_mj = now_s - self._read_s, self._energy_mj
        self._read_s, self._energy_mj = now_s, energy_mj
        if energy_mj is not None and before_mj is not None and passed_s >= _SHORTEST_S and energy_mj > before_mj:
            return (energy_mj - before_mj) / 1e3 / passed_s
        try:
            return float(self._nvml.nvmlDeviceGetPowerUsage(self._card)) / 1e3
        except self._nvml.NVMLError:
            return None

    def _spent_mj(self) -> int | None:
        """Since the driver was loaded; None where the card does not count."""
        try:
            return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._card))
        except self._nvml.NVMLError:
            return None

    def close(self) -> None:
        """See `Probe`."""
        if self._card is not None:
            self._card = None
            self._nvml.nvmlShutdown()
