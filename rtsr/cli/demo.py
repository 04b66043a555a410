"""`rtsr demo`."""

import os
import sys

from rtsr.cli.interrupt import stop_on_signal
from rtsr.cli.options import command as make_command
from rtsr.config import Demo, View


def run(options: Demo) -> int:
    """The main job on a clip: upscale it, write a side-by-side picture, and open the viewer if there is a display."""
    from rtsr.cli.progress import open_progress
    from rtsr.jobs.demo import make_clip, open_demo, write_comparison

    clip = options.clip or make_clip(options.folder)
    job = open_demo(clip, options)
    print("\n".join(job.lines()), file=sys.stderr)
    shown = open_progress("auto", job.info)
    try:
        with stop_on_signal(job.stop):
            done = job.run(shown.update)
    finally:
        shown.close()
    picture = write_comparison(clip, options)
    print(f"upscaled video:       {done.output}\nbicubic | SR picture: {picture}")
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):  # noqa: TID251 - is there a display?
        print(f"no display here; on a desktop: rtsr view {clip}")
        return 0
    from rtsr.cli import view

    return view.show(View(source=clip, model=options.model)) or 0


command = make_command("demo", Demo, run)
"""As click has it."""
