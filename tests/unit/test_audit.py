"""The audit finds what is missing, and nothing that is not."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsr.jobs.audit import audit, audit_picture, moved_times
from rtsr.sinks.companion import Added, Promise
from rtsr.sources import open_source
from tests.system.films import Film

UNITS = st.sampled_from([Fraction(1, 1000), Fraction(1, 90_000), Fraction(1001, 30_000), Fraction(1, 10**9)])


@given(st.lists(st.integers(-(10**6), 10**9), min_size=1, max_size=50, unique=True), UNITS, UNITS)
def test_times_are_the_same_when_they_are_rounded_to_the_containers_unit(
    times: list[int], put_unit: Fraction, there_unit: Fraction
) -> None:
    kept = np.array(sorted(round(time * put_unit / there_unit) for time in times), np.int64)
    assert moved_times(kept, there_unit, times, put_unit) == 0


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=50, unique=True), st.data())
def test_a_frame_that_moved_by_a_unit_is_found(times: list[int], data: st.DataObject) -> None:
    kept = np.array(sorted(times), np.int64) * 3
    number = data.draw(st.integers(0, len(times) - 1))
    kept[number] += data.draw(st.sampled_from([-1, 1]))
    assert moved_times(kept, Fraction(1, 75), times, Fraction(1, 25)) == 1


@pytest.fixture
def film(tmp_path: Path) -> Path:
    film = Film(tmp_path / "a.mkv", title="T")
    film.sound("aac")
    film.chapters("One", "Two")
    return film.write()


PTS = [number * 40 for number in range(50)]
MS = Fraction(1, 1000)


def promise(film: Path, **changed: object) -> Promise:
    with av.open(str(film)) as container:
        times = [one.pts * one.time_base for one in container.demux(audio=0) if one.size]
    sound = Added("audio", "aac", packets=len(times), begin_s=min(times), last_s=max(times))
    chapters = ((Fraction(0), Fraction(1), "One"), (Fraction(1), Fraction(2), "Two"))
    return Promise(**{"added": (sound,), "tags": {"title": "T"}, "chapters": chapters, **changed})


def test_a_whole_film_lacks_nothing(film: Path) -> None:
    assert audit(str(film), PTS, MS, promise(film)) == ()


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"added": ()}, "1 streams were written and 2 are there"),
        ({"added": (Added("audio", "opus", packets=3),)}, "was audio opus and is audio aac"),
        ({"added": (Added("audio", "aac", packets=3),)}, "3 packets were copied"),
        ({"tags": {"title": "T", "artist": "A"}}, "lost its tags artist"),
        ({"video_tags": {"language": "fra"}}, "lost its tags language=fra"),
        ({"video_dispositions": frozenset({"forced"})}, "lost its disposition forced"),
        ({"chapters": ()}, "chapters"),
        ({"look": {"size": "128x96"}}, "size 64x48 for 128x96"),
        ({"side_data": ("Display Matrix: rotation of -90.00 degrees",)}, "rotation of -90.00"),
    ],
)
def test_what_is_missing_is_named(film: Path, changed: dict[str, object], word: str) -> None:
    found = audit(str(film), PTS, MS, promise(film, **changed))
    assert len(found) == 1
    assert word in found[0]


def test_sound_at_another_time_is_found(film: Path) -> None:
    whole = promise(film)
    late = Added("audio", "aac", packets=whole.added[0].packets, begin_s=Fraction(1, 5), last_s=whole.added[0].last_s)
    assert "begins at" in audit(str(film), PTS, MS, promise(film, added=(late,)))[0]


def test_missing_and_moved_frames_are_counted(film: Path) -> None:
    assert "51 frames were encoded and 50 are there" in audit(str(film), [*PTS, 2000], MS, promise(film))[0]
    assert "1 frames are shown at another time" in audit(str(film), [*PTS[:-1], 1961], MS, promise(film))[0]


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_bytes(b"no film")
    assert "cannot be read back" in audit(str(tmp_path / "a.mkv"), [], MS, Promise())[0]


def test_what_the_picture_says_of_itself_is_compared(shared: Path, film: Path) -> None:
    clip = str(shared / "video/phone_1080p_pq10_hdr10.mp4")
    info = open_source(clip).info
    assert info.hdr.mastering is not None
    assert info.hdr.light is not None
    assert audit_picture(clip, info, ()) == ()
    brighter = replace(info.hdr.mastering, luminance=(info.hdr.mastering.luminance[0], Fraction(4000)))
    other = replace(
        info, hdr=replace(info.hdr, mastering=brighter), display_matrix=(0, 65536, 0, -65536, 0, 0, 0, 0, 1)
    )
    assert audit_picture(clip, other, ()) == (
        "the picture is turned or mirrored otherwise",
        "the mastering display is not told as it was",
    )
    assert audit_picture(clip, replace(other, display_matrix=None), ("hdr",)) == ()
    assert audit_picture(str(film), info, ()) == (
        "the content light level is not told as it was",
        "the mastering display is not told as it was",
    )
