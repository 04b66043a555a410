"""`rtsr kiosk`: a screen that comes up by itself and stays up."""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rtsr.cli.interrupt import stop_on_signal
from rtsr.cli.options import command as make_command
from rtsr.config import KioskCheck, KioskInstall, KioskRun, KioskStatus, KioskUninstall
from rtsr.errors import EXIT_INTERRUPTED, BackendError, RtsrError, UsageError

if TYPE_CHECKING:
    from rtsr.kiosk.kept import Choice
    from rtsr.kiosk.notify import Notifier


def run_install(options: KioskInstall) -> None:
    """Make this machine a kiosk: a systemd unit, a user of its own, and the settings, in /etc/rtsr/kiosk.toml.

    The settings are read first, and nothing is written where they are broken. Installing again takes new settings over.
    """
    from rtsr.kiosk.install import install

    for line in install(options):
        click.echo(line)


def run_uninstall(options: KioskUninstall) -> None:
    """Stop it and take the unit away. Settings and reports stay, unless --purge."""
    from rtsr.kiosk.install import uninstall

    for line in uninstall(options):
        click.echo(line)


def run_status(options: KioskStatus) -> int:
    """What systemd and /health say. Ends with code 0 while it runs and all is well, else with 1."""
    from rtsr.kiosk.status import read_status

    status = read_status()
    click.echo(status.as_json() if options.json else status.as_page())
    return 0 if status.well else 1


def run_check(options: KioskCheck) -> int:
    """Go through all that a kiosk needs, and say how to mend what is not there. Ends with code 1 where there is any."""
    from rtsr.jobs.doctor import as_page
    from rtsr.kiosk.check import check

    sections = check(Path(options.config) if options.config else None)
    click.echo(as_page(sections))
    return int(any(finding.mark == "!!" for findings in sections.values() for finding in findings))


def run(options: KioskRun) -> int:
    """Show it on this screen: what the unit runs, inside the compositor. For a try, in any desktop.

    Broken settings are replaced by the last good ones, and the screen says so. The chord of the settings leaves.
    """
    from rtsr.kiosk.kept import choices, state_folder
    from rtsr.kiosk.notify import Notifier

    asked, state = Path(options.config), state_folder()
    with closing(Notifier()) as notifier:
        result: int | RtsrError = 0
        for choice in choices(asked, state):
            used = choice.instead_of(result) if isinstance(result, RtsrError) else choice
            result = _show(used, asked, state, notifier)
            if isinstance(result, int):
                return result
            logging.getLogger(__name__).warning("%s. %s", result.problem, result.mend)
        raise result if isinstance(result, RtsrError) else UsageError("nothing can be shown", mend="rtsr kiosk check")


def _show(choice: Choice, asked: Path, state: Path | None, notifier: Notifier) -> int | RtsrError:
    """Run with these settings to the end; the exit code, or what is wrong with them. Raises what ends a good run."""
    from rtsr.demux import permit
    from rtsr.kiosk.watch import Watch
    from rtsr.viewer.display import require_display
    from rtsr.viewer.kiosk import Face, KioskViewer

    kiosk, views = choice.kiosk, choice.kiosk.views()
    only = kiosk.layout if kiosk.layout in ("sr", "bicubic") else None
    face = Face(only=only, labels=kiosk.overlay.labels, numbers=kiosk.overlay.numbers, chord=kiosk.exit_chord)
    with closing(Watch(choice, asked, state, notifier)) as watch:
        with require_display(views[0]):
            try:
                permit(views[0].protocols)
                opened = KioskViewer(views, face, watch)
            except (UsageError, BackendError) as error:
                return error
        with closing(opened) as viewer, stop_on_signal(viewer.stop, *notifier.stops_by):
            try:
                click.echo(viewer.run())
            except (UsageError, BackendError) as error:
                if viewer.presented:
                    raise
                return error
            return EXIT_INTERRUPTED if viewer.interrupted else 0


command = click.Group(
    "kiosk",
    commands={
        "install": make_command("install", KioskInstall, run_install),
        "uninstall": make_command("uninstall", KioskUninstall, run_uninstall),
        "status": make_command("status", KioskStatus, run_status),
        "check": make_command("check", KioskCheck, run_check),
        "run": make_command("run", KioskRun, run),
    },
    help="A screen that comes up by itself and stays up: install it, look after it, take it away.",
)
"""As click has it."""
