"""Our order for sequences: camera blur and sensor noise, exact bicubic, then a real codec at a drawn quality.

Blur and coding are drawn once for a sequence, the noise's strength too, its grains anew for every frame: the network
must meet what a codec makes of moving noise, not of a noisy still. Encoders and decoders are libav's, in memory.

Why luma survives: RGB becomes Y'CbCr here, in float with one rounding, limited range; H.264 and H.265 carry those very
code values. MJPEG is full range as in every camera; stretching 219 levels to 255 and back loses none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np
from av.error import FFmpegError

from rtsr.color import BT709, SMPTE170M, Color, Range, rgb_from_ycbcr
from rtsr.errors import BackendError
from rtsr.frame import chroma_shape
from rtsr.planes import fill_plane, plane_view
from rtsr.resample import bicubic_downscale
from training.degrade.draws import draw_one, draw_uniform, draw_weighted, draw_whole, happens
from training.degrade.kernels import bell
from training.degrade.operations import blur, to_8bit, to_float
from training.degrade.order import Record, Step, draw_noise, noisy

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from numpy.typing import NDArray

    from training.degrade.plan import Codec, Preset, VideoOrder

MATRICES = {"bt601": SMPTE170M, "bt709": BT709}
"""H.273 code points of the plan's names."""
_ENCODERS = {"h264": "libx264", "h265": "libx265", "mjpeg": "mjpeg"}
_DECODERS = {"h264": "h264", "h265": "hevc", "mjpeg": "mjpeg"}
_LEAST_SIDE = 64
"""x265 (libx265 in PyAV 18.1) writes beyond its memory when a side is smaller than its largest block, 64."""
_CAMERA_SIDE = 9
"""Of the blur: 1.2 pixels of deviation leave 0.1 % outside."""
_RATE_FPS = 25
_BT601_MJPEG = 5
"""Code point under which libav knows JPEG's matrix, the same numbers as SMPTE170M."""
_LUMA = (219.0, 16.0, 0.0)
"""Levels of limited range, and its zero in limited and in full range."""
_CHROMA = (224.0, 128.0, 128.0)


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A sequence as a decoder gives it. Nobody writes to its planes."""

    y: NDArray[np.uint8]
    """(N, H, W) uint8, luma, limited range, 16..235."""
    u: NDArray[np.uint8]
    """(N, ceil(H/2), ceil(W/2)) uint8, blue difference, 16..240, on the left luma column."""
    v: NDArray[np.uint8]
    """As u, red difference."""
    matrix: int = SMPTE170M
    """H.273 code point: `SMPTE170M` (BT.601) or `BT709`."""

    def __post_init__(self) -> None:
        half = (len(self.y), *chroma_shape(self.y.shape[-1], self.y.shape[-2]))
        if self.y.ndim != 3 or self.u.shape != half or self.v.shape != half or not self.y.size:
            raise ValueError(f"planes must be (N, H, W) and 4:2:0, got {self.y.shape}, {self.u.shape}, {self.v.shape}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Coding:
    """How a sequence is encoded."""

    codec: Codec = "h264"
    quality: int = 23
    """CRF of H.264 and H.265, 0..51; FFmpeg's quantiser of MJPEG, 2..31; less is better."""
    preset: Preset = "medium"
    """Of H.264 and H.265, as the next two."""
    gop: int = 60
    """Most frames from one key frame to the next."""
    b_frames: int = 2
    """Most in a row."""


def degrade_video(
    plan: VideoOrder, frames: NDArray[np.uint8] | Clip, scale: int, random: torch.Generator
) -> tuple[Clip, Record]:
    """The low-resolution sequence after its codec, as many frames, and what was done to all of them.

    That is `film`, and then `transcode` with a drawn coding. Raises ValueError and BackendError as they do.
    """
    low, record = film(plan, frames, scale, random)
    coding = draw_coding(plan, random)
    return transcode(low, coding), (*record, Step("video", "codec", described(coding)))


