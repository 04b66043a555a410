"""Engines, measured in this process, which may crash or hang: `benchmarks.gpu` starts it.

    python -m benchmarks.gpu_backend ROWS_FILE SECONDS cuda|cpu < JOBS

Time on the card lies between two events around launches of one engine that wait behind copies, so that the card never
waits for Python; what an engine's own launches leave idle between its kernels counts. Time with copies is the
product's: luma from the machine's memory to luma in the machine's memory. With "cpu" torch's backends run without a
GPU, which tries out this file and measures nothing.
"""

from __future__ import annotations

import faulthandler
import json
import sys
import time
from collections import deque
from contextlib import closing, suppress
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.gpu_engines import open_engine
from benchmarks.gpu_rows import BEGUN, JOB_S, Job, Row
from rtsr.errors import BackendError, ResourceError, RtsrError
from rtsr.frame import YUV420P
from rtsr.metrics import psnr_db
from rtsr.models import find_model
from rtsr.power import open_checked
from rtsr.power.nvml import open_nvml
from rtsr.upscalers import cuda, selfcheck

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtsr.frame import Plane
    from rtsr.power import Probe
    from rtsr.stages import LumaEngine

_SINGLE_S, _FLOW_S = 0.2, 0.7
_LEAST = 5
"""Pictures of a measurement at least."""


def measure(job: Job, probe: Probe | None, device: str) -> Row:
    """Open the engine, measure it, compare its picture. Raises what the engine raises."""
    card, size = find_model(job.model, job.scale), (job.width, job.height)
    picture = selfcheck.test_picture(size, YUV420P)
    began_s = time.perf_counter()
    with closing(open_engine(job.backend, card, size, device)) as engine:
        made = engine.run(picture)
        row = Row(job, what=engine.what, opened_s=time.perf_counter() - began_s)
        row = replace(row, device_ms=engine.device_ms(), single_ms=_single_ms(engine, picture))
        if probe is not None:
            probe.read_w()  # a counter of energy begins here
        row = replace(row, flow_ms=_flow_ms(engine, picture))
        row = replace(row, watts=None if probe is None else probe.read_w())
    wanted = np.rint(selfcheck.expected(card, size, YUV420P))
    worst = int(np.abs(made.astype(np.int16) - wanted.astype(np.int16)).max())
    return replace(row, worst=worst, psnr_db=None if worst == 0 else psnr_db(wanted, made))


def _single_ms(engine: LumaEngine, picture: Plane) -> float:
    """The median of pictures that are made one after the other."""
    return median(_times_ms(lambda: engine.run(picture), _SINGLE_S))


def _times_ms(once: Callable[[], object], seconds: float) -> list[float]:
    times_ms: list[float] = []
    end_s = time.perf_counter() + seconds
    while len(times_ms) < _LEAST or time.perf_counter() < end_s:
        began_s = time.perf_counter()
        once()
        times_ms.append((time.perf_counter() - began_s) * 1e3)
    return times_ms


def _flow_ms(engine: LumaEngine, picture: Plane) -> float:
    """The mean, with as many pictures under way as the engine takes; the last ones finish within the time."""
    under_way: deque[Callable[[], Plane]] = deque()
    count, began_s = 0, time.perf_counter()
    while count < _LEAST * engine.slots or time.perf_counter() - began_s < _FLOW_S:
        if len(under_way) == engine.slots:
            under_way.popleft()()
        under_way.append(engine.begin(picture))
        count += 1
    while under_way:
        under_way.popleft()()
    return (time.perf_counter() - began_s) / count * 1e3


def _open_probe() -> Probe | None:
    """The sensor of the first GPU, or of the whole module on a Jetson."""
    with suppress(BackendError):
        return open_nvml(cuda.find_gpu().uuid)
    for name in ("nvml", "tegra"):
        with suppress(BackendError):
            return open_checked(name)
    return None


def main() -> int:
    """Measure job after job, and write each row when it is there; 1 where this process should do no other."""
    path, seconds, device = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    end_s, longest_s = time.monotonic() + seconds, 0.0
    jobs = [Job(**fields) for fields in json.load(sys.stdin)]
    probe = _open_probe()
    with path.open("w", encoding="utf-8") as file:

        def write(row: Row) -> None:
            file.write(json.dumps(asdict(row)) + "\n")
            file.flush()

        for job in jobs:
            began_s = time.monotonic()
            if began_s + longest_s > end_s:
                return 0
            write(Row(job, problem=BEGUN))
            faulthandler.dump_traceback_later(JOB_S, exit=True)
            try:
                write(measure(job, probe, device))
            except (BackendError, ResourceError) as error:
                write(Row(job, problem=error.problem))
                if error.problem.startswith("CUDA failed"):  # and so will all that follows in this process
                    print(error.problem, file=sys.stderr)
                    return 1
            except Exception as error:  # noqa: BLE001 - one engine that breaks must not hide the others
                words = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
                write(Row(job, problem=words))
                print(words, file=sys.stderr)
                return 1
            finally:
                faulthandler.cancel_dump_traceback_later()
            longest_s = max(longest_s, time.monotonic() - began_s)
    return 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except RtsrError as error:
        print(f"{error.problem}. {error.mend}", file=sys.stderr)
        raise SystemExit(error.exit_code) from error
