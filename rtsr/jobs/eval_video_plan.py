"""What a run of `rtsr eval --video` will measure: what cannot be is refused before the first minute is over."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rtsr.errors import SourceError, UsageError, nearest
from rtsr.jobs.bench import models_at
from rtsr.jobs.eval_report import parse_scales
from rtsr.jobs.evaluate import BASELINE
from rtsr.models import find_model
from rtsr.sinks.roundtrip import CODECS, check_codec
from rtsr.sources import kind_of
from rtsr.sources.eight_bit import open_eight_bit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtsr.config import Eval

LANCZOS = "lanczos"
LEAST_FRAMES, MOST_FRAMES = 5, 3600
SMALLEST_PX = 64
"""Of a side of the small picture: H.265's largest block, and VMAF's four halvings of the large one."""
_BEST_CRF, _WORST_CRF = 0.0, 51.0
_CLIPS = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".y4m"})


@dataclass(frozen=True, slots=True)
class Encode:
    """What stands between shrinking and enlarging."""

    codec: str
    """A member of CODECS."""
    crf: float


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """Every clip at every scale after every encode by every model."""

    clips: dict[str, str]
    """Name in the table to URI."""
    models: dict[int, list[str]]
    """By scale: bicubic, Lanczos, then what was asked for."""
    encodes: tuple[Encode, ...]
    frames: int
    """At most, of each clip."""
    work_frames: int
    """That will be enlarged, as far as the clips say how long they are."""

    @property
    def rows(self) -> int:
        """Of the table."""
        return len(self.clips) * len(self.encodes) * sum(map(len, self.models.values()))


def make_video_plan(options: Eval) -> VideoPlan:
    """Look at every option, model, codec and clip.

    Raises:
        UsageError: an option makes no sense, or there is no such model, scale or codec.
        SourceError: a clip cannot be read, is not progressive 8-bit 4:2:0, is live, too short or too small.
        BackendError: this build of PyAV lacks the codec, or a model's card is damaged.
    """
    most = options.frames
    if not LEAST_FRAMES <= most <= MOST_FRAMES:
        raise UsageError(f"--frames {most} is not between {LEAST_FRAMES} and {MOST_FRAMES}", mend="60 is a good value")
    scales = list(dict.fromkeys(parse_scales(options.scales)))
    encodes = tuple(Encode(codec, crf) for codec in _parse_codecs(options.codecs) for crf in _parse_crfs(options.crfs))
    models = {scale: _models_at(options.models, scale) for scale in scales}
    clips = list_clips(options.folders)
    frames = sum(_looked_at(uri, max(scales), most) for uri in clips.values())
    return VideoPlan(clips, models, encodes, most, frames * len(encodes) * sum(map(len, models.values())))


def list_clips(places: Sequence[str]) -> dict[str, str]:
    """Name to URI of each clip, and of each in a folder by its suffix, in order of name.

    Raises SourceError on a folder without clips, UsageError where nothing is named.
    """
    uris: list[str] = []
    for place in places:
        if kind_of(place) != "file" or not Path(place).is_dir():
            uris.append(place)
            continue
        try:
            files = sorted(path for path in Path(place).iterdir() if path.suffix.lower() in _CLIPS and path.is_file())
        except OSError as error:
            raise SourceError(f"{place} cannot be read: {error.strerror}", mend="name a folder of clips") from error
        if not files:
            raise SourceError(f"there is no clip in {place}", mend=f"clips are {', '.join(sorted(_CLIPS))}")
        uris += map(str, files)
    if not uris:
        raise UsageError("no clip is named", mend="rtsr eval --video CLIP.mp4")
    uris = list(dict.fromkeys(uris))
    names = [Path(uri).name if kind_of(uri) == "file" else uri for uri in uris]
    return {uri if names.count(name) > 1 else name: uri for name, uri in zip(names, uris, strict=True)}


def cropped_px(side_px: int, scale: int) -> int:
    """The largest side up to this one whose small picture has whole 4:2:0 blocks: a multiple of twice the scale."""
    return side_px - side_px % (2 * scale)


def _parse_codecs(words: str) -> list[str]:
    names = [name.strip().lower() for name in words.split(",") if name.strip()]
    if not names:
        raise UsageError("no codec is named", mend=f"choose --codec {','.join(CODECS)}")
    for name in names:
        if name not in CODECS:
            raise UsageError(f"there is no codec {name!r} here", mend=nearest(name, CODECS))
        check_codec(name)
    return list(dict.fromkeys(names))


def _parse_crfs(words: str) -> list[float]:
    mend = "write --crf 23,28,33"
    try:
        crfs = sorted({float(word) for word in words.split(",")})
    except ValueError as error:
        raise UsageError(f"{words!r} is no list of constant qualities", mend=mend) from error
    for crf in crfs:
        if not _BEST_CRF <= crf <= _WORST_CRF:
            raise UsageError(f"--crf {crf:g} is not between {_BEST_CRF:g} and {_WORST_CRF:g}", mend=mend)
    return crfs


def _models_at(words: str, scale: int) -> list[str]:
    asked = ",".join(name for name in words.split(",") if name.strip() != LANCZOS)
    names = [BASELINE, *models_at(asked or BASELINE, scale)]
    for name in names:
        find_model(name, scale)
    return list(dict.fromkeys((BASELINE, LANCZOS, *names)))


def _looked_at(uri: str, scale: int, most: int) -> int:
    """How many frames of a clip will be measured, about. Raises SourceError where it is not fit for that."""
    if kind_of(uri) == "camera":
        raise SourceError(f"{uri} is live, and clips are measured", mend="record it first: rtsr encode")
    with closing(open_eight_bit(uri)) as source:
        info = source.info
        if info.live:
            raise SourceError(f"{uri} is live, and clips are measured", mend="leave live=yes away")
        least_px = SMALLEST_PX * scale
        if min(cropped_px(info.width, scale), cropped_px(info.height, scale)) < least_px:
            raise SourceError(
                f"{uri} is too small to be measured at x{scale}: {info.width}x{info.height}",
                mend=f"both sides must reach {least_px} pixels",
            )
        count = sum(1 for _ in islice(source.frames(), LEAST_FRAMES))
    if count < LEAST_FRAMES:
        raise SourceError(
            f"{uri} is too short to be measured: it has {count} frames",
            mend=f"take a clip of {LEAST_FRAMES} frames or more",
        )
    return min(most, info.frame_count or most)
