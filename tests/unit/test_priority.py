"""What an encoder's library does to the priority of our threads is undone."""

import os
from pathlib import Path

import pytest

from rtsr.cli import main


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may take real-time priority, and SVT-AV1 takes it then")
@pytest.mark.parametrize("how", [[], ["--no-segments"]])
def test_an_av1_encode_leaves_no_real_time_priority(how: list[str], tmp_path: Path) -> None:
    out = str(tmp_path / "out.mkv")
    assert main(["encode", "pattern:64x64?seconds=1", out, "--model", "bicubic", "-c:v", "libsvtav1", *how]) == 0
    policies = {os.sched_getscheduler(int(name)) for name in os.listdir("/proc/self/task")}
    assert policies == {os.SCHED_OTHER}
