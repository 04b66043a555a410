"""`rtsr doctor`: what this machine can do."""

import click

from rtsr.cli.options import command as make_command
from rtsr.config import Doctor


def run(_options: Doctor) -> None:
    """Say what works on this machine, what does not, and the command that mends it.

    Everything is tried: each backend upscales a frame, each encoder encodes some, each sensor is read.
    """
    from rtsr.jobs.doctor import as_page, examine

    click.echo(as_page(examine()))


command = make_command("doctor", Doctor, run)
