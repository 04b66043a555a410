"""What a quality number of video means here: PSNR-Y, SSIM-Y, VMAF and flicker of one upscaled clip beside its master.

All are of 8-bit luma, code values as they were decoded (limited range stays limited, and the peak is 255 all the same),
over the whole frame: the convention of video, which cuts no border off, unlike that of pictures in `rtsr.metrics`.
"""

from __future__ import annotations

import json
import math
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from rtsr.errors import RtsrError
from rtsr.frame import chroma_shape
from rtsr.jobs.machine import cores
from rtsr.metrics import PEAK, ssim

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from rtsr.frame import Plane

SSIM_EVERY = 5
"""SSIM is of each so many-th frame: it takes longer than everything else together, and changes little in between."""
VMAF_MODELS = "vmaf_v0.6.1", "vmaf_v0.6.1neg"
"""By libvmaf's names: the usual one, and the one that sharpening alone does not move."""
_CUT_LEVELS = 0.1 * PEAK
_GREY = 128
_START_S, _FRAME_S = 60, 10
"""Of patience with libvmaf, to begin and for each frame."""
_LOG = "vmaf.json"


class ClipScore:
    """Sums over the frames of one upscaled clip.

    Args:
        cuts: numbers of the frames that begin a scene, see `find_cuts`: no flicker is measured into them.
    """

    def __init__(self, cuts: Collection[int] = ()) -> None:
        self._cuts = cuts
        self._squares: list[float] = []
        self._ssims: list[float] = []
        self._changes: list[float] = []
        self._error: NDArray[np.int16] | None = None

    def add(self, truth: Plane, guess: Plane) -> None:
        """Take the next frame: (H, W) uint8 luma of the master and of what was made of it."""
        error = guess.astype(np.int16) - truth
        if len(self._squares) % SSIM_EVERY == 0:
            self._ssims.append(ssim(truth, guess))
        if self._error is not None and len(self._squares) not in self._cuts:
            self._changes.append(float(np.mean(np.abs(error - self._error))))
        self._squares.append(float(np.mean(np.square(error, dtype=np.float64))))
        self._error = error

    @property
    def psnr_db(self) -> float:
        """Of the mean squared error of all frames, so that one black frame is not infinitely good; inf when equal."""
        error = float(np.mean(self._squares))
        return math.inf if error == 0.0 else 10.0 * math.log10(PEAK**2 / error)

    @property
    def ssim(self) -> float:
        """Mean over every `SSIM_EVERY`-th frame, from the first on."""
        return float(np.mean(self._ssims))

    @property
    def flicker(self) -> float:
        """How much the error changes from frame to frame, in code values.

        The mean over neighbouring frames, cuts left out, of the mean of |e(t) - e(t-1)| with e = guess - truth: 0 for
        an error that stands still, whatever its size. Not a number where there are no neighbours.
        """
        return float(np.mean(self._changes)) if self._changes else math.nan


def find_cuts(lumas: Iterable[Plane]) -> frozenset[int]:
    """Numbers of the frames that begin another scene, of (H, W) uint8 each.

    A cut is where the mean absolute difference to the frame before, and its rise over the difference before that, both
    exceed a tenth of the peak: the measure and threshold of FFmpeg's `scdet` filter, on luma.
    """
    cuts = set()
    last: NDArray[np.int16] | None = None
    change = 0.0
    for number, plane in enumerate(lumas):
        luma = plane.astype(np.int16)
        if last is not None:
            before, change = change, float(np.mean(np.abs(luma - last)))
            if min(change, abs(change - before)) > _CUT_LEVELS:
                cuts.add(number)
        last = luma
    return frozenset(cuts)


def write_luma(file: BinaryIO, y: Plane) -> None:
    """Append (H, W) uint8, both even, to a raw yuv420p file, with grey chroma.

    Why chroma at all: FFmpeg takes grey pictures for full range, and squeezes them on the way to libvmaf.
    """
    file.write(np.ascontiguousarray(y).data)
    half = chroma_shape(y.shape[1], y.shape[0])
    file.write(bytes((_GREY,)) * (2 * half[0] * half[1]))


