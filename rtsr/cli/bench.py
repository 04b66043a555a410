"""`rtsr bench`: how fast the networks are on this machine."""

from pathlib import Path

import click

from rtsr.cli.options import command as make_command
from rtsr.config import Bench


def run(options: Bench) -> None:
    """Measure the networks on this machine, against bicubic in the same run.

    The ratio to bicubic is what can be compared between machines; rows are measured in turns, so that a busy moment
    hits all alike. JSON rows hold model, backend, width, height, scale, fps, p50_ms, p95_ms, p99_ms, watts (null where
    no sensor measures) and more.
    """
    from rtsr.jobs import bench

    path = Path(options.json) if options.json is not None else None
    if path is not None:
        bench.check_writable(path)
    rows = bench.bench(options)
    click.echo(bench.as_table(rows))
    if path is not None:
        bench.write_whole(path, bench.as_json(rows))
        click.echo(f"written to {path}", err=True)


command = make_command("bench", Bench, run)
