"""`rtsr eval`: PSNR and SSIM on a folder of pictures."""

import sys
from pathlib import Path

from rtsr.cli.options import command as make_command
from rtsr.config import Eval


def run(options: Eval) -> None:
    """Measure networks on the pictures in DIR, with bicubic beside them.

    The pictures are the high-resolution truth: each is shrunk by the exact bicubic, enlarged by the network and
    compared on luma, as the literature does. JSON and CSV rows hold model, dataset, scale,
    images, psnr_db, psnr_uint8_db and ssim.
    """
    from rtsr.jobs.evaluate import FORMATS, evaluate
    from rtsr.models import parse_models

    rows = evaluate(Path(options.folder), parse_models(options.models), options.scale)
    print(FORMATS[options.format](rows))
    if options.plot is not None:
        from rtsr.jobs.eval_plot import plot

        plot(rows, Path(options.plot))
        print(f"quality against speed: {options.plot}", file=sys.stderr)


command = make_command("eval", Eval, run)
"""As click has it."""