def read_lumas(path: Path, size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """The luma in a file of `write_luma`s: (frames, H, W) uint8, a read-only view of the file."""
    width, height = size_wh
    planes = np.memmap(path, np.uint8, "r").reshape(-1, height * 3 // 2, width)
    return planes[:, :height]


@dataclass(frozen=True, slots=True)
class Vmaf:
    """What measures VMAF here."""

    ffmpeg: str | None
    """A program with the filter `libvmaf`; None where there is none."""
    reason: str
    """Why there is none, and how to mend that; else its version."""


def find_vmaf() -> Vmaf:
    """The ffmpeg that imageio-ffmpeg brings or finds, if it has libvmaf: PyAV's own libraries have not."""
    mend = 'pip install "rtsr[eval]"'
    try:
        import imageio_ffmpeg

        ffmpeg = str(imageio_ffmpeg.get_ffmpeg_exe())
        filters = _run([ffmpeg, "-hide_banner", "-filters"], None, _START_S)
        version = str(imageio_ffmpeg.get_ffmpeg_version())
    except ImportError:
        return Vmaf(None, f"imageio-ffmpeg is not installed, whose ffmpeg measures it ({mend})")
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        return Vmaf(None, f"imageio-ffmpeg has no ffmpeg that runs here: {error}")
    if " libvmaf " not in filters.stdout:
        return Vmaf(None, f"the ffmpeg {version} of imageio-ffmpeg is built without libvmaf")
    return Vmaf(ffmpeg, f"libvmaf in ffmpeg {version}")


def measure_vmaf(ffmpeg: str, guess: Path, truth: Path, size_wh: tuple[int, int]) -> tuple[float, float]:
    """VMAF by each of VMAF_MODELS, 0..100, mean over the frames.

    Args:
        ffmpeg: of `find_vmaf`.
        guess: a file of `write_luma`s; the log is written beside it.
        truth: another in the same folder, as long.
        size_wh: of both.

    Raises:
        RtsrError: ffmpeg fails.
    """
    frames = guess.stat().st_size // (size_wh[0] * size_wh[1] * 3 // 2)
    raw = ["-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", f"{size_wh[0]}x{size_wh[1]}"]
    models = "|".join(f"version={model}\\:name=m{number}" for number, model in enumerate(VMAF_MODELS))
    graph = f"[0:v][1:v]libvmaf=model='{models}':log_fmt=json:log_path={_LOG}:n_threads={cores()}"
    inputs = [*raw, "-i", guess.name, *raw, "-i", truth.name]
    command = [ffmpeg, "-hide_banner", "-nostdin", "-v", "error", *inputs, "-lavfi", graph, "-f", "null", "-"]
    log = guess.with_name(_LOG)  # named without its folder above: colons and commas mean something in a graph
    try:
        _run(command, guess.parent, _START_S + _FRAME_S * frames)
        pooled: dict[str, Any] = json.loads(log.read_text("utf-8"))["pooled_metrics"]
        first, second = (float(pooled[f"m{number}"]["mean"]) for number in range(len(VMAF_MODELS)))
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        told = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise RtsrError(
            f"libvmaf failed on {frames} frames of {size_wh[0]}x{size_wh[1]} ({told[-1] if told else error!r})",
            mend=f"try {ffmpeg} by hand, or set IMAGEIO_FFMPEG_EXE to an ffmpeg with libvmaf",
        ) from error
    finally:
        log.unlink(missing_ok=True)
    return first, second


def _run(command: list[str], folder: Path | None, patience_s: float) -> subprocess.CompletedProcess[str]:
    """To its end; in a session of its own, so that the terminal's Ctrl-C reaches us and not it."""
    return subprocess.run(
        command, cwd=folder, timeout=patience_s, start_new_session=True, capture_output=True, text=True, check=True
    )
