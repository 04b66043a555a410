"""`rtsr eval`: quality, cost and speed on folders of pictures, or on clips after a codec."""

import sys
from pathlib import Path

from rtsr.cli.interrupt import stop_on_signal
from rtsr.cli.options import command as make_command
from rtsr.config import Eval
from rtsr.errors import UsageError


def run(options: Eval) -> None:
    """Measure networks on the pictures in each DIR at each scale, with bicubic beside them; with --video, on clips.

    The pictures are the high-resolution truth: each is shrunk by the exact bicubic, enlarged by the network and
    compared on luma, as the literature does.

    Beside it stands what the network costs: parameters, multiply-accumulates (MACs) per output pixel and per frame of
    1920x1080, and the time of such a frame here: the median over half a second after warm-up, as `rtsr bench` measures
    it, and watts where a sensor measures them. --plot draws quality against that speed.

    JSON and CSV rows hold model, dataset, scale, images, psnr_db, psnr_uint8_db, ssim, parameters,
    macs_per_output_pixel, full_hd_gmac, full_hd_p50_ms, threads, device, precision, watts and rail.

    --video takes clips, or folders of them: the first frames of each are shrunk, encoded by each --codec at each --crf,
    decoded, enlarged by each model as `rtsr encode` would, and compared with the clip: PSNR, SSIM, VMAF, flicker, and
    what encoding the result again costs. --plot draws quality against bits. Rows hold clip, scale, codec, crf, model,
    backend, frames, cuts, low_kbps, psnr_y_db, ssim_y, vmaf, vmaf_neg, flicker, again_kbps, master_kbps and
    full_hd_p50_ms.
    """
    if options.video:
        _run_video(options)
        return
    _refuse_words_of_video(options)
    from rtsr.jobs.eval_report import FORMATS, parse_scales, report

    lines = report([Path(folder) for folder in options.folders], options.models, parse_scales(options.scales))
    print(FORMATS[options.format](lines))
    if options.plot is not None:
        from rtsr.jobs.eval_plot import plot

        plot(lines, Path(options.plot))
        print(f"quality against speed: {options.plot}", file=sys.stderr)


def _run_video(options: Eval) -> None:
    from rtsr.cli.progress import open_progress
    from rtsr.jobs.bench import check_writable
    from rtsr.jobs.eval_video_report import FORMATS
    from rtsr.jobs.evaluate_video import open_video_eval

    if options.plot is not None:
        check_writable(Path(options.plot))
    job = open_video_eval(options)
    shown = open_progress(options.progress, job.info)
    try:
        with stop_on_signal(job.stop):
            job.run(shown.update)
    finally:  # what was measured before a stop or an error took its time, too
        shown.close()
        if job.result.rows:
            print(FORMATS[options.format](job.result))
    if options.plot is not None:
        from rtsr.jobs.eval_video_plot import plot_video

        plot_video(job.result, Path(options.plot))
        print(f"quality against bits: {options.plot}", file=sys.stderr)


def _refuse_words_of_video(options: Eval) -> None:
    plain = Eval(folders=options.folders)
    for name, flag in (("codecs", "--codec"), ("crfs", "--crf"), ("frames", "--frames")):
        if getattr(options, name) != getattr(plain, name):
            raise UsageError(f"{flag} is of clips, and pictures are measured", mend="add --video")


command = make_command("eval", Eval, run)
"""As click has it."""
