"""Audio that is encoded anew: decoded, resampled where the codec asks for it, and given the times it had."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.codec import Codec, UnknownCodecError
from av.container import OutputContainer
from av.error import FFmpegError, InvalidDataError
from av.packet import Packet
from av.stream import Stream

from rtsr.errors import UsageError, nearest

_GAP_S = Fraction(1, 20)
"""A pause between decoded blocks that is longer is filled with silence; shorter ones are rounding."""
_MOST_SILENCE = 1 << 16
"""Samples of silence in one block."""


def check_audio_codec(name: str, form: str) -> None:
    """Whether `name` encodes audio and the container `form` holds it.

    Raises:
        UsageError: it does not.
    """
    try:
        codec = Codec(name, "w")
    except UnknownCodecError as error:
        raise UsageError(f"-c:a {name}: there is no such encoder", mend=nearest(name, _encoders())) from error
    if codec.type != "audio":
        raise UsageError(f"-c:a {name} encodes {codec.type}, not audio", mend=nearest(name, _encoders()))
    with av.open(os.devnull, "w", format=form) as container:
        held = container.supported_codecs
    if codec.name not in held and codec.canonical_name not in held:
        better = "libopus" if "libopus" in held else "aac"
        raise UsageError(f"{form} cannot hold audio of {name}", mend=f"take -c:a {better}, or write to an .mkv file")


def _encoders() -> list[str]:
    found = ["copy"]
    for name in av.codecs_available:
        try:
            found += [name] if Codec(name, "w").type == "audio" else []
        except UnknownCodecError:  # one that only decodes
            continue
    return found


def audio_losses(stream: Stream, name: str) -> tuple[str, ...]:
    """What encoding `stream` by the codec `name` loses, in words."""
    codec = Codec(name, "w")
    if codec.lossy and not codec.lossless:
        return (f"its sound is encoded by {name} once more",)
    formats = [form.name for form in codec.audio_formats or ()]
    decoded = stream.codec_context.format if isinstance(stream, AudioStream) else None
    real = ("flt", "dbl")
    if decoded is not None and decoded.name.startswith(real) and not any(name.startswith(real) for name in formats):
        return ("its samples are rounded to integers",)
    return ()


def try_audio(form: str, stream: AudioStream, name: str) -> None:
    """Open the encoder `name` for the sound of `stream` in the container `form`; nothing is kept.

    Raises:
        UsageError: it refuses.
    """
    try:
        with av.open(os.devnull, "w", format=form) as container:
            Recoder(container, stream, name, None, Fraction(0))
            container.start_encoding()
    except (FFmpegError, ValueError) as error:
        words = (getattr(error, "strerror", None) or str(error)).lower()
        raise UsageError(
            f"{name} does not take stream {stream.index}, {stream.rate} Hz {stream.layout.name} ({words})",
            mend="take another -c:a, or copy it",
        ) from error


def bits_of(words: str | None) -> int | None:
    """Bits per second of ffmpeg's `-b:a`: `96k`, `1.5M`. Raises UsageError where it is no such number."""
    if words is None:
        return None
    told = re.fullmatch(r"(\d+(?:\.\d+)?)([kKM]?)", words)
    if told is None or not float(told[1]):
        raise UsageError(f"-b:a {words} is no number of bits per second", mend="write 96k or 128000")
    return round(Fraction(told[1]) * {"": 1, "k": 1000, "M": 1_000_000}[told[2].replace("K", "k")])


class Recoder:
    """One audio stream, encoded anew; libavcodec's resampler gives the encoder the samples that it takes.

    Args:
        output: gets the new stream.
        template: the stream of the input.
        codec: encoder.
        bitrate_bps: None leaves it to the encoder.
        shift_s: taken from every time.
    """

    def __init__(
        self, output: OutputContainer, template: AudioStream, codec: str, bitrate_bps: int | None, shift_s: Fraction
    ) -> None:
        self._template, self._shift_s = template, shift_s
        self._rate = template.rate
        added = output.add_stream(codec, rate=_rate_of(codec, template.rate), layout=template.layout.name)
        if not isinstance(added, AudioStream):
            raise ValueError(f"{codec} is no audio encoder")
        self.stream = added
        if bitrate_bps is not None:
            self.stream.bit_rate = bitrate_bps
        self._next: int | None = None
        """PTS of the next sample, in units of 1 / rate of the input."""
        self.damaged = 0
        """Packets that could not be decoded."""

    def take(self, packet: Packet[Stream]) -> Iterator[Packet[Stream]]:
        """The packets that are ready when `packet` of the input has been decoded."""
        try:
            frames = self._template.decode(packet)
        except InvalidDataError:  # what is missing is filled with silence
            self.damaged += 1
            return
        for frame in frames:
            yield from self._encoded(frame)

    def rest(self) -> Iterator[Packet[Stream]]:
        """What is left when the input has ended."""
        for frame in self._template.decode(None):
            yield from self._encoded(frame)
        if self._next is not None:
            yield from self.stream.encode(None)

    def _encoded(self, frame: AudioFrame) -> Iterator[Packet[Stream]]:
        begin = self._begin_of(frame)
        if self._next is None:
            self._next = begin
        if begin - self._next > _GAP_S * self._rate:
            for block in _silence(frame, begin - self._next):
                yield from self._put(block)
        yield from self._put(frame)

    def _begin_of(self, frame: AudioFrame) -> int:
        if frame.pts is None or frame.time_base is None:
            return self._next or 0
        return round((frame.pts * Fraction(frame.time_base) - self._shift_s) * self._rate)

    def _put(self, block: AudioFrame) -> Iterator[Packet[Stream]]:
        block.pts, block.time_base = self._next, Fraction(1, self._rate)
        self._next = (self._next or 0) + block.samples
        yield from self.stream.encode(block)


def _rate_of(codec: str, rate: int) -> int:
    """The rate that the encoder takes: the same, else the next higher one, else its highest."""
    rates = Codec(codec, "w").audio_rates
    if not rates or rate in rates:
        return rate
    return min((one for one in rates if one > rate), default=max(rates))


def _silence(like: AudioFrame, samples: int) -> Iterator[AudioFrame]:
    """Silent blocks of the form of `like`."""
    channels, form = like.layout.nb_channels, like.format.name
    dtype = _DTYPES[form.removesuffix("p")]
    while samples > 0:
        count = min(samples, _MOST_SILENCE)
        shape = (channels, count) if form.endswith("p") else (1, count * channels)
        quiet = np.full(shape, 128 if form.startswith("u8") else 0, dtype)
        block = AudioFrame.from_ndarray(quiet, format=form, layout=like.layout.name)
        block.sample_rate = like.sample_rate
        yield block
        samples -= count


_DTYPES = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "s64": np.int64, "flt": np.float32, "dbl": np.float64}
