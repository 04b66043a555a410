"""How the commands of training end: what went wrong in one sentence, its mend, and the exit code."""

from __future__ import annotations

import errno
import sys
from typing import TYPE_CHECKING

import click

from rtsr.errors import ResourceError, RtsrError

if TYPE_CHECKING:
    from collections.abc import Sequence


def run_command(
    command: click.Command, name: str, *, full: str = "make room", arguments: Sequence[str] | None = None,
    program: str | None = None,
) -> int:  # fmt: skip
    """Run a command; return its exit code.

    Args:
        command: as click has it.
        name: what its sentences begin with.
        full: the mend where the disk is full.
        arguments: instead of the program's own.
        program: what its usage calls it, instead of the program's own name.
    """
    try:
        command.main(list(sys.argv[1:] if arguments is None else arguments), program, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        return _say(name, ResourceError(f"the disk is full: {error.filename}", mend=full))
    except RtsrError as error:
        return _say(name, error)
    return 0


def _say(name: str, error: RtsrError) -> int:
    click.echo(f"{name}: {error.problem}.\n{' ' * len(name)}  {error.mend}", err=True)
    return error.exit_code
