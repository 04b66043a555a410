"""The power sensor of an NVIDIA card, through its driver."""

from typing import Any

from rtsr.errors import BackendError
from rtsr.power import NOTHING_TO_MEND


def open_nvml(index: int = 0) -> "NvmlProbe":
    """The sensor of card number `index`.

    Raises:
        BackendError: no driver, no card, or a card without a sensor.
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
        card = pynvml.nvmlDeviceGetHandleByIndex(index)
        name = pynvml.nvmlDeviceGetName(card)
        pynvml.nvmlDeviceGetPowerUsage(card)
    except pynvml.NVMLError as error:
        pynvml.nvmlShutdown()
        raise BackendError(
            f"NVIDIA card {index} has no power sensor ({error})", mend="compare with: nvidia-smi -q -d POWER"
        ) from error
    return NvmlProbe(pynvml, card, f"GPU board, {name}")


class NvmlProbe:
    """One card's sensor; see `open_nvml`."""

    def __init__(self, nvml: Any, card: Any, rail: str) -> None:  # noqa: ANN401 - a library without types
        self._nvml, self._card, self.rail = nvml, card, rail

    def read_w(self) -> float | None:
        """See `Probe`."""
        try:
            return float(self._nvml.nvmlDeviceGetPowerUsage(self._card)) / 1e3
        except self._nvml.NVMLError:
            return None

    def close(self) -> None:
        """See `Probe`."""
        if self._card is not None:
            self._card = None
            self._nvml.nvmlShutdown()
