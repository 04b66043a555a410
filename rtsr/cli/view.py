"""`rtsr view`: the window, or a picture rendered off screen."""

from contextlib import closing

import click

from rtsr.cli import options as from_fields
from rtsr.cli.interrupt import stop_on_signal
from rtsr.config import View, Views
from rtsr.errors import EXIT_INTERRUPTED


def run(options: Views) -> int:
    """Show SOURCE: bicubic left of a line, super-resolution of the same frame right of it.

    SOURCE is a file, a camera (/dev/video0) or a test picture (pattern:640x360); several are shown in a grid. `?` in
    the window lists the keys.
    """
    return show(*options.each())


def show(options: View, *others: View) -> int:
    """Show the source of `options`, and those of `others` beside it; the exit code."""
    from rtsr.demux import permit
    from rtsr.upscalers import refuse_absent
    from rtsr.viewer.display import require_display

    refuse_absent(options)
    permit(options.protocols)
    with require_display(options):
        from rtsr.viewer.app import open_grid, open_viewer

        opened = open_grid((options, *others)) if others else open_viewer(options)
    with closing(opened) as viewer, stop_on_signal(viewer.stop):
        click.echo(viewer.run())
    return EXIT_INTERRUPTED if viewer.interrupted else 0


command = from_fields.command("view", Views, run)