def film(
    plan: VideoOrder, frames: NDArray[np.uint8] | Clip, scale: int, random: torch.Generator
) -> tuple[Clip, Record]:
    """The low-resolution sequence before any codec: camera blur, sensor noise, exact bicubic.

    Args:
        plan: probabilities and ranges.
        frames: (N, H, W, 3) uint8, R'G'B', full range, sides multiples of `scale`, given the plan's matrix; or planes,
            sides multiples of twice `scale`, whose matrix stays.
        scale: of the network that is to undo it.
        random: is drawn from; the same state gives the same bits.

    Raises ValueError on other sides.
    """
    kernel: NDArray[np.float64] | None = None
    record: Record = ()
    if happens(plan.blur, random):
        sigma_xy = draw_uniform(plan.sigma_px, random), draw_uniform(plan.sigma_px, random)
        sigma_xy = sigma_xy if happens(plan.aniso, random) else (sigma_xy[0], sigma_xy[0])
        angle_rad = draw_uniform((0.0, np.pi), random) if sigma_xy[0] != sigma_xy[1] else 0.0
        kernel = bell(_CAMERA_SIDE, sigma_xy, angle_rad)
        record = (Step("video", "blur", {"sx": sigma_xy[0], "sy": sigma_xy[1], "angle": angle_rad}),)
    name, numbers = draw_noise(plan, random)
    record += (Step("video", name, numbers),) if name else ()

    def camera(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, C) uint8 after lens, sensor and shrinking."""
        seen = to_float(plane)
        seen = blur(seen, kernel) if kernel is not None else seen
        return bicubic_downscale(to_8bit(noisy(seen, name, numbers, random) if name else seen), scale)

    if isinstance(frames, Clip):
        y, u, v = (_each(camera, plane) for plane in (frames.y, frames.u, frames.v))
        return Clip(y, u, v, frames.matrix), record
    return clip_of(np.stack([camera(frame) for frame in frames]), MATRICES[plan.matrix]), record


def draw_coding(plan: VideoOrder, random: torch.Generator) -> Coding:
    """A codec and its settings."""
    codec = cast("Codec", draw_weighted(plan.codecs.shares, random))
    return Coding(
        codec=codec,
        quality=draw_whole(plan.mjpeg_q if codec == "mjpeg" else plan.crf, random),
        preset=cast("Preset", draw_one(plan.presets, random)),
        gop=draw_whole(plan.gop, random),
        b_frames=draw_whole(plan.b_frames, random),
    )


def described(coding: Coding) -> dict[str, float | str]:
    """The settings that count for this codec, as a record's numbers."""
    if coding.codec == "mjpeg":
        return {"codec": coding.codec, "q": float(coding.quality)}
    numbers = {"crf": float(coding.quality), "gop": float(coding.gop), "b": float(coding.b_frames)}
    return {"codec": coding.codec, "preset": coding.preset, **numbers}


def clip_of(frames: NDArray[np.uint8], matrix: int = SMPTE170M) -> Clip:
    """RGB as 4:2:0 planes, rounded once: (N, H, W, 3) uint8, full range, with the H.273 `matrix`.

    With BT.601 y is `rtsr.metrics.luma`, rounded. Chroma is a mean of two rows on the left column, 1-2-1 across.
    """
    to_rgb, offset = rgb_from_ycbcr(Color(matrix=matrix, range=Range.LIMITED))
    to_ycbcr = np.linalg.inv(np.array(to_rgb))
    planes: list[list[NDArray[np.uint8]]] = [[], [], []]
    for frame in frames:
        ycbcr = frame @ to_ycbcr.T + 255.0 * np.array(offset)
        height, width = frame.shape[:2]
        wide = np.pad(ycbcr[..., 1:], ((0, height % 2), (1, 1 + width % 2), (0, 0)), mode="edge")
        across = (wide[:, :-2:2] + 2.0 * wide[:, 1:-1:2] + wide[:, 2::2]) / 4.0
        half = (across[::2] + across[1::2]) / 2.0
        for plane, values in zip(planes, (ycbcr[..., 0], half[..., 0], half[..., 1]), strict=True):
            plane.append(np.rint(values).astype(np.uint8))
    y, u, v = (np.stack(plane) for plane in planes)
    return Clip(y, u, v, matrix)


