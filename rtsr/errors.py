"""What a user may meet: one sentence of what happened, one of how to mend it, one exit code.

The codes are part of the command line's contract (`docs/exit-codes.md`): never change one.
"""

import difflib
from collections.abc import Iterable
from typing import Any

EXIT_INTERRUPTED = 75
"""Stopped by the first Ctrl-C or SIGTERM, after closing everything (sysexits: temporary failure)."""
EXIT_SECOND_INTERRUPT = 130
"""Stopped at once by the second Ctrl-C."""
EXIT_READER_GONE = 141
"""Who read our standard output has gone: what a shell reports of a program that SIGPIPE ended."""


class RtsrError(Exception):
    """A failure that the user can act on."""

    exit_code = 1

    def __init__(self, problem: str, *, mend: str) -> None:
        super().__init__(f"{problem}. {mend}")
        self.problem = problem
        """What happened, with the value that caused it; no final stop."""
        self.mend = mend
        """What the user can do about it; a command where there is one."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors of other processes are raised in this one."""
        return _again, (type(self), self.problem, self.mend)


def _again(kind: type[RtsrError], problem: str, mend: str) -> RtsrError:
    return kind(problem, mend=mend)


class UsageError(RtsrError):
    """The command line, an option or a name is wrong."""

    exit_code = 2


class SourceError(RtsrError):
    """The input cannot be read, or holds what this version does not upscale."""

    exit_code = 3


class LossError(RtsrError):
    """The output is finished, but lacks something that the input had or promised."""

    exit_code = 4


class BackendError(RtsrError):
    """The asked-for backend or device is missing or fails."""

    exit_code = 5


class ResourceError(RtsrError):
    """Memory or disk is full."""

    exit_code = 6


class FailedFilesError(RtsrError):
    """Of many files some failed; each was told."""

    exit_code = 7


class ReaderGone(RtsrError):  # noqa: N818 - a reader may go whenever it likes
    """Whoever read our standard output has gone; the one kind of which nothing is said."""

    exit_code = EXIT_READER_GONE


class InterruptedRun(RtsrError):  # noqa: N818 - an interruption is the user's wish, not an error
    """The user stopped the run; what was finished is kept and named."""

    exit_code = EXIT_INTERRUPTED


def nearest(name: str, known: Iterable[str]) -> str:
    """A mend that offers the known name closest to `name`, or lists all."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(names)}"
