"""One value from one file of the kernel's sysfs or procfs, which may be missing, unreadable or empty."""

from pathlib import Path

_NO_NAMES = frozenset({"", "none", "default string", "system product name", "to be filled by o.e.m.", "not specified"})
"""What makers leave in the place of a name."""


def word(file: Path) -> str:
    """Its text without the spaces, line ends and zero bytes around it; empty where there is none."""
    try:
        return file.read_text(errors="replace").strip(" \t\r\n\0")
    except OSError:
        return ""


def number(file: Path) -> int | None:
    """Its whole number; None where there is none."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def board_name(sysfs: Path) -> str:
    """What the maker calls the machine, by device tree or DMI; empty where neither tells."""
    named = word(sysfs / "firmware/devicetree/base/model") or word(sysfs / "class/dmi/id/product_name")
    return "" if named.lower() in _NO_NAMES else named


def cpu_name(proc: Path) -> str:
    """What the CPU calls itself; empty where it does not."""
    for line in word(proc / "cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name" and value.strip():
            return " ".join(value.split())
    return ""
