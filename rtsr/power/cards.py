"""The NVIDIA cards that the driver has, by its management library, NVML.

It knows every card, whatever `CUDA_VISIBLE_DEVICES` says and whether or not a library can compute with it. Its numbers
follow the slots of the machine, and are not CUDA's. On a Jetson it knows little or nothing.
"""

from dataclasses import dataclass
from typing import Any

from rtsr.errors import BackendError
from rtsr.power import NOTHING_TO_MEND


@dataclass(frozen=True, slots=True)
class Card:
    """A card as the driver tells of it."""

    name: str
    uuid: str
    """`GPU-` and hexadecimal."""
    capability: str
    """Compute capability, as "8.9"; empty where it is not told."""
    memory_bytes: int
    """0 where it is not told."""
    free_bytes: int | None
    driver: str
    """Version, as "580.65.06"."""


def list_cards() -> tuple[Card, ...]:
    """Every card of the driver. Raises BackendError where there is no driver or no nvidia-ml-py."""
    try:
        import pynvml as nvml
    except ImportError as error:
        raise BackendError("NVIDIA's cards are told by nvidia-ml-py", mend="pip install nvidia-ml-py") from error
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        raise BackendError(f"no NVIDIA driver ({error})", mend=NOTHING_TO_MEND) from error
    try:
        driver = str(nvml.nvmlSystemGetDriverVersion())
        handles = [nvml.nvmlDeviceGetHandleByIndex(number) for number in range(nvml.nvmlDeviceGetCount())]
        return tuple(_card(nvml, handle, driver) for handle in handles)
    except nvml.NVMLError as error:
        raise BackendError(
            f"NVIDIA's driver does not tell its cards ({error})", mend="compare with: nvidia-smi"
        ) from error
    finally:
        nvml.nvmlShutdown()


def _card(nvml: Any, handle: Any, driver: str) -> Card:  # noqa: ANN401 - a library without types
    def told(ask: str) -> Any:  # noqa: ANN401
        try:
            return getattr(nvml, ask)(handle)
        except nvml.NVMLError:
            return None

    memory, capability = told("nvmlDeviceGetMemoryInfo"), told("nvmlDeviceGetCudaComputeCapability")
    return Card(
        name=str(told("nvmlDeviceGetName") or "a card without a name"),
        uuid=str(told("nvmlDeviceGetUUID") or ""),
        capability="" if capability is None else ".".join(map(str, capability)),
        memory_bytes=0 if memory is None else int(memory.total),
        free_bytes=None if memory is None else int(memory.free),
        driver=driver,
    )
