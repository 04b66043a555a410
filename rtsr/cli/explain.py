"""`rtsr explain MODEL OUT.png`."""

import sys

from rtsr.cli.options import command as make_command
from rtsr.config import Explain


def run(options: Explain) -> None:
    """Draw what an edge-SR network has learned: kernels, spectra, templates, and how it chooses on a picture.

    A row for each candidate with its upsampling kernel V (and query Q, template K), the spectra, and where it is
    chosen; below, the result and what it adds to bicubic. Needs rtsr[eval].
    """
    from rtsr.jobs.explain import explain

    print(f"written to {explain(options)}", file=sys.stderr)


command = make_command("explain", Explain, run)
"""As click has it."""
