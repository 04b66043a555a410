"""`rtsr bench`: how fast the networks are on this machine."""

from pathlib import Path

import click

from rtsr.cli.options import command as make_command
from rtsr.config import Bench


def run(options: Bench) -> None:
    """Measure the networks on this machine, against bicubic in the same run.

    The ratio to bicubic is what can be compared between machines; rows are measured in turns, so that a busy moment
    hits all alike. JSON rows hold model, backend, width, height, scale, fps, p50_ms, p95_ms, p99_ms, watts and
    joules_per_frame (null where no sensor measures), and under powers the same for each sensor: docs/power.md.

    Below, or under "picture" in JSON: the latency of one picture of 256x256 at x4, and what was published for that case
    on another machine.

    What is measured at the size of `--model auto` or larger, for 0.2 s or more, is what auto chooses by from then on.
    """
    from rtsr.jobs import bench
    from rtsr.jobs.ladder import keep_rows
    from rtsr.jobs.machine import is_busy

    path = Path(options.json) if options.json is not None else None
    if path is not None:
        bench.check_writable(path)
    busy = is_busy()
    rows = bench.bench(options)
    keep_rows(rows, options, busy=busy)
    click.echo(f"{bench.as_table(rows)}\n")
    picture = bench.bench_picture(options)
    click.echo(bench.as_picture_table(picture))
    if path is not None:
        bench.write_whole(path, bench.as_json(rows, picture))
        click.echo(f"written to {path}", err=True)


command = make_command("bench", Bench, run)
