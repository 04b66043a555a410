"""Folders laid out as /sys and /proc of real machines, with numbers that such machines have told."""

from pathlib import Path

CPUINFO = "processor\t: 0\nvendor_id\t: {vendor}\nmodel name\t: {name}\n"


def write(root: Path, files: dict[str, object]) -> Path:
    """Files by their path under `root`, each with the line end that the kernel adds."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


def ina3221(chip: str, *rails: tuple[str, int, int]) -> dict[str, object]:
    """hwmon of JetPack 5 and 6: label, millivolts, milliamperes of up to three channels; "NC" has no reading."""
    files: dict[str, object] = {f"{chip}/name": "ina3221", f"{chip}/in7_label": "sum of shunt voltages"}
    files |= {f"{chip}/in7_input": 360, f"{chip}/curr4_input": 4_000}
    for number, (label, millivolts, milliamperes) in enumerate(rails, start=1):
        files |= {f"{chip}/in{number}_label": label, f"{chip}/in{number + 3}_input": 40}
        if label != "NC":
            files |= {f"{chip}/in{number}_input": millivolts, f"{chip}/curr{number}_input": milliamperes}
    return files


def ina3221x(chip: str, *rails: tuple[str, int]) -> dict[str, object]:
    """iio of JetPack 4: label and milliwatts."""
    files: dict[str, object] = {}
    for number, (label, milliwatts) in enumerate(rails):
        files |= {f"{chip}/rail_name_{number}": label, f"{chip}/in_power{number}_input": milliwatts}
        files |= {f"{chip}/in_voltage{number}_input": 5000, f"{chip}/in_current{number}_input": milliwatts // 5}
    return files


def _jetson(model: str, *chips: dict[str, object]) -> dict[str, object]:
    files: dict[str, object] = {"firmware/devicetree/base/model": f"{model}\0", "class/hwmon/hwmon0/name": "tmp451"}
    for chip in chips:
        files |= chip
    return files


ORIN_NANO = _jetson(
    "NVIDIA Jetson Orin Nano Developer Kit",
    ina3221("class/hwmon/hwmon1", ("VDD_IN", 5000, 1400), ("VDD_CPU_GPU_CV", 4980, 300), ("VDD_SOC", 4980, 250)),
)
ORIN_NX = _jetson(
    "NVIDIA Jetson Orin NX Engineering Reference Developer Kit",
    ina3221("class/hwmon/hwmon3", ("VDD_IN", 19_000, 600), ("VDD_CPU_GPU_CV", 18_900, 200), ("VDD_SOC", 18_900, 120)),
)
AGX_ORIN = _jetson(
    "NVIDIA Jetson AGX Orin Developer Kit",
    ina3221("class/hwmon/hwmon3", ("VDD_GPU_SOC", 20_000, 200), ("VDD_CPU_CV", 20_000, 50), ("VIN_SYS_5V0", 5000, 900)),
    ina3221("class/hwmon/hwmon4", ("NC", 0, 0), ("VDDQ_VDD2_1V8AO", 5000, 300), ("NC", 0, 0)),
)
"""4 + 1 + 4.5 W; the 1.5 W of VDDQ_VDD2_1V8AO are within VIN_SYS_5V0."""
XAVIER_NX = _jetson(
    "NVIDIA Jetson Xavier NX Developer Kit",
    ina3221("class/hwmon/hwmon2", ("VDD_IN", 5000, 900), ("VDD_CPU_GPU_CV", 5000, 200), ("VDD_SOC", 5000, 200)),
)
AGX_XAVIER = _jetson(
    "Jetson-AGX",
    ina3221("class/hwmon/hwmon2", ("GPU", 19_000, 100), ("CPU", 19_000, 50), ("SOC", 19_000, 100)),
    ina3221("class/hwmon/hwmon3", ("CV", 19_000, -4), ("VDDRQ", 19_000, 20), ("SYS5V", 5000, 500)),
)
AGX_XAVIER_JETPACK_4 = _jetson(
    "Jetson-AGX",
    ina3221x("bus/i2c/drivers/ina3221x/1-0040/iio:device0", ("GPU", 1900), ("CPU", 950), ("SOC", 1900)),
    ina3221x("bus/i2c/drivers/ina3221x/1-0041/iio:device1", ("CV", 0), ("VDDRQ", 380), ("SYS5V", 2500)),
)
NANO_JETPACK_4 = _jetson(
    "NVIDIA Jetson Nano Developer Kit",
    ina3221x("bus/i2c/drivers/ina3221x/6-0040/iio:device0", ("POM_5V_IN", 3320), ("POM_5V_GPU", 40), ("POM_5V_CPU", 5)),
)


def rapl(energies_uj: dict[str, int], limit_uj: int = 262_143_328_850) -> dict[str, object]:
    """powercap: energy by the zone's name; a zone called "core" or "uncore" is within the package before it."""
    files: dict[str, object] = {"class/powercap/intel-rapl/enabled": 1}
    top, within = -1, 0
    for name, energy_uj in energies_uj.items():
        if name.rstrip("0123456789") in ("core", "uncore", "dram"):
            zone, within = f"class/powercap/intel-rapl:{top}:{within}", within + 1
        else:
            top, within = top + 1, 0
            zone = f"class/powercap/intel-rapl:{top}"
        said = name if name.startswith("package") else name.rstrip("0123456789")
        files |= {f"{zone}/name": said, f"{zone}/energy_uj": energy_uj, f"{zone}/max_energy_range_uj": limit_uj}
    return files


def battery(name: str, **values: object) -> dict[str, object]:
    """power_supply: a battery, or what calls itself one."""
    return {f"class/power_supply/{name}/{key}": value for key, value in {"type": "Battery", **values}.items()}


def plug(*, online: bool) -> dict[str, object]:
    """power_supply: the mains."""
    return {"class/power_supply/AC/type": "Mains", "class/power_supply/AC/online": int(online)}


MOUSE = battery("hidpp_battery_0", scope="Device", status="Discharging", power_now=90_000, present=1)
UPS = {"class/power_supply/ups0/type": "UPS", "class/power_supply/ups0/status": "Discharging"}
INTEL_LAPTOP = rapl({"package-0": 5_000_000, "core": 1, "uncore": 1, "psys1": 9_000_000}) | {
    "class/powercap/intel-rapl-mmio:0/name": "package-0",
    "class/powercap/intel-rapl-mmio:0/energy_uj": 777,
    "class/powercap/intel-rapl-mmio:0/max_energy_range_uj": 262_143_328_850,
    "class/dmi/id/product_name": "XPS 13 9310",
}
INTEL_DESKTOP = rapl({"package-0": 5_000_000, "core": 1, "dram": 1, "package-1": 7_000_000, "psys2": 20_000_000}) | {
    "class/dmi/id/product_name": "System Product Name"
}
AMD_DESKTOP = rapl({"package-0": 5_000_000, "core": 1}, limit_uj=65_532_610_987)
