"""One line that says on which machine figures were taken: `python -m benchmarks.machine`."""

from rtsr.jobs.machine import fingerprint


def line() -> str:
    """CPU, cores, system, versions."""
    machine = fingerprint()
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    runs = machine["openvino"]
    precision = f"OpenVINO in {runs['precision']}" if runs else "no OpenVINO"
    return (
        f"machine: {machine['cpu']}, {machine['cores']} cores, {machine['os']}, Python {machine['python']}, "
        f"rtsr {machine['rtsr']}, {packages}, {precision}"
    )


if __name__ == "__main__":
    print(line())
