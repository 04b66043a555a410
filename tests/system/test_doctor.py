"""`rtsr doctor` in a process of its own: one page, exit code 0, whatever it finds."""

import subprocess
import sys

import pytest

from rtsr.jobs import doctor
from rtsr.jobs.doctor import Finding, as_page, examine
from rtsr.jobs.machine import cpu_flags, cpu_model

SECTIONS = ["CPU", "GPUs", "Backends", "Video encoders", "Cameras", "Power sensors", "Display"]


@pytest.fixture(scope="module")
def page():
    run = subprocess.run([sys.executable, "-m", "rtsr", "doctor"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_one_page_with_every_section(page):
    lines = page.splitlines()
    assert [line for line in lines if line in SECTIONS] == SECTIONS
    assert len(lines) < 70
    assert page.isascii()


@pytest.mark.parametrize("name", ["openvino", "bicubic", "tensorrt", "torch", "libx264", "libx265", "libsvtav1"])
def test_names_what_users_look_for(page, name):
    assert any(line.split()[1:2] == [name] for line in page.splitlines())


def test_what_is_broken_has_a_mend():
    for findings in examine().values():
        assert findings
        for finding in findings:
            assert finding.mark != "!!" or finding.mend


def test_it_works_here():
    sections = examine()
    assert [finding for title in SECTIONS[:4] for finding in sections[title] if finding.mark == "!!"] == []


def test_a_check_that_fails_is_a_finding(monkeypatch):
    def faint():
        yield Finding("ok", "first", "")
        raise ImportError("no such library")

    monkeypatch.setattr(doctor, "_cameras", faint)
    cameras = examine()["Cameras"]
    assert [finding.mark for finding in cameras] == ["ok", "!!"]
    assert "no such library" in cameras[1].words


def test_page_says_how_much_is_to_be_mended():
    page = as_page({"Display": [Finding("!!", "libraries", "missing: libxcb", "sudo apt-get install libxcb")]})
    assert "-> sudo apt-get install libxcb" in page
    assert page.endswith("1 to mend, marked !!")


def test_missing_libraries_are_found():
    assert list(doctor._missing(["libc.so.6", "libof-no-one.so.9"])) == ["libof-no-one.so.9"]


def test_cpu_of_x86_and_of_arm(tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: A CPU\nflags\t\t: fpu avx2\n\nprocessor\t: 1\nmodel name\t: B\n")
    assert cpu_model(tmp_path) == "A CPU"
    assert cpu_flags(tmp_path) == {"fpu", "avx2"}
    info.write_text("processor\t: 0\nFeatures\t: fp asimd\nModel\t\t: NVIDIA Jetson Orin Nano\n")
    assert cpu_model(tmp_path) == "NVIDIA Jetson Orin Nano"
    assert cpu_flags(tmp_path) == {"fp", "asimd"}
    info.unlink()
    assert cpu_model(tmp_path)
    assert cpu_flags(tmp_path) == frozenset()
