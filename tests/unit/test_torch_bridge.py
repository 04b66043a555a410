"""torch-tensorrt as the second builder: every network goes through whole, its plans have the ends of the first's, and
what is missing is said in a sentence.

Nothing here runs a plan: that takes a GPU. torch-tensorrt wants one to be imported, too; `torch_without_gpu` lets it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import packaging.requirements  # noqa: F401 - before a test hides what is installed
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from rtsr.errors import BackendError
from rtsr.frame import PixelLayout
from rtsr.nets import srvgg
from rtsr.upscalers.torch_bridge import build_plan_from_torch

pytestmark = pytest.mark.timeout(500)  # the first test waits for all networks, on a busy machine for minutes
ROOT = Path(__file__).parents[2]
SIZE_WH = (64, 36)
"""As `bridge_process` has it, which must not be imported here."""
NETWORKS = (
    "esr-max-k7c3_x2", "esr-tm-k7c4_x2", "esr-tr-k5c2_x3", "esr-cnn-c2d3s6_x2", "espcn-d16s32_x2", "fsrcnn-32-5-1_x4",
    "ecbsr-m4c8_x2", "compact-video_x2", "span-48_x2", "imdn-light_x2", "mine_x2",
)  # fmt: skip
"""One of each kind that ships, at some scale, and one of the user's."""
WANTED = (
    *(f"{name}:8:fp16" for name in NETWORKS), "esr-tm-k7c4_x2:8:fp32", "compact-video_x2:10:fp16", "mine_x2:16:fp32",
)  # fmt: skip


