"""An encoder that is given frames and whose packets are thrown away: for what it costs."""

from __future__ import annotations

import os
import time
from types import TracebackType
from typing import TYPE_CHECKING

import av
from av.error import FFmpegError

from rtsr.sinks.encoder import Encoder, add_video, picture_for
from rtsr.sinks.failures import encoder_failed, encoder_refuses
from rtsr.sinks.priority import usual_priority

if TYPE_CHECKING:
    from rtsr.frame import Frame, StreamInfo


class TrialEncode:
    """A context manager that lets go of the encoder.

    Raises:
        UsageError: the encoder refuses frames as `info` tells.
    """

    def __init__(self, info: StreamInfo, encoder: Encoder) -> None:
        self._container = av.open(os.devnull, "w", format="matroska")
        self._stream = add_video(self._container, info, encoder)
        try:
            self._stream.codec_context.open(strict=False)
            usual_priority()
        except (FFmpegError, ValueError) as error:
            raise encoder_refuses(encoder, "matroska", info, error) from error
        self.elapsed_s = 0.0
        """In the encoder."""
        self.frames = self.bytes = 0

    def __enter__(self) -> TrialEncode:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def write(self, frame: Frame) -> None:
        """Encode a frame."""
        began_s = time.perf_counter()
        self._encode(picture_for(self._stream, frame, 0))
        self.elapsed_s += time.perf_counter() - began_s
        self.frames += 1

    def finish(self) -> None:
        """Encode what it holds back."""
        if self.frames:
            began_s = time.perf_counter()
            self._encode(None)
            self.elapsed_s += time.perf_counter() - began_s

    def _encode(self, picture: av.VideoFrame | None) -> None:
        try:
            self.bytes += sum(packet.size for packet in self._stream.encode(picture))
        except (FFmpegError, ValueError) as error:
            raise encoder_failed(self._stream.codec_context.name, self.frames, error) from error
