"""A camera, live: what it gives, as 4:2:0, and never a wait without an end.

Why: FFmpeg's v4l2 reader blocks in the kernel until the next frame, for ever when a camera falls silent, and not even
a signal ends that; so the device is told not to block, and waited for with a deadline before it is read. A packet lies
in the driver's memory and is given back through the device: after `close` that is a crash, so packets are copied.
"""

import errno
import logging
import os
import select
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import av
from av.container import InputContainer
from av.error import BlockingIOError as NotYetError
from av.error import FFmpegError, InvalidDataError
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from rtsr.color import BT709, Color, Range, Siting
from rtsr.errors import SourceError
from rtsr.frame import Frame, StreamInfo
from rtsr.sources.decode import frame_from
from rtsr.sources.devices import descriptor_of
from rtsr.sources.devices import list_cameras as list_cameras
from rtsr.sources.live import AS_IT_COMES, Live
from rtsr.sources.modes import choose_mode
from rtsr.sources.v4l2 import Identity, camera_modes, find_again, identity_of, set_controls

log = logging.getLogger(__name__)
_AS_IT_IS = ("yuv420p", "yuvj420p")
_SILENT_S = 5.0
"""A camera that gives no frame for this long has gone."""
_OLDEST_S = 2.0
"""A time stamp before this is of another clock: uptime, or the wall's."""
_WAIT_S = 0.25
"""How long a reader may take to notice that another thread has closed it."""

_LIVE = {"probesize": "32", "analyzeduration": "0", "fflags": "nobuffer+4"}
"""Else FFmpeg takes up to a second of frames to guess the rate, and hands them over late. 4 is AVFMT_FLAG_NONBLOCK,
which has no name among the options."""


def open_camera(uri: str, live: Live = AS_IT_COMES) -> "CameraSource":
    """Open the camera `/dev/videoN`, `v4l2:///dev/videoN` or `N`, set as `live` wants it, else as it is.

    Raises:
        SourceError: it is missing, busy, forbidden, silent, or not a camera.
        UsageError: it has no such format or control, or not that value.
    """
    device = device_of(uri)
    set_controls(device, live.controls)
    choice = choose_mode(camera_modes(device), live)
    if choice is None:
        return open_device(device, wishes=_as_asked(live))
    log.info("%s: %s", device, choice)
    wishes = {"video_size": f"{choice.mode.width}x{choice.mode.height}", "input_format": choice.mode.format}
    return open_device(device, wishes=wishes | ({"framerate": str(choice.rate_fps)} if choice.rate_fps else {}))


def camera_opener(uri: str, live: Live) -> Callable[[], "CameraSource"]:
    """What opens the camera `uri`, and later the same one wherever it was plugged in again."""
    known: list[Identity] = []

    def open_it() -> CameraSource:
        place = find_again(known[0], device_of(uri)) if known else uri
        source = open_camera(place, live)
        if not known and (identity := identity_of(device_of(place))) is not None:
            known.append(identity)
        return source

    return open_it


def device_of(uri: str) -> str:
    """The device file that `uri` names."""
    device = uri.removeprefix("v4l2://")
    return f"/dev/video{device}" if device.isdecimal() else device


def _as_asked(live: Live) -> dict[str, str]:
    """Of a camera that does not tell its modes: let the driver choose what is nearest."""
    wishes = {} if live.size_wh is None else {"video_size": f"{live.size_wh[0]}x{live.size_wh[1]}"}
    if live.rate_fps is not None:
        wishes["framerate"] = str(live.rate_fps)
    return wishes | ({"input_format": live.format} if live.format is not None else {})


def open_device(device: str, grabber: str = "v4l2", wishes: Mapping[str, str] = MappingProxyType({})) -> "CameraSource":
    """Open `device` with FFmpeg's input device `grabber` and look at its first frame.

    Args:
        device: as the grabber names it: `/dev/video0`, or `:0.0` of x11grab.
        grabber: v4l2, or another live input of FFmpeg's.
        wishes: options of the grabber: `video_size`, `framerate`, ...

    Raises:
        SourceError: as `open_camera`.
    """
    began_s = time.monotonic()
    try:
        container = av.open(device, format=grabber, options={**_LIVE, **wishes}, timeout=(_SILENT_S, None))
    except (FFmpegError, OSError, ValueError) as error:
        if time.monotonic() - began_s > _SILENT_S:
            raise _no_picture(device) from error
        raise _refusal(device, error) from error
    reader = _Reader(container, device)
    picture = next(reader.pictures, None)
    if picture is None:
        reader.close()
        raise _no_picture(device)
    stream = reader.stream
    color = _color(stream, picture)
    if picture.format.name not in _AS_IT_IS:
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
        lossy=True,
    )
    return CameraSource(reader, info)


def _no_picture(device: str) -> SourceError:
    return SourceError(f"{device} is open, but gives no picture", mend="unplug it and plug it in again")


