"""The INA3221 of an NVIDIA Jetson: the rail that feeds the whole module, found by its label in sysfs.

Labels moved with JetPack: hwmon `in1_label` and its millivolts and milliamperes (5 and later), iio `rail_name_0` and
its milliwatts (4).
"""

from collections.abc import Iterator
from pathlib import Path

from rtsr.errors import BackendError
from rtsr.power import NOTHING_TO_MEND

_RAILS = ("VDD_IN", "POM_5V_IN")
"""Labels of the rail that feeds everything."""


def open_tegra(sysfs: Path = Path("/sys")) -> "TegraProbe":
    """The module's input rail.

    Args:
        sysfs: where the kernel's sysfs is mounted.

    Raises:
        BackendError: no INA3221, or none of its rails feeds the whole module.
    """
    rails = dict(_rails(sysfs))
    if not rails:
        raise BackendError("no INA3221 in sysfs: only Jetson modules have one", mend=NOTHING_TO_MEND)
    for label in _RAILS:
        if label in rails:
            return TegraProbe(f"module input {label}", rails[label])
    raise BackendError(
        f"no rail of the INA3221 feeds the whole module (it has {', '.join(sorted(rails))})",
        mend=NOTHING_TO_MEND,
    )


def _rails(sysfs: Path) -> Iterator[tuple[str, tuple[Path, ...]]]:
    """Label of each rail, and the files whose product is its power: mV and mA, or mW alone."""
    for chip in sorted(sysfs.glob("class/hwmon/hwmon*")):
        if _words(chip / "name") != "ina3221":
            continue
        for label in sorted(chip.glob("in*_label")):
            channel = label.name.removeprefix("in").removesuffix("_label")
            yield _words(label), (chip / f"in{channel}_input", chip / f"curr{channel}_input")
    for label in sorted(sysfs.glob("bus/i2c/drivers/ina3221x/*/iio:device*/rail_name_*")):
        channel = label.name.removeprefix("rail_name_")
        yield _words(label), (label.parent / f"in_power{channel}_input",)


def _words(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


class TegraProbe:
    """One rail; see `open_tegra`."""

    def __init__(self, rail: str, files: tuple[Path, ...]) -> None:
        self.rail, self._files = rail, files

    def read_w(self) -> float | None:
        """See `Probe`."""
        watts = 1.0
        try:
            for file in self._files:
                watts *= int(file.read_text()) / 1e3
        except (OSError, ValueError):
            return None
        return watts

    def close(self) -> None:
        """See `Probe`: nothing is held open."""
