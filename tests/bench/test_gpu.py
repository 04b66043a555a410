"""benchmarks.gpu: what it says without a GPU, in which order it measures, and what it makes of what it measured.

The engines of torch run on torch's CPU device here, in processes as on a GPU; of the driver there is a double.
"""

import ctypes
import json
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import gpu
from benchmarks.gpu_clock import DriverLane, device_ms
from benchmarks.gpu_limits import Limits, floor_of, measure
from benchmarks.gpu_rows import BACKENDS, SIZES, Job, Row, goals_of, goals_text, jobs_of, limits_text, table
from rtsr.errors import BackendError
from rtsr.frame import YUV420P
from rtsr.models import MODELS, find_model
from rtsr.upscalers import cuda, devices
from rtsr.upscalers.ring import Geometry, Ring
from tests.doubles.driver import Driver

ROOT = Path(__file__).parents[2]
LIMITS = Limits("A card", "GPU-1", "8.9", "13.0", 12 << 30, 500e9, 25e9, 20e9, 100e12)
FUSED = Job("triton-esr", "esr-max-k5c2", 1920, 1080, 2)
IMDN = Job("tensorrt", "imdn-light", 960, 540, 2)


def has_gpu() -> bool:
    return any(device.ordinal is not None for device in devices.list_devices())


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.gpu", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=120)


@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU, and would be measured for minutes")
def test_without_a_gpu_it_ends_with_a_sentence_and_its_mend(tmp_path: Path) -> None:
    done = run("--json", str(tmp_path / "gpu.json"))
    assert done.returncode == 5
    assert done.stdout == ""
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("no NVIDIA GPU can be used")
    assert "install" in sentence
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--models", "imdn"), "did you mean imdn-light?"),
        (("--backends", "tensorrt,cuda"), "there is no 'cuda'"),
        (("--backends", ""), "there is no ''"),
        (("--minutes", "0"), "--minutes 0 is not between"),
        (("--json", "nowhere/gpu.json"), "cannot be written"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_measured(options: tuple[str, ...], words: str) -> None:
    done = run(*options)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_what_has_a_goal_is_measured_first_and_everything_once() -> None:
    jobs = jobs_of("tensorrt", MODELS)
    assert jobs[0] == IMDN
    assert {(job.width, job.scale) for job in jobs[:5]} == {(960, 2), (1920, 2)}
    wanted = {
        (name, *size, scale) for name in MODELS if name != "bicubic" for size, scale in SIZES if scale in MODELS[name]
    }
    assert {(job.model, job.width, job.height, job.scale) for job in jobs} == wanted
    assert len(jobs) == len(wanted)


def test_the_kernel_of_edge_sr_is_measured_with_edge_sr_alone() -> None:
    jobs = jobs_of("triton-esr", MODELS)
    assert {find_model(job.model, job.scale).net for job in jobs} == {"esr"}
    assert jobs_of("triton-esr", ["imdn-light"]) == []


def test_named_models_are_the_only_ones() -> None:
    assert {job.model for job in jobs_of("torch-graph", ["span-48"])} == {"span-48"}


def test_time_that_one_backend_leaves_over_is_the_next_ones() -> None:
    names = list(BACKENDS)
    assert gpu.share_s(names[0], names, 400) == pytest.approx(400 * BACKENDS[names[0]] / sum(BACKENDS.values()))
    assert gpu.share_s(names[-1], names, 123) == 123
    assert gpu.share_s("torch-eager", ["tensorrt", "torch-eager"], 50) == 50


def test_the_floor_is_each_byte_moved_once_and_each_multiplication_done_once() -> None:
    card = find_model("imdn-light", 2)
    floor = floor_of(card, (960, 540), LIMITS)
    samples = 960 * 540
    assert floor.memory_ms == pytest.approx((5 * samples + 2 * card.parameters) / 500e9 * 1e3)
    assert floor.arithmetic_ms == pytest.approx(2 * 865088 * samples / 100e12 * 1e3)
    assert floor.device_ms == floor.arithmetic_ms
    assert floor.link_ms == pytest.approx(4 * samples / 20e9 * 1e3)
    unknown = floor_of(card, (960, 540), replace(LIMITS, flops=None))
    assert unknown.arithmetic_ms is None
    assert unknown.device_ms == floor.memory_ms


def measured(job: Job, device_ms: float = 0.02, flow_ms: float = 0.021, worst: int = 0) -> Row:
    return Row(
        job, "made by this test", 1.0, device_ms, 2 * flow_ms, flow_ms, 100.0, worst, None if worst == 0 else 60.0
    )


def cells_of(text: str) -> list[dict[str, str]]:
    head, _, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines())
    return [dict(zip(head, cells, strict=True)) for cells in body]


def test_the_table_tells_rates_their_ratio_and_energy() -> None:
    (cells,) = cells_of(table([measured(IMDN, device_ms=2.0, flow_ms=2.5, worst=1)], LIMITS))
    assert (cells["device fps"], cells["fps"], cells["fps ratio"]) == ("500", "400", "0.80")
    assert (cells["W"], cells["mJ/frame"]) == ("100", "250.0")
    assert (cells["PSNR dB"], cells["worst"]) == ("60.0", "1")
    assert cells["x floor"] == f"{2.0 / floor_of(find_model('imdn-light', 2), (960, 540), LIMITS).device_ms:.1f}"


def test_what_was_not_measured_is_called_so_and_never_zero() -> None:
    (cells,) = cells_of(table([Row(IMDN, "x", 1.0, 2.0, 3.0, 2.1)], LIMITS))
    assert cells["W"] == cells["mJ/frame"] == cells["PSNR dB"] == cells["worst"] == "not measured"
    assert "not measured (needs torch)" in limits_text(replace(LIMITS, flops=None))


