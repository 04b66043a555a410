"""`rtsr jobs`: encodes that were begun and not finished; `show` and `discard` one."""

from pathlib import Path

import click

from rtsr.cli.options import command as make_command
from rtsr.config import Discard, Jobs, ShowJob
from rtsr.jobs.table import csv_text, json_text, markdown


def run(options: Jobs) -> None:
    """List the encodes that were begun and not finished. The command that began one goes on with it."""
    from rtsr.jobs.unfinished import list_unfinished

    jobs = list_unfinished()
    if options.format != "md":
        rows = [
            {"output": str(job.output), "input": job.source, "state": job.state, "segments": job.segments,
             "finished": job.finished, "frames": job.frames, "bytes": job.bytes}
            for job in jobs
        ]  # fmt: skip
        print({"csv": csv_text, "json": json_text}[options.format](rows))
    elif jobs:
        head = ["output", "input", "state", "segments", "frames", "MB"]
        rows_md = [
            [str(job.output), job.source, job.state, f"{job.finished}/{job.segments}", f"{job.frames}",
             f"{job.bytes / 1e6:.1f}"]
            for job in jobs
        ]  # fmt: skip
        print(markdown([head, *rows_md], left=3))
    else:
        print("no encode waits to be finished")


def run_show(options: ShowJob) -> None:
    """How far the job of OUT is, and what it was begun with. OUT may be the job's folder, too."""
    from rtsr.jobs.unfinished import read

    job = read(Path(options.output))
    print(f"{job.source} -> {job.output}")
    print(f"  {job.state}: {job.finished} of {job.segments} segments, {job.frames} frames, {job.bytes / 1e6:.1f} MB")
    for name, value in job.settings.items():
        if value not in (None, [], "", False):
            print(f"  {name}: {value}")
    print(f"watch it:    rtsr view {job.output}.rtsr")
    print(f"give it up:  rtsr jobs discard {job.output}")


def run_discard(options: Discard) -> None:
    """Delete what is finished of the job of OUT."""
    from rtsr.jobs.unfinished import discard

    discard(Path(options.output))
    print(f"the job of {options.output} is discarded")


command = click.Group(
    "jobs",
    commands={
        "list": make_command("list", Jobs, run),
        "show": make_command("show", ShowJob, run_show),
        "discard": make_command("discard", Discard, run_discard),
    },
    help="Encodes that were begun and not finished: list them, show one, discard one.",
)
"""As click has it."""
