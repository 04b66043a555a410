"""Encodes one after the other with what the user sees and presses: progress, keys, and the signals that stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rtsr.cli.interrupt import stop_on_signal
from rtsr.cli.keys import Keys, keys_of_terminal

if TYPE_CHECKING:
    from rtsr.config import Encode, Progress
    from rtsr.frame import Timed
    from rtsr.jobs.encode import EncodeJob
    from rtsr.jobs.outcome import Encoded


def open_job(options: Encode) -> EncodeJob:
    """The encode that `options` ask for, ready to run; see `rtsr.jobs.encode.open_encode`."""
    from rtsr.jobs.direct import is_direct, open_direct
    from rtsr.jobs.encode import open_encode

    return open_direct(options) if is_direct(options) else open_encode(options)


class Session:
    """See `open_session`."""

    def __init__(self, progress: Progress, on_stop: Callable[[], None]) -> None:
        self._progress, self._on_stop = progress, on_stop
        self._job: EncodeJob | None = None
        self._stopped = False
        self.keys: Keys | None = None

    def stop(self) -> None:
        """From a signal handler or a key: the job that runs ends, and none after it begins."""
        self._stopped = True
        self._on_stop()
        if self._job is not None:
            self._job.stop()

    def run(self, job: EncodeJob, file: str | None = None, also: Callable[[], None] = lambda: None) -> Encoded:
        """Run `job` to its end, and show how far it is; raises as `EncodeJob.run`.

        Args:
            job: opened and ready.
            file: what its progress is called, where it is one of several.
            also: called after each frame.
        """
        from rtsr.cli.progress import open_progress

        shown = open_progress(self._progress, job.info, job.resumed_frames, file)

        def on_frame(frame: Timed) -> None:
            shown.update(frame)
            also()
            if self.keys is not None and (rested_s := self.keys.rest()):
                shown.rested(rested_s)

        self._job = job
        if self._stopped:  # while it was opened
            job.stop()
        try:
            return job.run(on_frame)
        finally:
            self._job = None
            shown.close()


@contextmanager
def open_session(progress: Progress, on_stop: Callable[[], None] = lambda: None) -> Iterator[Session]:
    """While inside, the keys of the terminal and the signals that stop are heard.

    Args:
        progress: how it is shown.
        on_stop: called beside the job's own `stop`; from a signal handler, too.
    """
    session = Session(progress, on_stop)
    with keys_of_terminal(session.stop) as session.keys, stop_on_signal(session.keys.stop):
        yield session