def _refusal(device: str, error: Exception) -> SourceError:
    """What an opening error means to the owner of the camera."""
    cameras = list_cameras()
    listed = ", ".join(f"{camera} ({name})" for camera, name in cameras)
    others = f"cameras here: {listed}" if cameras else "no camera is here: plug one in, or take pattern:?live=yes"
    number = getattr(error, "errno", None)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return SourceError(f"{device} does not exist", mend=others)
    if number in (errno.EACCES, errno.EPERM):
        return SourceError(
            f"{device} may not be opened by you", mend='sudo usermod -aG video "$USER", then log in again'
        )
    if number == errno.EBUSY:
        return SourceError(f"{device} is in use by another program", mend=f"end it: fuser -v {device} names it")
    if os.path.realpath(device) in dict(cameras):
        return SourceError(
            f"{device} does not start ({getattr(error, 'strerror', None) or error})",
            mend="unplug it and plug it in again, if it shares a hub into a port of its own",
        )
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


class _Reader:
    """What an opened device gives, until it falls silent, goes away or is closed."""

    def __init__(self, container: InputContainer, device: str) -> None:
        self._container, self._device = container, device
        self.stream = container.streams.video[0]
        self.pictures = self._pictures()
        self.losses: tuple[str, ...] = ()
        self._closed = False
        self._ready = None
        descriptor = descriptor_of(device)
        if descriptor is not None:
            self._ready = select.poll()
            self._ready.register(descriptor, select.POLLIN)

    def close(self) -> None:
        """From any thread."""
        self._closed = True
        try:
            self.pictures.close()
        except ValueError:  # another thread is in it, sees that it is closed, and lets go of the device
            return
        self._container.close()

    def _pictures(self) -> Generator[av.VideoFrame, None, None]:
        damaged = 0
        deadline_s = time.monotonic() + _SILENT_S
        try:
            while self._waited(deadline_s):
                try:
                    pictures = self._decoded()
                except NotYetError:
                    continue
                except InvalidDataError:
                    damaged += 1  # half a JPEG, as USB cameras give when the bus is full
                    continue
                for picture in pictures:
                    yield picture
                    deadline_s = time.monotonic() + _SILENT_S
        except EOFError:
            pass  # a screen or a test source may end
        except FFmpegError as error:
            self.losses += (f"{self._device} went away: {(error.strerror or str(error)).lower()}",)
        finally:
            self._container.close()
            if damaged:
                self.losses += (f"{damaged} damaged frames of {self._device} were left out",)

    def _waited(self, deadline_s: float) -> bool:
        """Wait for the next packet; False when there will be none."""
        while not self._closed:
            left_s = deadline_s - time.monotonic()
            if left_s < 0:
                self.losses += (f"{self._device} gave no frame for {_SILENT_S:.0f} s",)
                return False
            if self._ready is None or self._ready.poll(min(left_s, _WAIT_S) * 1e3):
                return True
        return False

    def _decoded(self) -> list[av.VideoFrame]:
        """The pictures of the next packet; none of them lies in the driver's memory."""
        packet = next(self._container.demux(self.stream))  # of a generator that is gone at once, and its hold with it
        if not packet.size and packet.pts is None:
            raise EOFError
        if not packet.size:
            raise InvalidDataError(errno.EIO, "the driver marked it as damaged")
        if self.stream.codec_context.name == "wrapped_avframe":  # an address in our own memory, as lavfi's
            return self.stream.codec_context.decode(packet)
        own: av.Packet[Any] = av.Packet(packet.size)
        own.update(packet)  # type: ignore[arg-type]  # takes every buffer
        own.pts, own.dts, own.duration, own.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
        return self.stream.codec_context.decode(own)


def _captured_s(picture: av.VideoFrame) -> float:
    """When the driver had the picture, by its own time stamp where that is of the monotonic clock; else now."""
    now_s = time.monotonic()
    if picture.pts is None or picture.time_base is None:
        return now_s
    told_s = float(picture.pts * picture.time_base)
    return told_s if now_s - _OLDEST_S < told_s <= now_s else now_s


class CameraSource:
    """The frames of one opened camera; see `open_camera`."""

    def __init__(self, reader: _Reader, info: StreamInfo) -> None:
        self._reader, self._info = reader, info
        self._converter = _Converter(info.color)

    @property
    def info(self) -> StreamInfo:
        """See `Source`."""
        return self._info

    @property
    def losses(self) -> tuple[str, ...]:
        """See `Source`."""
        return self._reader.losses

    def seek(self, time_s: Fraction) -> None:
        """See `Source`: a camera knows only now."""

    def frames(self) -> Iterator[Frame]:
        """See `Source`: pts count from the first frame."""
        first: int | None = None
        last = -1
        for picture in self._reader.pictures:
            captured_s = _captured_s(picture)
            pts = last + 1 if picture.pts is None else picture.pts
            first = pts if first is None else first
            last = max(last + 1, pts - first)  # a camera whose clock jumps back still goes forward
            yield self._frame(picture, last, captured_s)

    def close(self) -> None:
        """See `Source`."""
        self._reader.close()

    def _frame(self, picture: av.VideoFrame, pts: int, captured_s: float) -> Frame:
        info = self._info
        if picture.format.name not in _AS_IT_IS:
            picture = self._converter.converted(picture)
        return frame_from(picture, pts=pts, time_base=info.time_base, color=info.color, captured_s=captured_s)
