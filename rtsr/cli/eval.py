"""`rtsr eval`: quality, cost and speed on folders of pictures."""

import sys
from pathlib import Path

from rtsr.cli.options import command as make_command
from rtsr.config import Eval


def run(options: Eval) -> None:
    """Measure networks on the pictures in each DIR at each scale, with bicubic beside them.

    The pictures are the high-resolution truth: each is shrunk by the exact bicubic, enlarged by the network and
    compared on luma, as the literature does.

    Beside it stands what the network costs: parameters, multiply-accumulates (MACs) per output pixel and per frame of
    1920x1080, and the time of such a frame here: the median over half a second after warm-up, as `rtsr bench` measures
    it, and watts where a sensor measures them. --plot draws quality against that speed.

    JSON and CSV rows hold model, dataset, scale, images, psnr_db, psnr_uint8_db, ssim, parameters,
    macs_per_output_pixel, full_hd_gmac, full_hd_p50_ms, threads, device, precision, watts and rail.
    """
    from rtsr.jobs.eval_report import FORMATS, parse_scales, report

    lines = report([Path(folder) for folder in options.folders], options.models, parse_scales(options.scales))
    print(FORMATS[options.format](lines))
    if options.plot is not None:
        from rtsr.jobs.eval_plot import plot

        plot(lines, Path(options.plot))
        print(f"quality against speed: {options.plot}", file=sys.stderr)


command = make_command("eval", Eval, run)
"""As click has it."""
