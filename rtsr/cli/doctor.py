"""`rtsr doctor`: what this machine can do."""

from pathlib import Path

import click

from rtsr.cli.options import command as make_command
from rtsr.config import Doctor
from rtsr.errors import UsageError


def run(options: Doctor) -> None:
    """Say what works on this machine, what does not, and the command that mends it.

    Everything is tried: each backend upscales a frame, each encoder encodes some, each sensor is read.

    With --report, engines are built and timed as well, and all is written to a file to send along with a question. It
    holds no name of a user or a machine and no serial number; have a look before you send it.
    """
    if options.report is not None:
        _report(options.report)
        return
    from rtsr.jobs.doctor import as_page, examine

    click.echo(as_page(examine()))


def _report(place: str) -> None:
    from rtsr.jobs.bench import check_writable, write_whole
    from rtsr.jobs.report import HEAD, make_report

    if place == "-":
        click.echo(make_report(), nl=False)
        return
    path = Path(place)
    check_writable(path)
    if path.exists() and not path.read_bytes().startswith(HEAD.encode()):
        raise UsageError(f"{path} is there, and is no report of rtsr", mend="name another file")
    write_whole(path, make_report())
    click.echo(f"written to {path}: have a look, then send it along", err=True)


command = make_command("doctor", Doctor, run)
