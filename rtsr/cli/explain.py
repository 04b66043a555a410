"""`rtsr explain MODEL OUT.png`."""

import sys

from rtsr.cli.options import command as make_command
from rtsr.config import Explain


def run(options: Explain) -> None:
    """Draw what a network has learned: filters, spectra, what it looks at, and what it adds to bicubic on a picture.

    Of edge-SR, a row for each candidate: its upsampling kernel V (and query Q, template K), the spectra, and where it
    is chosen. Of any other network: the filters of its first layer, and its receptive field, measured by changing
    single pixels of the picture, beside the square that its layers allow. Needs rtsr[eval].
    """
    from rtsr.jobs.explain import explain

    print(f"written to {explain(options)}", file=sys.stderr)


command = make_command("explain", Explain, run)
"""As click has it."""
