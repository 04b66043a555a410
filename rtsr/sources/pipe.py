"""Standard input, as another program writes it: y4m by our own few lines, nut through FFmpeg.

Why not FFmpeg's `pipe:`: its read blocks in the kernel until the writer writes or goes, and neither a signal nor
`close` ends that. Here it is waited for with a deadline, and read by whoever asks for the next frame.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from rtsr import y4m
from rtsr.color import Color
from rtsr.errors import SourceError, UsageError
from rtsr.frame import Frame, Plane, StreamInfo
from rtsr.sources.part import Part
from rtsr.stages import Source

LABEL = "standard input"
_NUT_MAGIC = b"nut/multimedia container\0"
NOT_LOOKED_AT = "not looked at for combs, since a pipe has no way back: deinterlace before it, if need be"
"""Of a file a sample is taken: `rtsr.sources.interlace`."""
_WAIT_S = 0.25
"""How long a reader may take to notice that another thread has closed it."""
_MEND = "pipe y4m or nut into it: ffmpeg -i IN -f yuv4mpegpipe - | rtsr encode - OUT"


def open_pipe(part: Part, descriptor: int = 0) -> Source:
    """The frames that come through `descriptor`; looks at the first bytes.

    Raises:
        SourceError: nothing comes, or neither y4m nor nut, or what is not upscaled.
        UsageError: a part is asked for, and a pipe has no beginning to count from but its own.
    """
    if part != Part():
        raise UsageError(
            "a pipe is read once, from its beginning to its end",
            mend="give -ss and -t to the program before the pipe",
        )
    reader = PipeReader(descriptor)
    magic = reader.peek(len(_NUT_MAGIC))
    if magic.startswith(y4m.MAGIC):
        return Y4mSource(reader)
    if magic == _NUT_MAGIC:
        from rtsr.sources.nut import open_nut

        return open_nut(reader)
    raise SourceError(f"{LABEL} {f'begins with {magic[:12]!r}' if magic else 'ends before anything came'}", mend=_MEND)


class PipeReader:
    """The bytes that come through a descriptor, which stays open. Used from one thread, but for `close`.

    Args:
        descriptor: what is read.
        patience_s: how long nothing may come; then it is as if the pipe had ended. None: for ever.
    """

    def __init__(self, descriptor: int, patience_s: float | None = None) -> None:
        try:
            if os.isatty(descriptor):
                raise SourceError(f"{LABEL} is a terminal, and no video comes from there", mend=_MEND)
            os.fstat(descriptor)
        except OSError as error:
            raise SourceError(f"{LABEL} is closed", mend=_MEND) from error
        self._descriptor = descriptor
        self._ready = select.poll()
        self._ready.register(descriptor, select.POLLIN)
        self._held = b""
        self.closed = False
        """Nothing more is read, though more may come."""
        self.patience_s = patience_s
        self.silent = False
        """Whether nothing came for that long."""

    def peek(self, count: int) -> bytes:
        """The next `count` bytes, which are not used up; fewer where the pipe ends before."""
        while len(self._held) < count and (more := self._next(count)):
            self._held += more
        return self._held[:count]

    def read(self, count: int) -> bytes:
        """At least one byte and at most `count`; none at the end."""
        if self._held:
            given, self._held = self._held[:count], self._held[count:]
            return given
        return self._next(count)

    def line(self, longest: int) -> bytes | None:
        """Up to the next line feed, without it; None at the end, and `longest` bytes where none comes."""
        while (at := self._held.find(b"\n")) < 0 and len(self._held) < longest:
            more = self._next(longest)
            if not more:
                return self._held or None
            self._held += more
        line = self._held[: at if at >= 0 else longest]
        self._held = self._held[len(line) + 1 :]
        return line

    def fill(self, target: memoryview) -> int:
        """Put the next bytes into `target` until it is full or the pipe ends; how many."""
        done = min(len(self._held), len(target))
        target[:done], self._held = self._held[:done], self._held[done:]
        while done < len(target) and self._waited():
            count = os.readv(self._descriptor, [target[done:]])
            if not count:
                break
            done += count
        return done

    def close(self) -> None:
        """From any thread: what is read or waited for ends, as if the pipe had."""
        self.closed = True

    def _next(self, count: int) -> bytes:
        return os.read(self._descriptor, count) if self._waited() else b""

    def _waited(self) -> bool:
        """Whether there is something to read, or an end; False when closed."""
        until_s = None if self.patience_s is None else time.monotonic() + self.patience_s
        while not (self.closed or self.silent):
            if self._ready.poll(_WAIT_S * 1e3):
                return True
            self.silent = until_s is not None and time.monotonic() > until_s
        return False


class Y4mSource:
    """The pictures of a y4m stream; see `open_pipe`."""

    def __init__(self, reader: PipeReader) -> None:
        self._reader = reader
        self._header = header = y4m.parse(reader.line(y4m.LONGEST_LINE) or b"", LABEL)
        if header.interlaced:
            raise SourceError(
                f"{LABEL} is interlaced, and upscaling would set its combs in stone",
                mend="add -vf bwdif to the ffmpeg before the pipe",
            )
        self._info = StreamInfo(
            LABEL,
            header.width,
            header.height,
            time_base=1 / header.rate_fps,
            rate_fps=header.rate_fps,
            color=Color(range=header.range, siting=header.siting),
            layout=header.layout,
            sar=header.sar,
            piped=True,
            notes=(NOT_LOOKED_AT,),
        )
        self._losses: tuple[str, ...] = ()

    @property
    def info(self) -> StreamInfo:
        """See `Source`."""
        return self._info

    @property
    def losses(self) -> tuple[str, ...]:
        """See `Source`."""
        return self._losses

    def seek(self, time_s: Fraction) -> None:
        """See `Source`: a pipe only goes on."""

    def frames(self) -> Iterator[Frame]:
        """See `Source`. Raises SourceError where there is not one picture."""
        number = 0
        while (line := self._reader.line(y4m.LONGEST_LINE)) is not None:
            if not line.startswith(y4m.FRAME):
                self._losses += (f"reading stopped: after frame {number} comes {line[:12]!r} instead of FRAME",)
                return
            planes = self._planes()
            if planes is None and number:
                self._losses += (f"the pipe ends within frame {number + 1}, which is left out",)
                return
            if planes is None:
                break
            info = self._info
            yield Frame(*planes, number, info.time_base, info.color, 1, captured_s=time.monotonic(), layout=info.layout)
            number += 1
        if not number and not self._reader.closed:
            raise SourceError(f"{LABEL} ends before its first picture", mend=_MEND)

    def close(self) -> None:
        """See `Source`."""
        self._reader.close()

    def _planes(self) -> tuple[Plane, Plane, Plane] | None:
        """The planes of the next picture, in memory of its own; None where the pipe ends before."""
        info, layout = self._info, self._header.layout
        chroma = layout.chroma_shape(info.width, info.height)
        planes: list[Plane] = []
        for rows, columns in ((info.height, info.width), chroma, chroma):
            samples = np.empty(rows * columns * layout.dtype.itemsize, np.uint8)
            if self._reader.fill(samples.data) < samples.size:
                return None
            planes.append(_native(samples.view(layout.dtype).reshape(rows, columns)))
        return planes[0], planes[1], planes[2]


def _native(plane: Plane) -> Plane:
    """A plane whose samples were written low byte first, as this machine writes them."""
    return plane if sys.byteorder == "little" else plane.byteswap()