def run(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python in a process of its own, at the root of the checkout."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False)


def rtsr(*arguments: str, first: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, after some lines of Python."""
    return run(
        f"import sys\n{first}\nfrom rtsr.cli import main\nsys.exit(main(sys.argv[1:]))", *arguments, **environment
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the user has imported a network of torch's as `mine`."""
    place = tmp_path_factory.mktemp("home")
    torch.manual_seed(0)
    net = srvgg.SRVGGNetCompact(srvgg.Shape(1, 2, 8, 2))
    with torch.no_grad():  # nearest neighbour and a little of its own
        net.body[-1].weight.mul_(0.05)
        net.body[-1].bias.zero_()
    save_file(net.state_dict(), place / "state.safetensors")
    environment = {"RTSR_MODELS": str(place / "models"), "RTSR_CACHE": str(place / "cache")}
    done = rtsr("models", "import", str(place / "state.safetensors"), "--name", "mine", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return environment


@pytest.fixture(scope="module")
def bridged(home: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """What `bridge_process` found of each of `WANTED`."""
    folder = tmp_path_factory.mktemp("bridge")
    command = [sys.executable, "-m", "tests.unit.bridge_process", str(folder), *WANTED]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "results.json").read_text())


@pytest.mark.parametrize("wanted", WANTED)
def test_torch_tensorrt_takes_the_whole_network_in_one_engine(wanted: str, bridged: dict[str, dict]) -> None:
    report = bridged[wanted]["report"]
    assert "100.0% coverage" in report
    assert "set to run in Torch" not in report
    assert report.count("TRT Engine #") == 1


@pytest.mark.parametrize("wanted", WANTED)
def test_its_plans_have_the_ends_of_the_other_builder_s(wanted: str, bridged: dict[str, dict]) -> None:
    name, bits, precision = wanted.split(":")
    made, scale, (width, height) = bridged[wanted], int(name[-1]), SIZE_WH
    outer = [1, scale * height, scale * width, 2] if int(bits) > 8 else [1, 1, scale * height, scale * width]
    inner = [1, height, width, 2] if int(bits) > 8 else [1, 1, height, width]
    assert made["ports"] == [["y", "DataType.UINT8", inner], ["sr", "DataType.UINT8", outer]]
    assert made["counts"] == [1, 1]
    assert made["convolutions"] == ["DataType.HALF" if precision == "fp16" else "DataType.FLOAT"]
    assert made["bytes"] > 10_000


@pytest.mark.parametrize("wanted", WANTED)
def test_its_lowering_keeps_the_picture(wanted: str, bridged: dict[str, dict]) -> None:
    assert bridged[wanted]["lowered_error"] <= 1


def test_progress_is_told(bridged: dict[str, dict]) -> None:
    for made in bridged.values():
        assert made["shares"] == sorted(made["shares"])
        assert made["shares"][-1] == 1


BUILD = ("engines", "build", "--model", "mine", "--size", "64x36", "--target", "any")


def test_an_imported_state_dict_becomes_an_engine_by_either_builder(home: dict[str, str], tmp_path: Path) -> None:
    environment = home | {"RTSR_CACHE": str(tmp_path)}
    first = rtsr(*BUILD, **environment)
    assert first.returncode == 0, first.stderr
    assert [path.suffix for path in sorted((tmp_path / "engines").glob("mine_x2-64x36*"))] == [".json", ".plan"]
    (facts,) = (tmp_path / "engines").glob("*.json")
    (plan,) = (tmp_path / "engines").glob("*.plan")
    by_onnx = plan.read_bytes()
    second = rtsr(*BUILD, "--builder", "torch", first="from tests.doubles import torch_without_gpu", **environment)
    assert second.returncode == 0, second.stderr
    assert "mine x2" in second.stdout
    assert [path.name for path in sorted((tmp_path / "engines").glob("*.plan"))] == [plan.name], "in the other's place"
    assert plan.read_bytes() != by_onnx
    assert '"torch"' in facts.read_text()
    third = rtsr(*BUILD, "--builder", "torch", **environment)
    assert (third.returncode, "already" in third.stdout) == (0, True), "what is there needs no torch-tensorrt"
    listed = rtsr("engines", "list", **environment)
    assert "mine x2" in listed.stdout


def test_a_build_that_is_stopped_leaves_no_engine(home: dict[str, str]) -> None:
    code = """
from tests.doubles import torch_without_gpu
from rtsr.errors import InterruptedRun
from rtsr.frame import PixelLayout
from rtsr.models import find_model
from rtsr.upscalers.torch_bridge import build_plan_from_torch
from rtsr.upscalers.torch_luma import open_luma_net
try:
    net = open_luma_net(find_model("mine", 2))
    build_plan_from_torch(net, (64, 36), PixelLayout(), "fp16", "any", lambda *_: False)
except InterruptedRun as error:
    print(error)
"""
    done = run(code, **home)
    assert done.returncode == 0, done.stderr
    assert "is not built" in done.stdout


def test_what_cannot_be_converted_is_named() -> None:
    code = """
from tests.doubles import torch_without_gpu
import torch
from rtsr.errors import BackendError
from rtsr.frame import PixelLayout
from rtsr.upscalers.torch_bridge import build_plan_from_torch
class Median(torch.nn.Module):
    def forward(self, luma):
        return torch.histc(luma, 4).reshape(1, 1, 2, 2) + luma.repeat_interleave(2, 3).repeat_interleave(2, 2).median()
class Asks(torch.nn.Module):
    def forward(self, luma):
        return luma if luma.mean() > 0.5 else -luma
for net in (Median(), Asks()):
    try:
        build_plan_from_torch(net, (32, 16), PixelLayout(), "fp16", "any")
    except BackendError as error:
        print(error.problem)
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
    missing, untraced = done.stdout.splitlines()
    assert missing.startswith("torch-tensorrt cannot convert Median for 32x16: TensorRT has no ")
    assert untraced.startswith("torch cannot export Asks for 32x16: ")
    assert "Traceback" not in done.stderr
    assert "def forward" not in done.stderr


def test_without_a_gpu_it_is_a_sentence(home: dict[str, str], tmp_path: Path) -> None:
    done = rtsr(*BUILD, "--builder", "torch", **home | {"RTSR_CACHE": str(tmp_path)})
    assert done.returncode == 5
    assert done.stdout == ""
    words = " ".join(line.strip() for line in done.stderr.splitlines())
    assert (
        f"asks for a GPU when it is imported, and torch {torch.__version__} has no CUDA. leave --builder torch" in words
    )
    assert not list(tmp_path.rglob("*.plan"))


def test_without_torch_it_is_a_sentence(home: dict[str, str], tmp_path: Path) -> None:
    done = rtsr(
        *BUILD, "--builder", "torch", first="sys.modules['torch'] = None", **home | {"RTSR_CACHE": str(tmp_path)}
    )
    assert done.returncode == 5
    assert "torch is not installed, which --builder torch needs" in done.stderr
    assert 'pip install "rtsr[torch]"' in done.stderr


def fails_with(path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The sentence where nothing is installed but what `path` says."""
    monkeypatch.setattr(sys, "path", [str(path)])
    with pytest.raises(BackendError) as caught:
        build_plan_from_torch(nn.Identity(), (8, 8), PixelLayout(), "fp32", "any")
    assert caught.value.mend == 'pip install "rtsr[torch]"'
    return caught.value.problem


def installed(path: Path, name: str, version: str, *wants: str) -> None:
    folder = path / f"{name}-{version}.dist-info"
    folder.mkdir()
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {one}" for one in wants),
    ]
    (folder / "METADATA").write_text("\n".join(lines) + "\n")


def test_a_missing_bridge_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fails_with(tmp_path, monkeypatch) == "torch-tensorrt is not installed"


@pytest.mark.parametrize(
    ("torch_version", "tensorrt_version", "told"),
    [
        ("2.14.0", "1.5.0.114", "torch <2.14.0,>=2.13.0, and 2.14.0 is installed"),
        ("2.13.0+cpu", "1.7.1.116", "tensorrt_rtx <1.6.0.0,>=1.5.0.114, and 1.7.1.116 is installed"),
        ("2.13.0+cpu", None, "tensorrt_rtx, which is not installed"),
    ],
)
def test_versions_that_do_not_fit_are_named(
    torch_version: str, tensorrt_version: str | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wants = ("torch<2.14.0,>=2.13.0", "tensorrt_rtx<1.6.0.0,>=1.5.0.114", 'executorch>=1.3; extra == "executorch"')
    installed(tmp_path, "torch_tensorrt_rtx", "2.13.0", *wants)
    installed(tmp_path, "torch", torch_version)
    if tensorrt_version is not None:
        installed(tmp_path, "tensorrt_rtx", tensorrt_version)
    assert fails_with(tmp_path, monkeypatch) == f"torch-tensorrt-rtx 2.13.0 wants {told}"
