"""`rtsr encode IN OUT`: one file, many, or a few short pieces of one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rtsr.cli.options import command as make_command
from rtsr.cli.session import open_job, open_session
from rtsr.config import Encodes
from rtsr.errors import UsageError

if TYPE_CHECKING:
    from rtsr.config import Encode


def run(options: Encodes) -> None:
    """Upscale a file: every stream, time and colour tag goes along, and OUT appears when it is complete.

    IN may be a folder, a pattern in quotes ('clips/**/*.mp4'), or a list (@list.txt: an input a line, from the list's
    folder, perhaps with its output: IN -> OUT; # begins a comment), and there may be several. OUT is a folder then, and
    gets the tree of the inputs; the same command goes on after a stop, and tries again what failed.
    """
    from rtsr.demux import permit
    from rtsr.jobs.batch import is_folder, name_in_folder
    from rtsr.jobs.inputs import is_many
    from rtsr.jobs.outlet import refuse_idle
    from rtsr.sources import kind_of

    permit(options.protocols)
    if is_many(options.sources):
        _run_many(options)
        return
    to_folder = is_folder(options.output) and kind_of(options.sources[0]) == "file"
    if not to_folder and (options.name is not None or options.skip_existing):
        flag = "--skip-existing" if options.skip_existing else f"--name {options.name}"
        raise UsageError(f"{flag} is of use where OUT is a folder", mend=f"leave it out, or write {options.output}/")
    one = name_in_folder(options) if to_folder else options.of(options.sources[0], options.output)
    refuse_idle(one)
    if options.sample is not None and not options.dry_run:
        from rtsr.cli.sample import run_sample

        run_sample(one, options.sample)
    else:
        _run_one(one)


def _run_many(options: Encodes) -> None:
    from rtsr.cli.batch import run_batch

    if options.sample is not None:
        raise UsageError(f"--sample {options.sample} looks at one film, and there are several", mend="name one of them")
    run_batch(options)


def _run_one(options: Encode) -> None:
    from rtsr.jobs.direct import direct_dry_run, is_direct
    from rtsr.jobs.encode import dry_run
    from rtsr.jobs.energy import bill, metered
    from rtsr.jobs.outlet import where

    if options.dry_run:
        told = direct_dry_run(options) if is_direct(options) else dry_run(options)
        print("\n".join(told), file=sys.stderr if options.output == "-" else sys.stdout)
        return
    job = open_job(options)
    quiet = options.progress in ("json", "none")
    for line in job.plan.losses if quiet else job.lines():  # a loss is said in any case
        print(line, file=sys.stderr)
    with open_session(options.progress) as session, metered(options.device) as span:
        done = session.run(job, also=span.tick)
        drawn = span.end()
    if not quiet:
        checked = ", checked" if where(options) == "file" else ""
        print(f"{done.output}: {done.words}{checked}.", file=sys.stderr)
        for line in bill(drawn, done.encoded):
            print(line, file=sys.stderr)


command = make_command("encode", Encodes, run)
"""As click has it."""
