"""Damaged media files through `rtsr encode`: a few of the 500 of `python -m benchmarks.fuzz_encode`."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.fuzz_mutations import MUTATIONS, mutated

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, to give each file a process of its own")
def test_damaged_files_end_with_a_documented_code_and_leave_nothing(tmp_path: Path) -> None:
    told = tmp_path / "cases.json"
    command = [sys.executable, "-m", "benchmarks.fuzz_encode", "--count", "50", "--jobs", "2", "--json", str(told)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=170)
    assert done.returncode == 0, done.stdout + done.stderr
    cases = json.loads(told.read_text())
    assert len(cases) == 50
    assert {case["code"] for case in cases} >= {0, 3}  # some survive their damage, and some do not


def test_the_same_seed_makes_the_same_files() -> None:
    sources = [bytes(range(256)) * 20, b"another file" * 300]
    first = [mutated(number, 7, sources) for number in range(60)]
    assert first == [mutated(number, 7, sources) for number in range(60)]
    assert first != [mutated(number, 8, sources) for number in range(60)]
    assert {name for _, name, _ in first} == set(MUTATIONS)


@pytest.mark.parametrize("name", MUTATIONS)
def test_each_damage_takes_even_a_tiny_file(name: str) -> None:
    for seed in range(50):
        data = bytearray(b"ab")
        MUTATIONS[name](data, b"x", random.Random(seed))