def verdicts(rows: list[Row]) -> dict[str, bool | None]:
    return {goal.aim.split(",")[0].split(":")[0]: goal.reached for goal in goals_of(rows, LIMITS)}


def test_goals_are_reached_missed_or_not_measured() -> None:
    assert set(verdicts([]).values()) == {None}
    good = verdicts([measured(FUSED, 0.014, 0.015, worst=1), measured(IMDN, 3.9, 4.0, worst=1)])
    assert set(good.values()) == {True}
    bad = verdicts([measured(FUSED, 0.05, 0.4, worst=2), measured(IMDN, 4.1, 9.0)])
    assert bad == {
        "fused eSR": False, "IMDN in fp16": False, "copies hidden": False, "eSR": False, "IMDN": True
    }  # fmt: skip


def test_copies_that_the_link_cannot_hide_are_told_apart() -> None:
    slow = goals_text(goals_of([measured(FUSED, 0.02, 0.5), measured(IMDN, 3.0, 9.0)], LIMITS))
    assert "0 of 2; of the others 1 by the link" in slow


def test_the_report_says_what_failed_and_what_was_left_out() -> None:
    rows = [measured(IMDN), Row(replace(IMDN, backend="torch-compile"), problem="it hung for 75 s")]
    text = gpu.report(LIMITS, rows, [FUSED, FUSED], 12.3)
    assert text.startswith("machine: ")
    assert "GPU: A card, compute capability 8.9, 12.0 GiB" in text
    assert "- imdn-light 960x540 -> 1920x1080 on torch-compile: it hung for 75 s" in text
    assert "Left out for want of time: 2 of triton-esr." in text
    whole = json.loads(gpu.as_json(LIMITS, rows, [FUSED]))
    assert whole["limits"]["copy_bps"] == 500e9
    assert [row["problem"] for row in whole["rows"]] == ["", "it hung for 75 s"]


def test_where_everything_failed_there_is_no_table() -> None:
    text = gpu.report(LIMITS, [Row(IMDN, problem="no TensorRT")], [], 1.0)
    assert "| " not in text
    assert "no TensorRT" in text


def tiny(backend: str, model: str, scale: int = 2) -> Job:
    return Job(backend, model, 48, 32, scale)


def test_engines_are_measured_in_a_process_and_one_that_breaks_hides_no_other(tmp_path: Path) -> None:
    jobs = [tiny("torch-eager", "esr-tr-k5c2"), tiny("torch-eager", "imdn-light", 4), tiny("torch-graph", "ecbsr-m4c8")]
    rows, left = gpu.measure("torch-eager", jobs, 100, tmp_path, "cpu")
    assert left == []
    assert [row.job for row in rows] == jobs
    first, broken, last = rows
    assert "no scale 4" in broken.problem
    for row in (first, last):
        assert row.problem == ""
        assert row.device_ms is not None
        assert row.single_ms is not None
        assert row.flow_ms is not None
        assert row.worst is not None
        assert row.worst <= 1
    assert "eager" in first.what
    assert "CUDA graph" in last.what


def test_where_there_is_no_time_nothing_is_begun(tmp_path: Path) -> None:
    jobs = [tiny("torch-eager", "esr-tr-k5c2")]
    assert gpu.measure("torch-eager", jobs, 1.0, tmp_path, "cpu") == ([], jobs)


@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")
@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "torch-eager"])
def test_each_backend_says_why_it_does_not_run_here(backend: str, tmp_path: Path) -> None:
    ((row,), left) = gpu.measure(backend, [tiny(backend, "esr-tr-k5c2")], 60, tmp_path)
    assert left == []
    assert row.problem
    assert "Traceback" not in row.problem


def test_a_line_that_is_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert gpu.read_rows(path) == []
    path.write_text('{"job": {"backend": "b", "model": "m", "width": 1, "height": 1, "scale": 2}}\n{"job": {"ba')
    assert gpu.read_rows(path) == [Row(Job("b", "m", 1, 1, 2))]


def test_how_a_process_ended_is_told_in_words() -> None:
    hanging = "import faulthandler as f, threading as t; f.dump_traceback_later(0.05, exit=True); t.Event().wait()"
    done = subprocess.run([sys.executable, "-c", hanging], capture_output=True, text=True, check=False)
    assert gpu._ending(done.returncode, done.stderr) == "it hung for 75 s"
    assert gpu._ending(-11, "") == "its process was ended by signal 11"
    assert gpu._ending(1, "a\nValueError: b\n") == "ValueError: b"
    assert gpu._ending(3, "") == "its process ended with code 3"


def test_the_clock_launches_on_every_set_and_frees_what_it_took(gpu_double: Driver) -> None:
    launched: list[int] = []
    called = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)

    def launch(slot: int, stream: cuda.Stream) -> None:
        launched.append(slot)
        gpu_double.enqueue(stream.address, called)

    with closing(cuda.Context()) as context, closing(Ring(context, Geometry((8, 8), 2, YUV420P.dtype))) as ring:
        ring.bind(launch)
        before = gpu_double.live
        with closing(DriverLane(ring)) as lane:
            assert device_ms(lane) > 0
        assert gpu_double.live == before
    assert set(launched) == {0, 1, 2}


def test_limits_of_copies_are_measured_by_the_driver_where_torch_sees_no_gpu(gpu_double: Driver) -> None:
    gpu_double.set_memory(64 << 20)
    limits = measure()
    assert (limits.gpu, limits.capability, limits.flops) == ("rtsr test double 0", "8.9", None)
    assert min(limits.copy_bps, limits.in_bps, limits.out_bps) > 0


@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")
def test_limits_without_a_gpu_are_an_error_with_a_mend() -> None:
    with pytest.raises(BackendError, match="no NVIDIA GPU can be used"):
        measure()
