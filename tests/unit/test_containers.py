"""What the table says of each container is what libavformat's muxers do."""

from pathlib import Path

import av
import pytest
from av.stream import Disposition

from rtsr.errors import UsageError
from rtsr.sinks.containers import HOLDS, format_of, is_fragmented, muxer_options
from rtsr.sinks.fates import named
from tests.system.films import Film

SUFFIXES = {"mp4": ".mp4", "mov": ".mov", "matroska": ".mkv", "webm": ".webm"}


@pytest.mark.parametrize("form", SUFFIXES)
@pytest.mark.parametrize("kind", ["audio", "subtitle"])
def test_dispositions_that_it_holds_come_back(tmp_path: Path, form: str, kind: str) -> None:
    holds = HOLDS[form]
    flags = holds.dispositions | (holds.text_dispositions if kind == "subtitle" else Disposition(0))
    for name in named(flags):
        film = Film(tmp_path / f"{name}{SUFFIXES[form]}")
        stream = film.sound("libopus" if form == "webm" else "aac") if kind == "audio" else film.text(holds.text[0])
        stream.disposition = Disposition[name]
        with av.open(str(film.write())) as container:
            assert Disposition[name] & container.streams[1].disposition, name


def test_names_tell_the_container() -> None:
    assert {suffix: format_of(f"a{suffix.upper()}") for suffix in (".mp4", ".mkv")} == {
        ".mp4": "mp4",
        ".mkv": "matroska",
    }
    for name in ("a", "a.xyz", ".mkv"):
        with pytest.raises(UsageError, match="extension"):
            format_of(name)


def test_movflags_are_ffmpegs_and_of_mp4_and_mov_only() -> None:
    assert muxer_options("mp4", "+faststart") == {"movflags": "+faststart"}
    assert muxer_options("matroska", None) == {}
    assert is_fragmented("frag_keyframe+empty_moov")
    assert not is_fragmented("+faststart")
    for form, flags in [("matroska", "faststart"), ("mp4", "fastart")]:
        with pytest.raises(UsageError, match="movflags"):
            muxer_options(form, flags)
