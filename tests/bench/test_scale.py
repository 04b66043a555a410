"""The simulation of docs/scale.md: its figures are what its commands print, and simple cases come out as on paper."""

import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.scale import H_S, Farm, Simulation

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"```\npython -m (benchmarks\.scale [^\n]*)\n```\n\n((?:\|[^\n]*\n)+)", PAGE)
NEVER = 1e12
IDEAL = Farm(
    speeds=(0.5,), nodes=10, segment_s=10, start_s=0, read_bps=0, write_bps=0, beside_bps=0, link_bps=1e9,
    mtbf_h=NEVER, repair_h=1, scheduler_mtbf_h=NEVER, notice_s=300,
)  # fmt: skip


def run(farm: Farm, hours: float = 100, seed: int = 1) -> Simulation:
    simulation = Simulation(farm, random.Random(seed))
    simulation.run(hours * H_S)
    return simulation


@pytest.mark.parametrize(("command", "table"), SHOWN, ids=[command[-24:] for command, _ in SHOWN])
def test_the_page_shows_what_its_command_prints(command: str, table: str) -> None:
    module, *options = command.split()
    done = subprocess.run(
        [sys.executable, "-m", module, *options], capture_output=True, text=True, check=False, cwd=ROOT, timeout=170
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(table)


def test_the_page_shows_something() -> None:
    assert len(SHOWN) >= 2


def test_ten_nodes_at_half_speed_need_a_fifth_of_the_archives_time() -> None:
    told = run(IDEAL).told
    assert told.elapsed_s == pytest.approx(100 * H_S / 5, rel=0.01)
    assert told.failures == told.lost == told.wasted_s == 0


def test_nodes_of_two_kinds_work_side_by_side() -> None:
    assert run(replace(IDEAL, speeds=(0.25, 0.75))).told.elapsed_s == pytest.approx(100 * H_S / 5, rel=0.01)


def test_a_full_link_sets_the_pace() -> None:
    told = run(replace(IDEAL, read_bps=8e6, write_bps=24e6, beside_bps=32e6, link_bps=64e6)).told
    assert told.elapsed_s == pytest.approx(100 * H_S, rel=0.02), "each second of video takes a second of the link"
    assert told.moved_bits == pytest.approx(100 * H_S * 64e6, rel=0.001)


def test_a_failure_costs_a_segment_and_not_a_film() -> None:
    fragile = replace(IDEAL, mtbf_h=2)
    cut, whole = run(fragile).told, run(replace(fragile, segment_s=5400)).told
    assert cut.failures > 50
    assert cut.lost == cut.failures
    assert cut.wasted_s < cut.lost * 1.5 * 10 / 0.5
    assert whole.wasted_s > 50 * cut.wasted_s
    assert whole.elapsed_s > cut.elapsed_s


def test_a_scheduler_that_dies_costs_what_all_nodes_are_at() -> None:
    told = run(replace(IDEAL, scheduler_mtbf_h=1)).told
    assert told.failures == 0
    assert 0 < told.lost <= 10 * 60
    assert told.elapsed_s < 1.05 * 100 * H_S / 5


def test_the_same_seed_gives_the_same_farm_and_another_another() -> None:
    fragile = replace(IDEAL, mtbf_h=10)
    first, second, other = (run(fragile, seed=seed).told.elapsed_s for seed in (3, 3, 4))
    assert first == second != other


def test_what_is_no_bench_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    for name, content, words in (
        ("none.json", None, "is not what"),
        ("empty.json", "{}", "is not what"),
        ("rows.json", '{"rows": []}', "has no row for esr-tr-k5c2 at 1920x1080"),
    ):
        if content is not None:
            (tmp_path / name).write_text(content)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.scale", str(tmp_path / name)],
            capture_output=True, text=True, check=False, cwd=ROOT,
        )  # fmt: skip
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr
