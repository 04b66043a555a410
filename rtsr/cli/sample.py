"""`rtsr encode --sample`: pieces of a film in the viewer beside bicubic, or in a file where there is no display."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rtsr.cli.interrupt import stop_on_signal
from rtsr.cli.session import open_session
from rtsr.config import View
from rtsr.errors import BackendError, InterruptedRun, UsageError

if TYPE_CHECKING:
    from rtsr.cli.progress import Progress as Shown
    from rtsr.config import Encode, Progress
    from rtsr.jobs.sample import Sample
    from rtsr.stages import Badge

_AGAIN = "nothing is kept of a sample; give the command again"


def run_sample(options: Encode, text: str) -> None:
    """Encode the pieces, say what the whole would take, and show them.

    Args:
        options: of the whole; nothing is written under its output's name.
        text: what `--sample` gave.

    Raises:
        RtsrError: see `rtsr.jobs.sample.open_sample` and `rtsr.jobs.encode.open_encode`.
    """
    from rtsr.jobs.sample import open_sample, parse_sampling
    from rtsr.viewer.display import require_display

    sampling, view = parse_sampling(text), View(source=options.source)
    with ExitStack() as held:
        folder = Path(held.enter_context(TemporaryDirectory(prefix="rtsr-sample-")))
        sample = open_sample(options, sampling, folder)
        comparison = _comparison_of(options)
        try:
            held.enter_context(require_display(view))
            why = ""
        except (UsageError, BackendError) as error:
            why = error.problem
            _refuse(comparison, options)
        badge = _encode(sample, options.progress)
        _tell(sample, options.progress)
        if why:
            print(f"{why}: the comparison is written to a file", file=sys.stderr)
            _write(comparison, sample, badge, options.progress)
        else:
            _show(view, sample, badge)


def _encode(sample: Sample, progress: Progress) -> Badge:
    """All pieces; what made them."""
    with open_session(progress) as session:
        for number, piece in enumerate(sample.pieces, start=1):
            place = f"piece {number} of {len(sample.pieces)}, at {float(piece.start_s):.1f} s"
            if progress not in ("json", "none"):
                print(place, file=sys.stderr)
            job = sample.open(piece)
            badge = job.badge
            try:
                sample.took(piece, session.run(job, file=place))
            except InterruptedRun as error:
                raise InterruptedRun(f"stopped in {place}", mend=_AGAIN) from error
    return badge


def _tell(sample: Sample, progress: Progress) -> None:
    found = sample.estimate()
    if progress == "json":
        names = ("about", "least", "most")
        told = {
            "bytes": dict(zip(names, found.bytes, strict=True)),
            "seconds": dict(zip(names, found.seconds, strict=True)),
        }
        print(json.dumps({"event": "estimate", **told}), flush=True)
    else:
        print("\n".join(found.lines()), flush=True)


def _comparison_of(options: Encode) -> Path:
    output = Path(options.output)
    return output.with_name(f"{output.stem}.sample.mkv")


def _refuse(comparison: Path, options: Encode) -> None:
    """Before pieces are encoded for a file that cannot be written."""
    if comparison.exists() and not options.overwrite:
        raise UsageError(f"{comparison} exists", mend="add -y to replace it: OUT itself is not touched")
    if not comparison.parent.is_dir():
        raise UsageError(f"the folder {comparison.parent} does not exist", mend=f"mkdir -p {comparison.parent}")


def _write(comparison: Path, sample: Sample, badge: Badge, progress: Progress) -> None:
    from rtsr.cli.progress import open_progress
    from rtsr.jobs.compare import badge_of, write_comparison

    part = comparison.with_suffix(".part.mkv")
    shown: list[Shown] = []
    pipeline = write_comparison(part, sample.pieces, badge, lambda frame: shown[0].update(frame))
    shown.append(open_progress(progress, pipeline.source.info, file=str(comparison)))
    try:
        with stop_on_signal(pipeline.stop):
            pipeline.run()
        shown[0].close()
        if pipeline.stopped:
            raise InterruptedRun("stopped at the comparison", mend=_AGAIN)
        part.replace(comparison)
    finally:
        part.unlink(missing_ok=True)
    if progress != "json":
        print(f"{comparison}: bicubic on the left; on the right {badge_of(badge)}")
    else:
        print(json.dumps({"event": "comparison", "file": str(comparison)}), flush=True)


def _show(view: View, sample: Sample, badge: Badge) -> None:
    from rtsr.jobs.compare import open_comparison
    from rtsr.viewer.app import open_viewer

    opened = open_viewer(view, partial(open_comparison, sample.pieces, badge))
    with closing(opened) as viewer, stop_on_signal(viewer.stop):
        viewer.run()
