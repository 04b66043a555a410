"""A quiet sine beside a pattern, so that what is made from nothing has sound to be carried along."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from rtsr.sinks.companion import Added, Promise
from rtsr.sinks.finishing import complete_file

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
        tags: of the file.
        muxing: options of the container.
    """

    def __init__(
        self,
        length_s: Fraction,
        shift_s: Fraction,
        *,
        tags: Mapping[str, str] | None = None,
        muxing: Mapping[str, str] | None = None,
    ) -> None:
        self.shift_s = shift_s
        self.muxing: Mapping[str, str] = muxing or {}
        self._tags = dict(tags or {})
        self._form = ""
        self._samples = int(length_s * RATE_HZ)
        self._done = 0
        self._stream: AudioStream | None = None
        self._added = Added("audio", "")

    @property
    def packets(self) -> tuple[int, ...]:
        """See `Companion`."""
        return (self._added.packets,)

    @property
    def promise(self) -> Promise:
        """See `Companion`."""
        return Promise((self._added,), self._tags)

    def complete(self, path: str) -> None:
        """See `Companion`."""
        complete_file(path, self._form, self._tags)

    def add_to(self, output: OutputContainer, video: VideoStream) -> None:
        """See `Companion`."""
        del video
        self._form = output.format.name
        output.metadata.update(self._tags)
        codec: Literal["aac", "libopus"] = "aac" if "aac" in output.supported_codecs else "libopus"  # WebM
        stream = output.add_stream(codec, rate=RATE_HZ, layout="mono", bit_rate=96_000)
        stream.metadata["title"] = f"{_PITCH_HZ} Hz"
        self._added = Added("audio", stream.codec_context.codec.canonical_name, {"title": f"{_PITCH_HZ} Hz"})
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
            self._added.count((packet.pts or 0) * Fraction(packet.time_base))
            output.mux_one(packet)

    def close(self) -> None:
        """See `Companion`."""
