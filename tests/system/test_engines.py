"""`rtsr engines` and `python -m engines`, as a user runs them: real engines by TensorRT-RTX, no GPU."""

import csv
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorrt_rtx

from engines.__main__ import main as run_engines
from engines.profile import FOLDER, find_profile, read_profile
from rtsr.cli import main
from rtsr.color import Siting
from rtsr.errors import UsageError
from rtsr.frame import PixelLayout
from rtsr.jobs.engine_states import list_engines
from rtsr.models import find_model
from rtsr.upscalers import plans, tensorrt
from rtsr.upscalers.typed_chroma import chroma_graph
from rtsr.upscalers.typed_onnx import typed_graph
from tests.doubles.gpu_machine import GpuMachine

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/engines.md").read_text("utf-8")
COMMANDS = [line for block in re.findall(r"```\n(.*?)```", PAGE, re.DOTALL) for line in block.strip().splitlines()]
SMALL = ["--model", "esr-max-k5c2", "--size", "64x36"]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="owners, modes and these signals are of POSIX")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RTSR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "engines"


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str) -> tuple[int, str, str]:
        code = main(["engines", *words])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return run


def python_m_engines(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "engines", *words], cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=150,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def own_profile(folder: Path, **changes: str) -> Path:
    """A small one, with lines replaced or added."""
    lines = {
        "device": '"desk"',
        "library": '"tensorrt_rtx"',
        "targets": '["any", "7.5"]',
        "precision": '"fp16"',
        **changes,
    }
    head = "".join(f"{key} = {value}\n" for key, value in lines.items() if value)
    path = folder / "small.toml"
    path.write_text(f'{head}[[engines]]\nmodels = ["esr-max-k5c2", "esr-tm-k5c2"]\nscales = [2]\nsizes = ["64x36"]\n')
    return path


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_works(line: str, tmp_path: Path, run: Run) -> None:
    program, *words = shlex.split(line)
    if program == "rtsr":
        assert words.pop(0) == "engines"
        code, _, err = run(*words)
        assert code == 0, err
        return
    assert words[:2] == ["-m", "engines"]
    profile = own_profile(tmp_path)  # the real one takes too long: its engines are built by test_engine_builds
    words = [word.replace("desktop-rtx", str(profile)) for word in words[2:]]
    if words[0] == "verify":
        assert python_m_engines("build-all", str(profile), "--output", "SET", cwd=tmp_path).returncode == 0
    done = python_m_engines(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_page_names_every_state_and_target() -> None:
    from typing import get_args

    from rtsr.config import EngineTarget
    from rtsr.jobs.engine_states import State
    from rtsr.upscalers.trt_build import TARGETS

    assert get_args(EngineTarget) == TARGETS
    for word in (*get_args(State), *TARGETS):
        assert f"`{word}`" in PAGE, word
    for profile in FOLDER.glob("*.toml"):
        assert f"`{profile.stem}`" in PAGE


def test_a_build_says_time_and_size_and_the_second_finds_it(run: Run, cache: Path) -> None:
    code, out, _ = run("build", *SMALL)
    assert code == 0
    row = next(line for line in out.splitlines() if "esr-max-k5c2" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    version = f"tensorrt_rtx {tensorrt_rtx.__version__}"
    assert cells[:5] == ["esr-max-k5c2 x2", "64x36", "fp16", version, "any"]
    assert float(cells[5]) > 0
    (plan,) = cache.glob("*.plan")
    assert abs(float(cells[6]) - plan.stat().st_size / 1e6) < 0.01
    assert str(cache) in out
    before = plan.stat().st_mtime_ns
    assert "there already" in run("build", *SMALL)[1]
    assert plan.stat().st_mtime_ns == before
    assert "there already" not in run("build", *SMALL, "--force")[1]
    assert plan.stat().st_mtime_ns > before


def test_each_wish_is_another_engine(run: Run, cache: Path) -> None:
    for words in ([], ["--bits", "10"], ["--precision", "fp32"], ["--target", "8.6"], ["--scale", "3"]):
        assert run("build", *SMALL, *words)[0] == 0
    assert run("build", "--model", "esr-max-k5c2,esr-tm-k5c2", "--size", "64x36,65x37")[0] == 0
    assert len(list(cache.glob("*.plan"))) == 8
    assert run("verify")[:2] == (0, "8 of 8 engines are ready, none is damaged or stale\n")


def test_all_is_every_network_of_the_scale(run: Run) -> None:
    from rtsr.models import MODELS

    code, out, _ = run("build", "--model", "all", "--size", "16x16", "--scale", "4")
    assert code == 0
    built = {line.split("|")[1].split()[0] for line in out.splitlines() if " x4 " in line}
    assert built == {name for name, scales in MODELS.items() if 4 in scales} - {"bicubic"}


def test_progress_for_machines(run: Run) -> None:
    code, out, err = run("build", "--model", "imdn,esr-max-k5c2", "--size", "64x36", "--progress", "json")
    assert (code, err) == (0, "")
    rows = [json.loads(line) for line in out.splitlines()]
    built = [row for row in rows if row["event"] == "built"]
    assert [row["engine"] for row in built] == ["imdn-light x2 64x36", "esr-max-k5c2 x2 64x36"]
    assert all(Path(row["file"]).stat().st_size == row["bytes"] and row["build_s"] > 0 for row in built)
    assert all(row["total"] == 2 and 0 <= row["done"] <= 2 for row in rows if row["event"] == "progress")
    again = [json.loads(line) for line in run("build", *SMALL, "--progress", "json")[1].splitlines()]
    assert [row["event"] for row in again] == ["there already"]


def test_a_bar_shows_what_is_left(run: Run) -> None:
    code, _, err = run("build", *SMALL, "--progress", "bar")
    assert code == 0
    assert "[1/1] esr-max-k5c2 x2 64x36 100%" in err
    assert " left" in err


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_is_finished_and_nothing_else(number: int, run: Run, cache: Path) -> None:
    sizes = ",".join(f"{960 + 2 * step}x540" for step in range(200))
    command = [sys.executable, "-m", "rtsr", "engines", "build", "--model", "imdn", "--size", sizes]
    process = subprocess.Popen(
        [*command, "--progress", "json"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    built = []
    for line in process.stdout or ():
        row = json.loads(line)
        built += [row["file"]] if row["event"] == "built" else []
        if row["event"] == "progress" and built:
            process.send_signal(number)
            break
    rest, err = process.communicate(timeout=60)
    built += [row["file"] for row in map(json.loads, rest.splitlines()) if row["event"] == "built"]
    assert process.returncode == 75, err
    assert f"stopped: {len(built)} of 200 engines are built" in err
    left = {path.name for path in cache.iterdir()} - {".lock"}
    assert left == {Path(file).with_suffix(suffix).name for file in built for suffix in (".plan", ".json")}
    assert run("verify")[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--model", "imdm"], 2, "did you mean imdn-light?"),
        (["--model", "esr-tm"], 2, "choose esr-tm-k5c2 or esr-tm-k7c4"),
        (["--model", "bicubic"], 2, "bicubic is no network"),
        (["--model", ""], 2, "no model is named"),
        (["--model", "imdn", "--scale", "3"], 2, "imdn-light has no scale 3"),
        (["--model", "all", "--scale", "7"], 2, "no network has the scale 7"),
        (["--size", "0x540"], 2, "'0x540' is not a size"),
        (["--size", "960"], 2, "'960' is not a size"),
        (["--bits", "11"], 2, "known are 8, 9, 10, 12, 14, 16"),
        (["--target", "9.0"], 2, "'9.0' is not one of"),
        (["--target", "this"], 5, "build for --target any"),
        (["--size", "64x36,99999x99999"], 2, "99999x99999 is larger than any video"),
        (["--output", "/dev/null/here"], 2, "choose another folder"),
    ],
)
def test_what_cannot_be_built_is_said_with_its_mend(words: list[str], code: int, said: str, run: Run) -> None:
    if "this" in words and shutil.which("nvidia-smi"):
        pytest.skip("there is an NVIDIA driver here, so that this machine's GPU can be built for")
    found, out, err = run("build", *words)
    assert (found, out) == (code, "")
    assert said in err
    assert len([line for line in err.splitlines() if line.startswith("rtsr: ")]) == 1


def test_the_list_for_people_and_for_programs(run: Run, cache: Path) -> None:
    assert run("list") == (0, "no engine is kept; rtsr engines build makes some\n", "")
    assert run("list", "--format", "csv")[1] == ""
    assert json.loads(run("list", "--format", "json")[1]) == []
    run("build", *SMALL)
    assert "| ready |" in run("list")[1]
    (row,) = json.loads(run("list", "--format", "json")[1])
    assert (row["model"], row["width"], row["state"], row["bytes"]) == (
        "esr-max-k5c2", 64, "ready", Path(row["file"]).stat().st_size,
    )  # fmt: skip
    (sheet,) = csv.DictReader(io.StringIO(run("list", "--format", "csv")[1]))
    assert sheet["sha256"] == row["sha256"]


def spoil(cache: Path, how: str) -> None:
    """Make the one engine of the cache useless."""
    (plan,) = plans.list_plans()
    if how == "damaged":
        plan.path.write_bytes(plan.read()[:-1])
    elif how == "writable":
        plan.path.chmod(0o666)
    else:
        changed = {"version": {"version": "1.4.0.76"}, "network": {"onnx_sha256": "0" * 64}, "model": {"model": "gone"}}
        plans.keep(replace(plan.key, **changed[how]), plan.read())
        plans.remove(plan.path.with_suffix(".json"))


@POSIX
@pytest.mark.parametrize(
    ("how", "state", "words"),
    [
        ("damaged", "refused", "is damaged; rtsr engines build makes it again"),
        ("writable", "refused", "chmod go-w"),
        ("version", "stale", "it is of tensorrt_rtx 1.4.0.76"),
        ("network", "stale", "another onnx_sha256"),
        ("model", "stale", "there is no model 'gone'"),
    ],
)
def test_what_is_of_no_use_is_found_and_pruned(how: str, state: str, words: str, run: Run, cache: Path) -> None:
    run("build", *SMALL)
    spoil(cache, how)
    assert f"| {state} " in run("list")[1]
    code, out, err = run("verify")
    assert code == 4
    assert words in out
    assert "1 of 1 engines are of no use.\n      rtsr engines prune --stale" in err
    code, out, _ = run("prune", "--stale")
    assert code == 0
    assert re.search(r"0\.2\d MB are free again", out)
    assert run("verify")[0] == 0
    assert [path.name for path in cache.iterdir() if path.name != ".lock"] == []
    assert run("build", *SMALL)[0] == 0


@pytest.mark.parametrize("how", ["damaged", "version", "network"])
def test_what_is_of_no_use_is_built_again_without_a_word_from_the_user(how: str, run: Run, cache: Path) -> None:
    run("build", *SMALL)
    spoil(cache, how)
    code, out, _ = run("build", *SMALL)
    assert code == 0
    assert "there already" not in out


def test_an_engine_of_another_library_or_gpu_is_neither_ready_nor_stale(run: Run, cache: Path) -> None:
    run("build", *SMALL)
    (plan,) = plans.list_plans()
    key = replace(plan.key, library="tensorrt", version="10.3.0", target="this", compute_capability="8.7", gpu="Orin")
    plans.keep(key, b"of a Jetson")
    assert "| elsewhere |" in run("list")[1]
    code, out, _ = run("verify")
    assert code == 0
    assert "1 of 2 engines are ready" in out
    assert "it is of tensorrt, and what is here is TensorRT-RTX" in out
    run("prune", "--stale")
    assert len(plans.list_plans()) == 2


def test_the_engine_of_chroma_is_ready_until_its_graph_changes(cache: Path) -> None:
    graph = chroma_graph((64, 48), 2, Siting.LEFT, PixelLayout())
    key = plans.key_of(graph, ("tensorrt_rtx", tensorrt_rtx.__version__), "any", ("", "", ""))
    for made, state in ((key, "ready"), (replace(key, onnx_sha256="cd" * 32), "stale")):
        plans.keep(made, b"plan")
        assert [one.state for one in list_engines()] == [state]
        shutil.rmtree(cache)


def test_pruning_by_age_and_all(run: Run, cache: Path) -> None:
    run("build", *SMALL)
    (plan,) = plans.list_plans()
    facts = plan.path.with_suffix(".json")
    facts.write_text(facts.read_text().replace(plan.built_at, "2020-01-01T00:00:00+00:00"))
    run("build", *SMALL, "--bits", "10")
    (cache / ".esr.plan.x1y2").write_bytes(b"left by a kill")
    code, out, _ = run("prune", "--older-than", "30")
    assert code == 0
    assert "days ago" in out
    assert [one.key.bits for one in plans.list_plans()] == [10]
    assert not list(cache.glob(".esr*"))
    (cache / "gpu.timing").write_bytes(b"12345")
    assert run("prune", "--all")[0] == 0
    assert {path.name for path in cache.iterdir()} <= {".lock"}
    assert run("prune", "--all")[:2] == (0, "0.00 MB are free again\n")


def test_prune_wants_to_know_what(run: Run) -> None:
    assert run("prune")[0] == 2
    assert run("prune", "--older-than", "-1")[0] == 2
    assert run("prune", "--older-than", "nan")[0] == 2


@POSIX
def test_a_cache_that_others_may_write_is_refused(run: Run, cache: Path) -> None:
    run("build", *SMALL)
    cache.chmod(0o777)
    for words in (["list"], ["verify"], ["prune", "--all"], ["build", *SMALL, "--force"]):
        code, _, err = run(*words)
        assert code == 5
        assert f"chmod go-w {cache}" in err
    assert len(list(cache.glob("*.plan"))) == 1


def test_an_output_folder_is_another_place(run: Run, cache: Path, tmp_path: Path) -> None:
    assert run("build", *SMALL, "--output", str(tmp_path / "out"))[0] == 0
    assert not cache.exists()
    assert "there already" in run("build", *SMALL, "--output", str(tmp_path / "out"))[1]


@pytest.mark.parametrize(("target", "kept_for"), [("any", "any"), ("8.9", "8.9"), ("this", "8.9")])
def test_what_the_command_built_is_what_a_run_takes(
    target: str, kept_for: str, run: Run, gpu_machine: GpuMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("build", *SMALL, "--target", target)[0] == 0
    (plan,) = plans.list_plans()
    assert plan.key.target == kept_for
    card, luma = find_model("esr-max-k5c2", 2), np.full((36, 64), 100, np.uint8)
    gpu_machine.api.built(typed_graph(card, (64, 36), PixelLayout(), "fp16"), plan.read())  # the double knows it now
    monkeypatch.setattr(tensorrt, "build_plan", lambda *_: pytest.fail("it is built again"))
    with closing(tensorrt.open_engine(card, (64, 36))) as engine:
        assert abs(int(engine.run(luma)[36, 64]) - 100) <= 1


def test_with_a_gpu_the_states_are_of_that_gpu(run: Run, gpu_machine: GpuMachine) -> None:
    for target in ("any", "8.9", "8.6", "7.5"):
        run("build", *SMALL, "--target", target)

    def states() -> dict[str, str]:
        return {row["target"]: row["state"] for row in json.loads(run("list", "--format", "json")[1])}

    assert states() == {"any": "ready", "8.9": "ready", "8.6": "elsewhere", "7.5": "elsewhere"}
    gpu_machine.driver.set_capability("7.5")
    assert states() == {"any": "elsewhere", "8.9": "elsewhere", "8.6": "elsewhere", "7.5": "ready"}
    assert run("verify")[0] == 0
    (plan,) = [one for one in plans.list_plans() if one.key.target == "7.5"]
    plans.keep(plan.key, b"no engine at all, but whole")
    assert states()["7.5"] == "refused"
    code, out, _ = run("verify")
    assert code == 4
    assert "does not take it on rtsr test double 0: version mismatch" in out


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_every_profile_that_ships_can_be_read(path: Path) -> None:
    profile = read_profile(path)
    wanted = profile.wanted()
    assert len(set(wanted)) == len(wanted) > 5
    assert (profile.library == "tensorrt") == path.stem.startswith("jetson") == bool(profile.compute_capabilities)


@pytest.mark.parametrize("name", ["jetson-orin-nano", "jetson-agx-orin", "jetson-thor"])
@pytest.mark.parametrize("command", ["build-all", "verify"])
def test_a_jetson_is_built_on_the_jetson(name: str, command: str, capsys: pytest.CaptureFixture[str],
                                         monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["engines", command, name])
    assert run_engines() == 5
    err = capsys.readouterr().err
    assert "are built there, by tensorrt, and this machine has TensorRT-RTX" in err
    assert "run the same command on a Jetson" in err


def test_a_release_set_is_whole_and_says_when_it_is_not(tmp_path: Path, cache: Path) -> None:
    profile, place = str(own_profile(tmp_path)), tmp_path / "set"
    assert python_m_engines("verify", profile, str(place)).returncode == 2  # there is none yet
    done = python_m_engines("build-all", profile, "--output", str(place))
    assert done.returncode == 0, done.stderr
    assert "SHA256SUMS names 8 files" in done.stdout
    assert not cache.exists()
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "SHA256SUMS"], cwd=place, check=True)
    done = python_m_engines("verify", profile, str(place))
    assert (done.returncode, done.stdout) == (0, "the 4 engines of small are there and whole\n")
    first, second, *_ = sorted(place.glob("*.plan"))
    first.write_bytes(first.read_bytes()[:-1])
    second.unlink()
    shutil.copy(place / "SHA256SUMS", place / "more.plan")
    done = python_m_engines("verify", profile, str(place))
    assert done.returncode == 4
    assert f"{first.name} is not the file of SHA256SUMS" in done.stdout
    assert f"{second.name} is missing" in done.stdout
    assert "more.plan is not of this set" in done.stdout
    assert f"python -m engines build-all small --output {place}" in done.stderr or profile in done.stderr
    (place / "more.plan").unlink()
    assert python_m_engines("build-all", profile, "--output", str(place)).returncode == 0
    assert python_m_engines("verify", profile, str(place)).returncode == 0


def test_a_copied_set_is_what_the_cache_needs(tmp_path: Path, cache: Path) -> None:
    profile = str(own_profile(tmp_path))
    assert python_m_engines("verify", profile).returncode == 4
    assert python_m_engines("build-all", profile, "--output", str(tmp_path / "set")).returncode == 0
    cache.mkdir(mode=0o700, parents=True)
    for path in (tmp_path / "set").glob("esr*"):
        shutil.copy(path, cache)
    done = python_m_engines("verify", profile)
    assert done.returncode == 0, done.stderr
    assert all(
        "there already" in row for row in python_m_engines("build-all", profile).stdout.splitlines() if "esr" in row
    )


@pytest.mark.parametrize("text", ["", "nonsense", "0" * 64 + "  ../up.plan", "0" * 63 + "  a.plan"])
def test_damaged_sums_are_told(text: str, tmp_path: Path) -> None:
    place = tmp_path / "set"
    place.mkdir()
    (place / "SHA256SUMS").write_text(text)
    done = python_m_engines("verify", str(own_profile(tmp_path)), str(place))
    assert done.returncode == 2
    assert "SHA256SUMS is damaged" in done.stderr


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"targetz": '["any"]'}, "did you mean targets?"),
        ({"device": ""}, "does not say 'device'"),
        ({"device": "3"}, "it is of type str"),
        ({"targets": '["9.9"]'}, "targets = '9.9'"),
        ({"targets": "[]"}, "it is a list, not empty"),
        ({"targets": '"any"'}, "it is a list, not empty"),
        ({"precision": '"int8"'}, "precision = 'int8'"),
        ({"library": '"tensort"'}, "did you mean tensorrt?"),
    ],
    ids=lambda one: str(one)[:30],
)
def test_a_profile_is_strict(changes: dict[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_profile(own_profile(tmp_path, **changes))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"esr-tm-k5c2"', '"esr-tm-k5c9"', "esr-tm-k5c2"),
        ('"esr-tm-k5c2"', '"bicubic"', "bicubic is no network"),
        ('"64x36"', '"64"', "'64' is not a size"),
        ("scales = [2]", "scales = [9]", "has no scale 9"),
        ("scales = [2]", "scale = [2]", "did you mean scales?"),
        ("scales = [2]", "scales = [2]\nbits = [11]", "11 bit is no depth"),
        ("[[engines]]", "[engines]", "names no engines"),
        ("[[engines]]", "[[engines", "cannot be read as a profile"),
    ],
)
def test_the_engines_of_a_profile_are_strict(old: str, new: str, said: str, tmp_path: Path) -> None:
    path = own_profile(tmp_path)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UsageError) as caught:
        read_profile(path)
    assert said in str(caught.value)
    assert "small.toml" in str(caught.value)


def test_an_unknown_profile_comes_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"did you mean jetson-thor\?"):
        find_profile("jetson-tor")
