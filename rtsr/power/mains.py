"""Whether the machine runs from its battery, as the kernel's power_supply class tells it."""

from pathlib import Path

from rtsr.power.sysfs import word

_PLUGS = frozenset({"Mains", "USB", "USB_C", "USB_PD", "Wireless"})


def on_battery(sysfs: Path = Path("/sys")) -> bool | None:
    """Whether a battery of the machine feeds it; None where it has none, as desktops, servers and most boards.

    Where a plug tells whether it is in, that counts; else whether a battery says that it discharges.
    """
    cells = batteries(sysfs)
    if not cells:
        return None
    plugs = [word(supply / "online") for supply in _supplies(sysfs) if word(supply / "type") in _PLUGS]
    if any(plugs):
        return not any(told not in ("", "0") for told in plugs)
    return "Discharging" in [word(cell / "status") for cell in cells]


def batteries(sysfs: Path = Path("/sys")) -> list[Path]:
    """Folders of the batteries that feed the machine.

    Those of mice and headsets are `scope` Device, and do not count; nor does a UPS, which feeds more than the machine.
    """
    return [
        supply
        for supply in _supplies(sysfs)
        if word(supply / "type") == "Battery" and word(supply / "scope") != "Device" and word(supply / "present") != "0"
    ]


def _supplies(sysfs: Path) -> list[Path]:
    return sorted((sysfs / "class/power_supply").glob("*"))
