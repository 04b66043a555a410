"""Choosing a device on the command line: the list, one sentence and an exit code where it cannot be, and the report."""

import getpass
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rtsr.cli import main
from rtsr.config import DEFAULT_MODEL, Bench, Encode, Upscale
from rtsr.jobs import ladder, machine, report, timings
from rtsr.jobs.ladder import climb
from rtsr.jobs.report import HEAD, anonymous
from rtsr.jobs.settings import settings_of
from rtsr.sinks.encoder import Encoder
from rtsr.stages import Badge
from rtsr.upscalers import devices
from tests.doubles.gpu_machine import GpuMachine, card

no_gpu = pytest.mark.skipif(devices.has_driver(), reason="this machine has an NVIDIA driver")
COMMANDS = ("view", "encode", "plan", "bench")


@pytest.mark.parametrize("name", COMMANDS)
def test_devices_are_listed_before_anything_else_is_asked_for(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--list-devices"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"^ cpu  .*cores? for rtsr\n      runs openvino, bicubic$", told, re.MULTILINE)


def test_a_gpu_is_listed_with_all_that_names_it(
    gpu_machine: GpuMachine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    gpu_machine.set_cards(card(0), card(1, "NVIDIA RTX 4070"))
    gpu_machine.set_shown(1)
    monkeypatch.setenv(devices.VISIBLE, "0")
    assert main(["view", "--list-devices"]) == 0
    told = capsys.readouterr().out
    assert "   0  rtsr test double 0, GPU-11111111-1111-1111-1111-111111111111\n" in told
    assert "compute capability 8.9, 1.0 GiB, 1.0 GiB free, driver 580.65, CUDA" in told
    assert "runs tensorrt" in told
    assert "not torch: the torch that is installed computes on the CPU alone; install" in told
    assert "   -  NVIDIA RTX 4070" in told
    assert "not used: hidden by CUDA_VISIBLE_DEVICES; unset" in told


@no_gpu
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["view", "--backend", "tensorrt", "pattern:"], 5, "no NVIDIA GPU can be used"),
        (["encode", "--require", "gpu", "pattern:64x48?seconds=1", "OUT"], 5, "no NVIDIA GPU can be used"),
        (["encode", "--require", "tensorrt", "pattern:64x48?seconds=1", "OUT"], 5, "no NVIDIA GPU can be used"),
        (["encode", "--device", "RTX 4070", "pattern:64x48?seconds=1", "OUT"], 5, "no NVIDIA GPU can be used"),
        (["encode", "--require", "gpu", "--model", "auto", "pattern:64x48?seconds=1", "OUT"], 5, "no NVIDIA GPU"),
        (["bench", "--require", "gpu", "--models", DEFAULT_MODEL], 5, "no NVIDIA GPU can be used"),
        (["bench", "--backend", "torch", "--models", DEFAULT_MODEL], 5, "no NVIDIA GPU can be used"),
        (["encode", "--backend", "tensorrt", "--device", "cpu", "pattern:64x48", "OUT"], 2, "contradict each other"),
        (["bench", "--backend", "bicubic", "--require", "gpu"], 2, "contradict each other"),
        (["view", "--backend", "openvino", "--device", "0", "pattern:"], 2, "contradict each other"),
    ],
)
def test_what_cannot_be_is_one_sentence_with_its_mend(
    arguments: list[str], code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "out.mkv") if one == "OUT" else one for one in arguments]) == code
    told = capsys.readouterr().err.splitlines()
    assert words in told[0]
    assert told[1].strip()
    assert len(told) == 2
    assert list(tmp_path.iterdir()) == []