def transcode(clip: Clip, coding: Coding) -> Clip:
    """The sequence after an encoder and a decoder, the same size and number; one thread, so always the same bits.

    Raises BackendError when this build of libav lacks the codec, or when it refuses the pictures.
    """
    try:
        encoder = _encoder(clip, coding)
        decoder: Any = av.CodecContext.create(_DECODERS[coding.codec], "r")
        decoder.thread_count = 1
        packets = [packet for picture in _pictures(clip, coding) for packet in encoder.encode(picture)]
        packets += encoder.encode(None)
        decoded = [picture for packet in packets for picture in decoder.decode(packet)] + decoder.decode(None)
    except (FFmpegError, ValueError) as error:
        raise BackendError(
            f"{_ENCODERS[coding.codec]} failed on {clip.y.shape[2]}x{clip.y.shape[1]}: {error}",
            mend="give the codec the share 0 in [degrade.video.codecs], or install PyAV from its wheel",
        ) from error
    if len(decoded) != len(clip.y):
        raise BackendError(
            f"{_ENCODERS[coding.codec]} gave {len(decoded)} frames for {len(clip.y)}",
            mend="give the codec the share 0 in [degrade.video.codecs]",
        )
    y, u, v = (
        np.stack([plane_view(one.planes[which])[: shape[1], : shape[2]] for one in decoded])
        for which, shape in enumerate((clip.y.shape, clip.u.shape, clip.v.shape))
    )
    if coding.codec == "mjpeg":
        y, u, v = _limited(y, _LUMA), _limited(u, _CHROMA), _limited(v, _CHROMA)
    return Clip(y, u, v, clip.matrix)


def _encoder(clip: Clip, coding: Coding) -> Any:  # noqa: ANN401 - PyAV's contexts are not typed by kind
    encoder: Any = av.CodecContext.create(_ENCODERS[coding.codec], "w")
    height, width = clip.y.shape[1:]
    encoder.width, encoder.height = _padded(width), _padded(height)
    encoder.time_base, encoder.framerate = Fraction(1, _RATE_FPS), Fraction(_RATE_FPS)
    encoder.thread_count = 1
    if coding.codec == "mjpeg":
        encoder.pix_fmt = "yuvj420p"
        encoder.color_range, encoder.colorspace = int(Range.FULL), _BT601_MJPEG
        encoder.qmin = encoder.qmax = coding.quality  # a fixed one would have to be said by each frame
        return encoder
    encoder.pix_fmt = "yuv420p"
    encoder.color_range, encoder.colorspace = int(Range.LIMITED), clip.matrix
    encoder.color_primaries = encoder.color_trc = clip.matrix
    encoder.gop_size, encoder.max_b_frames = coding.gop, coding.b_frames
    encoder.options = {"preset": coding.preset, "crf": str(coding.quality)}
    if coding.codec == "h265":
        encoder.options |= {"x265-params": "log-level=none:pools=none:frame-threads=1"}
    else:  # x264's own choice of code for this CPU does not repeat to the bit, even in one thread
        encoder.options |= {"x264-params": "cpu-independent=1"}
    return encoder


def _pictures(clip: Clip, coding: Coding) -> Iterator[av.VideoFrame]:
    """The frames in libav's memory, sides even and large enough, edge pixels repeated."""
    height, width = clip.y.shape[1:]
    name = "yuvj420p" if coding.codec == "mjpeg" else "yuv420p"
    for index, planes in enumerate(zip(clip.y, clip.u, clip.v, strict=True)):
        picture = av.VideoFrame(_padded(width), _padded(height), name)
        for which, plane in enumerate(planes):
            full = _full(plane, _CHROMA if which else _LUMA) if coding.codec == "mjpeg" else plane
            fill_plane(picture.planes[which], full)
        picture.pts, picture.time_base = index, Fraction(1, _RATE_FPS)
        yield picture


def _full(plane: NDArray[np.uint8], kind: tuple[float, float, float]) -> NDArray[np.uint8]:
    """Limited range to full, clipped; `kind` is `_LUMA` or `_CHROMA`."""
    levels, limited, full = kind
    return np.asarray(np.rint((plane - limited) * (255.0 / levels) + full).clip(0, 255), np.uint8)


def _limited(plane: NDArray[np.uint8], kind: tuple[float, float, float]) -> NDArray[np.uint8]:
    """The way back."""
    levels, limited, full = kind
    return np.asarray(np.rint((plane - full) * (levels / 255.0) + limited), np.uint8)


def _each(camera: Any, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:  # noqa: ANN401 - a function of one frame
    return np.stack([camera(frame[..., None])[..., 0] for frame in plane])


def _padded(side: int) -> int:
    return max(side + side % 2, _LEAST_SIDE)
