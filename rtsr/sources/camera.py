"""A camera, live: what it gives, as 4:2:0, and never a wait without an end.

Why: FFmpeg's v4l2 reader blocks in the kernel until the next frame, for ever when a camera falls silent; so the device
is waited for with a deadline before it is read. Frames that lie in the driver's buffers are copied: those buffers go
back to the driver when the next frame comes.
"""

import errno
import logging
import os
import select
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import av
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from rtsr.color import BT709, Color, Range, Siting
from rtsr.errors import SourceError
from rtsr.frame import Frame, StreamInfo
from rtsr.sources.decode import SUPPORTED, frame_from

log = logging.getLogger(__name__)
_SILENT_S = 5.0
"""A camera that gives no frame for this long has gone."""
_WAIT_S = 0.25
"""How long `close` may have to wait for a camera between two frames."""

_NO_PROBING = {"probesize": "32", "analyzeduration": "0", "fflags": "nobuffer"}
"""Else FFmpeg takes up to a second of frames to guess the rate, and hands them over late."""


def list_cameras() -> list[tuple[str, str]]:
    """Device and name of every camera of this machine; empty where there is none."""
    try:
        found = av.enumerate_input_devices("v4l2")
        return [(str(camera.name), str(camera.description)) for camera in found]
    except (FFmpegError, AttributeError, OSError, ValueError):  # a platform or build without v4l2
        return []


def open_camera(uri: str) -> "CameraSource":
    """Open the camera `/dev/videoN`, `v4l2:///dev/videoN` or `N`, at the size and rate it is set to.

    Raises:
        SourceError: it is missing, busy, forbidden, silent, or not a camera.
    """
    device = uri.removeprefix("v4l2://")
    return open_device(f"/dev/video{device}" if device.isdecimal() else device)


def open_device(device: str, grabber: str = "v4l2") -> "CameraSource":
    """Open `device` with FFmpeg's input device `grabber` and look at its first frame.

    Args:
        device: as the grabber names it: `/dev/video0`, or `:0.0` of x11grab.
        grabber: v4l2, or another live input of FFmpeg's.

    Raises:
        SourceError: as `open_camera`.
    """
    try:
        container = av.open(device, format=grabber, options=_NO_PROBING)
    except (FFmpegError, OSError, ValueError) as error:
        raise _refusal(device, error) from error
    try:
        stream = container.streams.video[0]
        picture = next(container.decode(stream))
    except (FFmpegError, StopIteration, IndexError) as error:
        container.close()
        raise SourceError(f"{device} is open, but gives no picture", mend="unplug it and plug it in again") from error
    color = _color(stream, picture)
    if picture.format.name not in SUPPORTED:
        log.info("%s gives %s: converted to 4:2:0", device, picture.format.name)
    rate = stream.average_rate or stream.guessed_rate
    info = StreamInfo(
        label=device,
        width=picture.width,
        height=picture.height,
        time_base=Fraction(stream.time_base or Fraction(1, av.time_base)),
        rate_fps=Fraction(rate) if rate else None,
        color=color,
        live=True,
    )
    return CameraSource(container, stream, info)


def _refusal(device: str, error: Exception) -> SourceError:
    """What an opening error means to the owner of the camera."""
    cameras = list_cameras()
    listed = ", ".join(f"{camera} ({name})" for camera, name in cameras)
    others = f"cameras here: {listed}" if cameras else "no camera is here: plug one in, or take pattern:?live=yes"
    number = getattr(error, "errno", None)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return SourceError(f"{device} does not exist", mend=others)
    if number == errno.EACCES:
        return SourceError(
            f"{device} may not be opened by you", mend='sudo usermod -aG video "$USER", then log in again'
        )
    if number == errno.EBUSY:
        return SourceError(f"{device} is in use by another program", mend=f"end it: fuser -v {device} names it")
    return SourceError(f"{device} is not a camera ({getattr(error, 'strerror', None) or error})", mend=others)


def _color(stream: VideoStream, picture: av.VideoFrame) -> Color:
    """The tags of what `_Converter` makes of the camera's frames."""
    if picture.format.is_rgb:
        return Color(BT709, BT709, BT709, Range.LIMITED, Siting.CENTER)  # where swscale puts it
    context = stream.codec_context
    packed = picture.format.name in ("yuyv422", "uyvy422", "yvyu422")  # chroma beside every second luma sample
    still = Siting.CENTER if context.name == "mjpeg" else Siting.UNSPECIFIED
    return Color(
        matrix=int(context.colorspace),
        transfer=int(context.color_trc),
        primaries=int(context.color_primaries),
        range=Range.FULL if picture.color_range == ColorRange.JPEG else Range(int(context.color_range)),
        siting=Siting.LEFT if packed else still,
    )


