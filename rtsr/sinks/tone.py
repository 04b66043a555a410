"""A quiet sine beside a pattern, so that what is made from nothing has sound to be carried along."""

from fractions import Fraction
from typing import Literal

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

RATE_HZ = 48_000
_PITCH_HZ = 440
_LEVEL = 0.1
"""Of full scale."""
_BLOCK = 1024
"""Samples in an AAC frame."""


class Tone:
    """A `Companion`: mono AAC (Opus in WebM), as long as the video.

    Args:
        length_s: how long it sounds.
        shift_s: where the pattern begins, which becomes 0.
    """

    def __init__(self, length_s: Fraction, shift_s: Fraction) -> None:
        self.shift_s = shift_s
        self._samples = int(length_s * RATE_HZ)
        self._done = 0
        self._stream: AudioStream | None = None
        self._packets = 0

    @property
    def packets(self) -> tuple[int, ...]:
        """See `Companion`."""
        return (self._packets,)

    def add_to(self, output: OutputContainer, video: VideoStream) -> None:
        """See `Companion`."""
        del video
        codec: Literal["aac", "libopus"] = "aac" if "aac" in output.supported_codecs else "libopus"  # WebM
        stream = output.add_stream(codec, rate=RATE_HZ, layout="mono", bit_rate=96_000)
        stream.metadata["title"] = f"{_PITCH_HZ} Hz"
        self._stream = stream

    def mux_until(self, output: OutputContainer, time_s: Fraction | None) -> None:
        """See `Companion`."""
        if self._stream is None:
            return
        end = self._samples if time_s is None else min(self._samples, int(time_s * RATE_HZ))
        while self._done < end:
            count = min(_BLOCK, self._samples - self._done)
            phase = np.arange(self._done, self._done + count) * (2 * np.pi * _PITCH_HZ / RATE_HZ)
            block = av.AudioFrame.from_ndarray(
                (_LEVEL * np.sin(phase)).astype(np.float32)[None], format="fltp", layout="mono"
            )
            block.sample_rate, block.pts, block.time_base = RATE_HZ, self._done, Fraction(1, RATE_HZ)
            self._mux(output, block)
            self._done += count
        if time_s is None:
            self._mux(output, None)
            self._stream = None

    def _mux(self, output: OutputContainer, block: av.AudioFrame | None) -> None:
        for packet in self._stream.encode(block) if self._stream else ():
            output.mux_one(packet)
            self._packets += 1

    def close(self) -> None:
        """See `Companion`."""