def test_an_encode_on_the_cpu_by_name(tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    given = ["--device", "cpu", "--require", "openvino", "--progress", "none"]
    assert main(["encode", "pattern:64x48?seconds=1", str(out), *given]) == 0
    assert out.exists()


@no_gpu
def test_asking_for_a_gpu_imports_nothing_heavy_where_there_is_no_driver() -> None:
    code = (
        "import sys; from rtsr.config import Upscale; from rtsr.upscalers import absence, candidates\n"
        "assert all(absence(name, Upscale()) for name in candidates(Upscale())[:2])\n"
        "print([name for name in ('cuda', 'tensorrt_rtx', 'tensorrt', 'torch', 'onnx', 'openvino') "
        "if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_an_encode_on_a_gpu_goes_on_on_no_other(gpu_machine: GpuMachine, tmp_path: Path) -> None:
    options = Encode(source="in.mkv", output="out.mkv")
    encoder = Encoder("libx264")

    def network(badge: Badge) -> str:
        return str(settings_of(options, badge, encoder)["network"])

    on = Badge(DEFAULT_MODEL, 2, "TensorRT-RTX", "NVIDIA RTX 4070", "fp16", gpu=0)
    other = Badge(DEFAULT_MODEL, 2, "TensorRT-RTX", "NVIDIA RTX 3060", "fp16", gpu=1)
    on_cpu = [Badge(DEFAULT_MODEL, 2, "OpenVINO", name, "f32") for name in ("AMD", "Intel")]
    assert network(on) == f"{DEFAULT_MODEL} x2 TensorRT-RTX fp16 on NVIDIA RTX 4070"
    assert network(on) != network(other)
    assert network(on_cpu[0]) == network(on_cpu[1])
    out = tmp_path / "out.mkv"
    assert main(["encode", "pattern:64x48?seconds=1", str(out), "--require", "gpu", "--progress", "none"]) == 0
    assert out.exists()


def test_the_ladder_of_a_gpu_is_its_own(
    gpu_machine: GpuMachine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cards = [one for one in ladder.shipped_networks(2) if one.name == DEFAULT_MODEL]
    monkeypatch.setattr(ladder, "shipped_networks", lambda _scale: cards)
    monkeypatch.setattr(ladder, "_SIZES", ((64, 36),))
    monkeypatch.setattr(ladder, "SECONDS", 0.01)
    monkeypatch.setattr(ladder, "is_busy", lambda: False)
    measured: list[Bench] = []
    real = ladder.at_size
    monkeypatch.setattr(ladder, "at_size", lambda *given: (measured.append(given[2]), real(*given))[1])
    timings._machine.cache_clear()
    try:
        with_gpu = timings.place()
        told = machine.fingerprint()["gpus"]
        assert told == [{"name": "rtsr test double 0", "capability": "8.9", "driver": told[0]["driver"]}]
        for options in (Upscale(), Upscale(), Upscale(device="0"), Upscale(device="cpu"), Upscale(require="gpu")):
            assert len(climb(options, (64, 36))) == 1
        asked = [(one.device, one.require) for one in measured]
        assert asked == [("auto", None), ("0", None), ("cpu", None), ("auto", "gpu")]
        gpu_machine.set_cards(card(0, "another name"), card(1))
        timings._machine.cache_clear()
        assert timings.place() != with_gpu, "another GPU, another ladder"
    finally:
        timings._machine.cache_clear()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "a report.txt"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "_MODELS", (DEFAULT_MODEL,))
        patch.setattr(report, "_FRAMES", 3)
        assert main(["doctor", "--report", str(path)]) == 0
        assert main(["doctor", "--report", str(path)]) == 0, "a report takes the place of a report"
    return path.read_text()


def test_a_report_holds_what_helps(written: str) -> None:
    assert written.startswith(HEAD)
    for words in ("Backends", "Video encoders", "Power sensors", "Packages", "openvino", "TensorRT", "engine built in"):
        assert words in written
    assert re.search(rf"openvino +{DEFAULT_MODEL} +[\d.]+ ms, opened in", written)
    assert "broke off" not in written


def test_a_report_names_nobody(written: str) -> None:
    assert str(Path.home()) not in written or str(Path.home()) == "/"
    for name in (getpass.getuser(), socket.gethostname()):
        if name.lower() not in report._NO_NAMES:
            assert not re.search(rf"\b{re.escape(name)}\b", written)


def test_no_other_file_is_replaced_by_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "thesis.txt"
    path.write_text("years of work")
    assert main(["doctor", "--report", str(path)]) == 2
    assert "is no report of rtsr" in capsys.readouterr().err
    assert path.read_text() == "years of work"
    assert main(["doctor", "--report", str(tmp_path / "no" / "report.txt")]) == 2


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/home/ada/films/in.mp4", "~/films/in.mp4"),
        ("see /home/somebody-else/x, C:\\Users\\Ada\\x and /Users/ada", "see ~/x, ~\\x and ~"),
        ("GPU-7f2c0a14-1234-abcd-9876-0123456789ab: ok", "GPU-(uuid): ok"),
        ("disk 7F2C0A14-1234-ABCD-9876-0123456789AB", "disk (uuid)"),
        ("eth0 aa:bb:cc:00:11:22", "eth0 (address)"),
        ("ada@tower: on tower.lan, tower:0", "(user)@(host): on (host), (host):0"),
        ("Canada, adapter, towers", "Canada, adapter, towers"),
    ],
)
def test_who_and_where_is_left_out(text: str, wanted: str) -> None:
    assert anonymous(text, "ada", "tower.lan", Path("/home/ada")) == wanted


def test_words_that_are_no_names_stay() -> None:
    text = "NVIDIA: nvidia-ml-py on ubuntu, JetPack of a jetson"
    assert anonymous(text, "nvidia", "ubuntu", Path("/root")) == text
