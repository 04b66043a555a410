"""The GPU for torch, or the sentence that says what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from rtsr.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterable

_INSTALL = "install the CUDA build that goes with your driver, see https://pytorch.org/get-started/locally/"


def usable_device(index: int) -> torch.device:
    """The GPU of CUDA's number `index`.

    Raises BackendError when torch is built for the CPU, finds no driver or no such GPU, or has no code for it.
    """
    if torch.version.cuda is None and torch.version.hip is None:
        raise BackendError(f"torch {torch.__version__} is built for the CPU only", mend=_INSTALL)
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
        count = torch.cuda.device_count()
    except (RuntimeError, AssertionError) as error:
        raise BackendError(
            f"no NVIDIA GPU can be used: {first_line(error)}", mend="install the NVIDIA driver, or leave --backend out"
        ) from error
    if not 0 <= index < count:
        sees = f"{count} GPU" if count == 1 else f"{count} GPUs"
        raise BackendError(f"torch sees {sees}, none with number {index}", mend="see rtsr view --list-devices")
    device = torch.device("cuda", index)
    about = torch.cuda.get_device_properties(device)
    built_for = torch.cuda.get_arch_list()
    if torch.version.hip is None and not runs_on(
        (about.major, about.minor), built_for, integrated=bool(about.is_integrated)
    ):
        raise BackendError(
            f"torch {torch.__version__} has no code for {about.name}, compute capability {about.major}.{about.minor}, "
            f"but for {', '.join(built_for)}",
            mend="use --backend tensorrt, or install a torch that was built for this GPU",
        )
    return device


def runs_on(capability: tuple[int, int], built_for: Iterable[str], *, integrated: bool) -> bool:
    """Whether a GPU of `capability` runs code built for `built_for`, as ["sm_80", "sm_90a", "compute_120"].

    Machine code (sm) runs on its own major version from its minor one on; with an "a" behind it, and on a GPU that
    shares its memory with the CPU (Jetson), only on exactly that one: code of 8.0 does not run on Orin's 8.7. What the
    driver is to compile (compute) runs on all that came later.
    """
    major, minor = capability
    for name in built_for:
        kind, _, number = name.partition("_")
        digits = number.rstrip("af")
        if not digits.isdecimal() or len(digits) < len("75"):
            continue
        one = int(digits[:-1]), int(digits[-1])
        if kind == "compute" and digits == number and one <= capability:
            return True
        tied = integrated or number.endswith("a")
        if kind == "sm" and (one == capability or (not tied and one[0] == major and one[1] <= minor)):
            return True
    return False


def first_line(error: BaseException) -> str:
    """Of what was raised, without a final stop; torch's are pages long."""
    told = [line.strip() for line in str(error).splitlines() if line.strip()]
    return told[0].rstrip(".:") if told else type(error).__name__
