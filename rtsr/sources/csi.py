"""`csi://N`, a camera on the CSI port of a Jetson, through GStreamer: NVIDIA's image processor speaks nothing else.

`csi://0[?size=1920x1080&fps=30&flip=0]`, flip as nvvidconv counts it: 2 is upside down. GStreamer runs as a process of
its own and writes y4m, so no binding of it is needed. Not run on a Jetson yet; the way is tested with GStreamer's own
test picture.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from rtsr.errors import SourceError, UsageError, nearest
from rtsr.sources.pipe import PipeReader, Y4mSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from rtsr.frame import Frame, StreamInfo
    from rtsr.sources.live import Live

_FORM = "write csi://0?size=1920x1080&fps=30&flip=0, all after the number is optional"
_FORMS = {"size": r"[1-9]\d{0,4}x[1-9]\d{0,4}", "fps": r"[1-9]\d{0,2}(/[1-9]\d{0,3})?", "flip": "[0-7]"}
_USUAL = {"size": "1920x1080", "fps": "30", "flip": "0"}
_OPENING_S = 15.0
"""The image processor starts slowly."""
_GOODBYE_S = 3.0
_COLUMNS = 8
"""GStreamer 1.22 writes the padding of other widths into the y4m."""


def open_csi(uri: str, live: Live) -> GStreamerSource:
    """Open the camera that `uri` names, at what it says, else at what `live` wants, else 1920x1080 at 30.

    Raises:
        UsageError: the URI makes no sense.
        SourceError: GStreamer or the camera is not there, or gives nothing.
    """
    number, wishes = _parsed(uri, live)
    width, height = wishes["size"].split("x")
    rate = wishes["fps"] if "/" in wishes["fps"] else f"{wishes['fps']}/1"
    camera = [
        "nvarguscamerasrc", f"sensor-id={number}", "!",
        f"video/x-raw(memory:NVMM),width={width},height={height},framerate={rate}", "!",
        "nvvidconv", f"flip-method={wishes['flip']}",
    ]  # fmt: skip
    return open_gstreamer(f"csi://{number}", camera, live)


def open_gstreamer(label: str, elements: Sequence[str], live: Live) -> GStreamerSource:
    """Open a pipeline of GStreamer's that ends in raw video, in the words of gst-launch-1.0(1).

    Raises:
        SourceError: GStreamer is not there, or gives no picture.
    """
    newest = ["queue", "leaky=downstream", "max-size-buffers=1"]
    ends = ["!", "video/x-raw,format=I420", "!", *newest, "!", "y4menc", "!", "fdsink", "fd=1", "sync=false"]
    said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the source
    try:
        process = subprocess.Popen(
            ["gst-launch-1.0", "-q", *elements, *ends], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
        )
    except OSError as error:
        said.close()
        raise SourceError(
            f"{label} needs GStreamer, and gst-launch-1.0 is not there",
            mend="apt-get install gstreamer1.0-tools gstreamer1.0-plugins-good; a Jetson has it",
        ) from error
    running = _Running(process)
    try:
        reader = PipeReader(running.output, patience_s=_OPENING_S)
        try:
            source = Y4mSource(reader)
        except SourceError as error:
            raise SourceError(f"{label} gives no picture ({_last_words(said)})", mend=_MEND) from error
        reader.patience_s = live.silent_s
    except BaseException:
        running.end()
        raise
    finally:
        said.close()
    info = replace(source.info, label=label, live=True, lossy=True, piped=False, notes=())
    return GStreamerSource(running, reader, source, info)


_MEND = "gst-inspect-1.0 nvarguscamerasrc tells whether this is a Jetson with its camera stack; check the cable"


def _last_words(said: object) -> str:
    said.seek(0)  # type: ignore[attr-defined]
    lines = [line.strip() for line in said.read().decode(errors="replace").splitlines() if line.strip()]  # type: ignore[attr-defined]
    told = next((line for line in lines if "rror" in line or "no element" in line), lines[-1] if lines else "silence")
    return re.sub(r"^.*?(ERROR|erroneous pipeline): ?", "", told)


def _parsed(uri: str, live: Live) -> tuple[int, dict[str, str]]:
    number, _, query = uri.split("://", 1)[1].partition("?")
    if not re.fullmatch(r"\d{1,2}", number):
        raise UsageError(f"{uri} names no camera", mend=_FORM)
    wishes = dict(_USUAL)
    if live.size_wh is not None:
        wishes["size"] = f"{live.size_wh[0]}x{live.size_wh[1]}"
    if live.rate_fps is not None:
        wishes["fps"] = str(live.rate_fps)
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in _FORMS:
            raise UsageError(f"{uri}: there is no {key}", mend=nearest(key, _FORMS))
        if not re.fullmatch(_FORMS[key], value):
            raise UsageError(f"{uri}: {key}={value} makes no sense", mend=_FORM)
        wishes[key] = value
    if int(wishes["size"].split("x")[0]) % _COLUMNS:
        raise UsageError(f"{uri}: {wishes['size']} is not possible", mend=f"take a width that {_COLUMNS} divides")
    return int(number), wishes


class _Running:
    """A process whose output is read."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        if process.stdout is None:
            raise ValueError("the process must write to a pipe")
        self._stdout = process.stdout
        self.output = self._stdout.fileno()

    def end(self) -> None:
        """End it, by force if need be. Safe to call twice."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_GOODBYE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        with suppress(OSError):
            self._stdout.close()


class GStreamerSource:
    """The pictures of a running pipeline; see `open_gstreamer`."""

    def __init__(self, running: _Running, reader: PipeReader, source: Y4mSource, info: StreamInfo) -> None:
        self._running, self._reader, self._source, self._info = running, reader, source, info
        self._losses: tuple[str, ...] = ()
        self._reading = False

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
        """See `Source`: pts are the time since the first frame, since y4m carries none."""
        self._reading = True
        began_s: float | None = None
        last = -1
        try:
            for frame in self._source.frames():
                began_s = frame.captured_s if began_s is None else began_s
                last = max(last + 1, round((frame.captured_s - began_s) / self._info.time_base))
                yield replace(frame, pts=last)
            if not self._reader.closed:
                why = f"gave nothing for {self._reader.patience_s:.0f} s" if self._reader.silent else "ended"
                self._losses = (f"{self._info.label} {why}",)
        finally:
            self._running.end()

    def close(self) -> None:
        """See `Source`; from any thread."""
        self._reader.close()
        if not self._reading:
            self._running.end()
