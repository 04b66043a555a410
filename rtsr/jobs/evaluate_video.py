"""Quality of models on clips as they reach a viewer: shrunk, encoded, decoded, enlarged, and compared with the master.

The master is a clip's decoded 8-bit luma, cropped to a multiple of twice the scale. Each plane is shrunk by the exact
bicubic (chroma as if it lay amid its luma samples, which moves a few bits and no luma), encoded, decoded, and enlarged
by what `rtsr view` and `rtsr encode` would run, in its own precision, not by the float32 network. Beside the models
stand the product's bicubic and Pillow's Lanczos-3, a reference which the product does not offer. Frames are taken as
they come, at the clip's average rate.
"""

from __future__ import annotations

import errno
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rtsr.config import Eval, Upscale
from rtsr.errors import BackendError, InterruptedRun, ResourceError
from rtsr.frame import Frame, Plane, StreamInfo
from rtsr.jobs import bench
from rtsr.jobs.eval_report import full_hd_speeds
from rtsr.jobs.eval_video_plan import LANCZOS, Encode, VideoPlan, cropped_px, make_video_plan
from rtsr.jobs.evaluate import BASELINE
from rtsr.jobs.video_metrics import ClipScore, Vmaf, find_cuts, find_vmaf, measure_vmaf, read_lumas, write_luma
from rtsr.resample import bicubic_downscale
from rtsr.sinks.roundtrip import BitMeter, Coded, round_trip
from rtsr.sources import open_source
from rtsr.upscalers import open_upscaler

log = logging.getLogger(__name__)
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_RATE_FPS = Fraction(25)
"""Of a clip that does not tell its own."""
_CLOCK_HZ = 90_000


@dataclass(frozen=True, slots=True)
class Row:
    """What one model reached on one clip after one encode."""

    clip: str
    scale: int
    codec: str
    crf: float
    model: str
    backend: str
    """What ran it, and in which precision."""
    frames: int
    cuts: int
    """Frames of the clip that begin another scene: no flicker is measured into them."""
    low_kbps: float
    """Of the encoded small picture."""
    psnr_y_db: float
    ssim_y: float
    vmaf: float | None
    """By v0.6.1; None where nothing measures it."""
    vmaf_neg: float | None
    """By v0.6.1neg."""
    flicker: float
    """In code values, see `rtsr.jobs.video_metrics.ClipScore`."""
    again_kbps: float
    """What encoding the enlarged luma again spends, see `rtsr.sinks.roundtrip.METER`."""
    master_kbps: float
    """The same of the master."""


@dataclass(frozen=True, slots=True)
class Result:
    """All that one run measured."""

    rows: tuple[Row, ...]
    speeds: dict[tuple[int, str], bench.Row]
    """By scale and model, of a Full-HD frame; empty when the run was stopped before."""
    vmaf: Vmaf
    plan: VideoPlan


@dataclass(frozen=True, slots=True)
class _Master:
    """One clip at one scale."""

    name: str
    path: Path
    """Of the luma, as `write_luma` writes it."""
    lumas: NDArray[np.uint8]
    """(frames, H, W) uint8, a view of that file."""
    low: tuple[Frame, ...]
    """The same frames, shrunk."""
    info: StreamInfo
    """Of the shrunk frames."""
    rate_fps: Fraction
    cuts: frozenset[int]
    kbps: float

    @property
    def size_wh(self) -> tuple[int, int]:
        """Of the luma."""
        return self.lumas.shape[2], self.lumas.shape[1]


@dataclass(frozen=True, slots=True)
class _Enlarger:
    model: str
    backend: str
    run: Callable[[Frame], Plane]
    """A small frame to its large luma."""


def open_video_eval(options: Eval) -> VideoEval:
    """Ready to run; raises as `rtsr.jobs.eval_video_plan.make_video_plan` does."""
    return VideoEval(make_video_plan(options))