class _Converter:
    """Makes any picture one of our own in 4:2:0: the same matrix and range, or BT.709 limited from RGB."""

    def __init__(self, color: Color) -> None:
        self._reformatter = VideoReformatter()
        self._range = ColorRange.JPEG if color.range is Range.FULL else ColorRange.MPEG

    def converted(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Not the camera's memory: a conversion."""
        if picture.format.is_rgb:
            return self._reformatter.reformat(
                picture,
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
                threads=1,
            )
        return self._reformatter.reformat(
            picture, format="yuv420p", src_color_range=self._range, dst_color_range=self._range, threads=1
        )


class CameraSource:
    """The frames of one opened camera; see `open_camera`."""

    def __init__(self, container: InputContainer, stream: VideoStream, info: StreamInfo) -> None:
        self._container, self._stream, self._info = container, stream, info
        self._converter = _Converter(info.color)
        self._descriptor = _descriptor_of(info.label)
        self._losses: tuple[str, ...] = ()
        self._damaged = 0
        self._closed = False

    @property
    def info(self) -> StreamInfo:
        """See `Source`."""
        return self._info

    @property
    def losses(self) -> tuple[str, ...]:
        """See `Source`."""
        return self._losses

    def seek(self, time_s: Fraction) -> None:
        """See `Source`: a camera knows only now."""

    def frames(self) -> Iterator[Frame]:
        """See `Source`: pts count from the first frame."""
        first: int | None = None
        last = -1
        for picture in self._pictures():
            captured_s = time.monotonic()
            pts = last + 1 if picture.pts is None else picture.pts
            first = pts if first is None else first
            last = max(last + 1, pts - first)  # a camera whose clock jumps back still goes forward
            yield self._frame(picture, last, captured_s)
        if self._damaged:
            self._losses += (f"{self._damaged} damaged frames of {self._info.label} were left out",)

    def close(self) -> None:
        """See `Source`."""
        self._closed = True
        self._container.close()

    def _frame(self, picture: av.VideoFrame, pts: int, captured_s: float) -> Frame:
        info = self._info
        own = picture
        if picture.format.name not in SUPPORTED:
            own = self._converter.converted(picture)
        frame = frame_from(own, pts=pts, time_base=info.time_base, color=info.color, captured_s=captured_s)
        if own is picture:
            frame = replace(frame, y=frame.y.copy(), u=frame.u.copy(), v=frame.v.copy())
        return frame

    def _pictures(self) -> Iterator[av.VideoFrame]:
        """Decoded pictures until the camera goes away or falls silent."""
        packets = self._container.demux(self._stream)
        while self._readable():
            try:
                for picture in next(packets).decode():
                    if isinstance(picture, av.VideoFrame):
                        yield picture
            except StopIteration:
                return
            except InvalidDataError:
                self._damaged += 1  # half a JPEG, as USB cameras give when the bus is full
            except FFmpegError as error:
                self._losses += (f"{self._info.label} went away: {(error.strerror or str(error)).lower()}",)
                return

    def _readable(self) -> bool:
        """Wait for the next frame; False when there will be none."""
        deadline_s = time.monotonic() + _SILENT_S
        while not self._closed:
            if self._descriptor is None or select.select([self._descriptor], [], [], _WAIT_S)[0]:
                return True
            if time.monotonic() > deadline_s:
                self._losses += (f"{self._info.label} gave no frame for {_SILENT_S:.0f} s",)
                return False
        return False


def _descriptor_of(device: str) -> int | None:
    """The open file of this process that is `device`, which PyAV does not tell; None for a grabber without a file."""
    try:
        wanted = os.stat(device).st_rdev
        for name in os.listdir("/proc/self/fd"):
            if wanted and int(name) > 2 and _device_number(int(name)) == wanted:
                return int(name)
    except OSError:
        pass
    return None


def _device_number(descriptor: int) -> int | None:
    try:
        return os.fstat(descriptor).st_rdev
    except OSError:  # closed since it was listed
        return None
