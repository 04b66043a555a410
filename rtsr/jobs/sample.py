"""`rtsr encode --sample`: short pieces of a film with the final settings, and what the whole would take by them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from rtsr.demux import open_media
from rtsr.errors import SourceError, UsageError
from rtsr.jobs.choose import span
from rtsr.jobs.compare import Piece
from rtsr.jobs.encode import OnePassEncode
from rtsr.jobs.outlet import where
from rtsr.jobs.plan import make_plan
from rtsr.sources import kind_of, open_source

if TYPE_CHECKING:
    from rtsr.config import Encode
    from rtsr.jobs.outcome import Encoded

_FORM = "write COUNTxLENGTH, as 3x5s"


@dataclass(frozen=True, slots=True)
class Sampling:
    """What `--sample` asks for."""

    count: int
    length_s: Fraction

    def __str__(self) -> str:
        return f"--sample {self.count}x{float(self.length_s):g}s"

    def begins(self, duration_s: Fraction) -> list[Fraction]:
        """Where each piece begins so that they lie evenly over `duration_s`: seconds from its beginning."""
        share = duration_s / self.count
        return [share * number + (share - self.length_s) / 2 for number in range(self.count)]


def parse_sampling(text: str) -> Sampling:
    """`3x5s`, `2x1.5`.

    Raises:
        UsageError: it is no such thing.
    """
    told = re.fullmatch(r"(\d{1,3})[xX](\d{1,6}(?:\.\d{1,6})?)s?", text)
    if told is None or int(told[1]) == 0 or Fraction(told[2]) == 0:
        raise UsageError(f"--sample {text} is no number of pieces and their length", mend=_FORM)
    return Sampling(int(told[1]), Fraction(told[2]))


@dataclass(frozen=True, slots=True)
class Measured:
    """What one piece took."""

    media_s: float
    elapsed_s: float
    video_bytes: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the whole would take, by its pieces; each is (by all of them, by the least, by the most)."""

    duration_s: float
    seconds: tuple[float, float, float]
    bytes: tuple[float, float, float]

    def lines(self) -> list[str]:
        """For the user."""
        time, *times = (span(one) for one in self.seconds)
        size, *sizes = (size_words(one) for one in self.bytes)
        return [
            f"all of it ({span(self.duration_s)} of video) by these pieces, with this machine as busy as it is now:",
            f"  size: about {size} ({sizes[0]} by the smallest piece, {sizes[1]} by the largest)",
            f"  time: about {time} ({times[0]} by the quickest, {times[1]} by the slowest)",
            "  an estimate: what lies between the pieces may need more or less than any of them",
        ]


def estimate(measured: Sequence[Measured], duration_s: float, beside_bytes: float) -> Estimate:
    """For a film of `duration_s` whose other streams take `beside_bytes`."""

    def spread(costs: Sequence[float]) -> tuple[float, float, float]:
        rates = [cost / one.media_s for cost, one in zip(costs, measured, strict=True)]
        mean = sum(costs) / sum(one.media_s for one in measured)
        return mean * duration_s, min(rates) * duration_s, max(rates) * duration_s

    least_first = spread([one.video_bytes for one in measured])
    sizes = (least_first[0] + beside_bytes, least_first[1] + beside_bytes, least_first[2] + beside_bytes)
    return Estimate(duration_s, spread([one.elapsed_s for one in measured]), sizes)


class Sample:
    """Pieces of one film, to be encoded one after the other; see `open_sample`."""

    def __init__(self, options: Encode, sampling: Sampling, duration_s: Fraction, folder: Path) -> None:
        self._options, self._duration_s = options, duration_s
        self._plan = make_plan(options)
        self._measured: list[Measured] = []
        from_s = options.start_s or Fraction(0)
        suffix = Path(options.output).suffix
        self.pieces = tuple(
            Piece(options.source, from_s + begin_s, sampling.length_s, self._plan.reading,
                  str(folder / f"piece{number}{suffix}"))
            for number, begin_s in enumerate(sampling.begins(duration_s), start=1)
        )  # fmt: skip

    def open(self, piece: Piece) -> OnePassEncode:
        """The encode of one piece, ready to run."""
        options = replace(
            self._options, output=piece.encoded, start_s=piece.start_s, length_s=piece.length_s, segments=False
        )
        return OnePassEncode(options, make_plan(options))

    def took(self, piece: Piece, done: Encoded) -> None:
        """It is encoded: measure it."""
        self._measured.append(Measured(done.media_s, done.elapsed_s, _video_bytes(piece.encoded)))

    def estimate(self) -> Estimate:
        """Of the whole, once all pieces are encoded."""
        return estimate(self._measured, float(self._duration_s), self._beside_bytes())

    def _beside_bytes(self) -> float:
        """Of the streams that go along; where the input's container does not tell, by the pieces."""
        options, whole = self._options, self._plan.about.copied_bytes
        if whole is not None and options.start_s is None and options.length_s is None and options.audio_codec == "copy":
            return whole
        beside = sum(Path(piece.encoded).stat().st_size for piece in self.pieces)
        beside -= sum(one.video_bytes for one in self._measured)
        return beside * float(self._duration_s) / sum(one.media_s for one in self._measured)


def open_sample(options: Encode, sampling: Sampling, folder: Path) -> Sample:
    """Decide where the pieces lie; they will be written to `folder`.

    Raises:
        UsageError: the sample is longer than the film, or there is no film to take pieces of, or no file to be made.
        SourceError: the input cannot be read, or does not tell how long it is.
    """
    if kind_of(options.source) not in ("file", "pattern") or where(options) != "file":
        odd = options.output if where(options) != "file" else options.source
        raise UsageError(f"--sample takes pieces of one file for another, and {odd} is none", mend="name a media file")
    source = open_source(
        options.source, start_s=options.start_s, length_s=options.length_s, reading=make_plan(options).reading
    )
    source.close()
    duration_s, taken_s = source.info.duration_s, sampling.count * sampling.length_s
    if duration_s is None:
        raise SourceError(f"{options.source} does not tell how long it is", mend="say how much of it: -t 60")
    if taken_s > duration_s:
        raise UsageError(
            f"{sampling} takes {float(taken_s):g} s, and {options.source} has {float(duration_s):.3g} s",
            mend="take fewer or shorter pieces, or encode it as it is: it is short",
        )
    return Sample(options, sampling, duration_s, folder)


def size_words(size_bytes: float) -> str:
    """`850 kB`, `12.3 MB`, `4.56 GB`."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:.3g} {name}"
    return f"{size_bytes / 1e3:.3g} kB"


def _video_bytes(path: str) -> int:
    with open_media(path) as container:
        return sum(packet.size for packet in container.demux(video=0))