class VideoEval:
    """One run; see `open_video_eval`."""

    def __init__(self, plan: VideoPlan) -> None:
        self._plan, self._vmaf = plan, find_vmaf()
        self.info = StreamInfo("eval", 0, 0, Fraction(1, _CLOCK_HZ), frame_count=plan.work_frames)
        """For a progress bar: of the frames that will be enlarged, by all models after all encodes."""
        self._rows: list[Row] = []
        self._speeds: dict[tuple[int, str], bench.Row] = {}
        self._stopped = False
        self._media_s = Fraction(0)

    @property
    def result(self) -> Result:
        """What is measured so far."""
        return Result(tuple(self._rows), dict(self._speeds), self._vmaf, self._plan)

    def stop(self) -> None:
        """From a signal handler: end after the frame, encode or run of libvmaf that is being worked on."""
        self._stopped = True

    def run(self, on_frame: Callable[[Frame], None]) -> None:
        """Measure everything, then the models' time for a Full-HD frame; `result` grows row by row.

        Args:
            on_frame: called with each small frame after it was enlarged; their times run on from clip to clip.

        Raises:
            InterruptedRun: `stop` was called.
            ResourceError: the disk of temporary files is full.
            RtsrError: whatever a clip, a codec or a network raises.
        """
        models = self._plan.models
        with _room(), tempfile.TemporaryDirectory(prefix="rtsr-eval-") as folder:
            for name, uri in self._plan.clips.items():
                for scale in models:
                    self._go_on()
                    master = _read_master(name, uri, scale, self._plan.frames, Path(folder) / "master.yuv")
                    self._measure(master, scale, on_frame)
        for scale in models:
            self._go_on()
            speeds = full_hd_speeds([model for model in models[scale] if model != LANCZOS], scale)
            self._speeds |= {(scale, model): speed for model, speed in speeds.items()}

    def _measure(self, master: _Master, scale: int, on_frame: Callable[[Frame], None]) -> None:
        with ExitStack() as stack:
            enlargers = [_open_enlarger(model, scale, master.info, stack) for model in self._plan.models[scale]]
            for encode in self._plan.encodes:
                self._go_on()
                coded = round_trip(master.low, master.rate_fps, encode.codec, encode.crf)
                for enlarger in enlargers:
                    self._rows.append(self._row(master, (encode, coded), (scale, enlarger), on_frame))

    def _row(
        self,
        master: _Master,
        encoded: tuple[Encode, Coded],
        by: tuple[int, _Enlarger],
        on_frame: Callable[[Frame], None],
    ) -> Row:
        (encode, coded), (scale, enlarger) = encoded, by
        made = master.path.with_name("made.yuv")
        score = ClipScore(master.cuts)
        meter = BitMeter(master.size_wh, master.rate_fps, master.info.color)
        with made.open("wb") as file:
            for truth, low in zip(master.lumas, coded.frames, strict=True):
                self._go_on()
                y = enlarger.run(low)
                write_luma(file, y)
                meter.add(y)
                score.add(truth, y)
                on_frame(self._on_the_clock(low, master.rate_fps))
        vmaf = vmaf_neg = None
        if self._vmaf.ffmpeg is not None:
            vmaf, vmaf_neg = measure_vmaf(self._vmaf.ffmpeg, made, master.path, master.size_wh)
        count = len(master.low)
        return Row(
            clip=master.name,
            scale=scale,
            codec=encode.codec,
            crf=encode.crf,
            model=enlarger.model,
            backend=enlarger.backend,
            frames=count,
            cuts=len(master.cuts),
            low_kbps=_kbps(coded.bits, count, master.rate_fps),
            psnr_y_db=score.psnr_db,
            ssim_y=score.ssim,
            vmaf=vmaf,
            vmaf_neg=vmaf_neg,
            flicker=score.flicker,
            again_kbps=_kbps(meter.finish(), count, master.rate_fps),
            master_kbps=master.kbps,
        )

    def _go_on(self) -> None:
        if self._stopped:
            raise InterruptedRun(
                f"stopped after {len(self._rows)} of {self._plan.rows} rows",
                mend="what was measured is printed" if self._rows else "fewer --frames or --models take less time",
            )

    def _on_the_clock(self, low: Frame, rate_fps: Fraction) -> Frame:
        began, self._media_s = self._media_s, self._media_s + 1 / rate_fps
        return replace(
            low, pts=int(began * _CLOCK_HZ), time_base=Fraction(1, _CLOCK_HZ), duration=round(_CLOCK_HZ / rate_fps)
        )


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        raise ResourceError(
            f"no room for temporary files in {tempfile.gettempdir()}",
            mend="name another folder in TMPDIR, or take fewer --frames",
        ) from error


def _read_master(name: str, uri: str, scale: int, most: int, path: Path) -> _Master:
    """The first frames of a clip, their luma to `path` and their small pictures to memory."""
    low: list[Frame] = []
    with closing(open_source(uri)) as source:
        info = source.info
        rate_fps = info.rate_fps or _RATE_FPS
        width, height = cropped_px(info.width, scale), cropped_px(info.height, scale)
        meter = BitMeter((width, height), rate_fps, info.color)
        with path.open("wb") as file:
            for frame in islice(source.frames(), most):
                y = frame.y[:height, :width]
                write_luma(file, y)
                meter.add(y)
                half = [plane[: height // 2, : width // 2] for plane in (frame.u, frame.v)]
                y, u, v = (bicubic_downscale(plane.astype(np.uint8, copy=False), scale) for plane in (y, *half))
                low.append(Frame(y, u, v, len(low), 1 / rate_fps, info.color, 1))
        for loss in source.losses:
            log.warning("%s: %s", name, loss)
    lumas = read_lumas(path, (width, height))
    small = replace(info, width=width // scale, height=height // scale)
    kbps = _kbps(meter.finish(), len(low), rate_fps)
    return _Master(name, path, lumas, tuple(low), small, rate_fps, find_cuts(lumas), kbps)


def _kbps(bits: int, frames: int, rate_fps: Fraction) -> float:
    return bits / 1e3 / frames * float(rate_fps)


def _open_enlarger(model: str, scale: int, info: StreamInfo, stack: ExitStack) -> _Enlarger:
    """The product's upscaler of `model`, closed with `stack`, or Lanczos."""
    if model == LANCZOS:
        size_wh = info.width * scale, info.height * scale

        def lanczos(low: Frame) -> Plane:
            picture = Image.fromarray(np.ascontiguousarray(low.y))
            return np.asarray(picture.resize(size_wh, Image.Resampling.LANCZOS))

        return _Enlarger(model, "Pillow", lanczos)
    upscaler = stack.enter_context(closing(open_upscaler(Upscale(model=model, scale=scale), info)))
    badge = upscaler.badge
    if model != BASELINE and not badge.is_sr:
        raise BackendError(
            f"{model} does not run here, and bicubic must not be measured in its name: {badge.reason}",
            mend="`rtsr doctor` says what is missing",
        )
    return _Enlarger(model, f"{badge.backend} {badge.precision}".strip(), lambda low: upscaler.upscale(low).y)
