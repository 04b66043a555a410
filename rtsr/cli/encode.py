"""`rtsr encode IN OUT`."""

import sys

from rtsr.cli.interrupt import stop_on_signal
from rtsr.cli.options import command as make_command
from rtsr.config import Encode


def run(options: Encode) -> None:
    """Upscale a file: every stream, time and colour tag goes along, and OUT appears when it is complete."""
    from rtsr.cli.progress import open_progress
    from rtsr.jobs.encode import dry_run, open_encode

    if options.dry_run:
        print("\n".join(dry_run(options)))
        return
    job = open_encode(options)
    quiet = options.progress in ("json", "none")
    for line in [str(fate) for fate in job.plan.dropped] if quiet else job.lines():  # a loss is said in any case
        print(line, file=sys.stderr)
    shown = open_progress(options.progress, job.pipeline.source.info)
    try:
        with stop_on_signal(job.pipeline.stop):
            done = job.run(shown.update)
    finally:
        shown.close()
    if not quiet:
        speed = f"{done.frames / done.elapsed_s:.1f} fps, {done.media_s / done.elapsed_s:.2f}x real time"
        print(f"{done.output}: {done.frames} frames in {done.elapsed_s:.1f} s ({speed}), checked.", file=sys.stderr)


command = make_command("encode", Encode, run)
"""As click has it."""
