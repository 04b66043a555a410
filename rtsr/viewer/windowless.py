"""`rtsr view --headless`: the window's pipeline without a window, until it is stopped; for what feeds others."""

import logging
from functools import partial

from rtsr.config import View
from rtsr.jobs.energy import open_sensors
from rtsr.mailbox import Mailbox
from rtsr.power.panel import Panel
from rtsr.sources.returning import ChangedSource
from rtsr.viewer.run import Run, open_run, open_when_there, pipeline_of
from rtsr.viewer.scene import Scene
from rtsr.viewer.stats import Stats

log = logging.getLogger(__name__)


class WindowlessViewer:
    """Every picture counts as seen when its moment has come; see `rtsr.viewer.app.open_viewer`."""

    def __init__(self, options: View) -> None:
        self.interrupted = False
        self._panel = Panel(open_sensors(options.device))
        self._scene = Scene(Stats(self._panel))
        self._scene.changed.connect(self._see)
        self._halted: Mailbox[None] = Mailbox(1)
        self._open = partial(open_run, pipeline_of(options, self._scene.stats), self._scene)
        self._run: Run = self._open()

    def run(self) -> str:
        """Go on until the source ends or `stop`, and say what was measured."""
        while True:
            self._scene.stats.attach(self._run.pipeline)
            if self._halted.wait_closed(0):
                self._run.halt()
            try:
                self._run.pipeline.run()
            except ChangedSource as error:
                log.warning("%s", error.problem)
                self._run = open_when_there(self._open, self._halted)
            else:
                return self._scene.stats.summary()

    def stop(self) -> None:
        """From a signal handler: end."""
        self.interrupted = True
        self._halted.close()
        self._run.halt()

    def close(self) -> None:
        """Let go of what is open."""
        self._run.pipeline.close()
        self._panel.close()

    def _see(self) -> None:
        if self._scene.picture is not None:
            self._scene.presented(self._scene.picture)
