"""Everything beside the picture goes along, into every container that holds it, or is refused before the start."""

import hashlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from rtsr.cli import main
from rtsr.jobs.provenance import KEY, read_provenance
from rtsr.sinks.moov import data_tracks
from tests.system.clips import encode, sums
from tests.system.films import LINES, Film, samples, texts

PLAIN = ("--model", "bicubic")


def kinds(path: Path) -> list[tuple[str, str]]:
    """(kind, codec) of every stream that is no muxer's own."""
    with av.open(str(path)) as container:
        return [
            (stream.type, stream.codec_context.codec.canonical_name if stream.codec_context else stream.name)
            for stream in container.streams
            if stream.discard != av.stream.Discard.all
        ]


def by_kind(container: av.container.InputContainer, kind: str) -> list[av.stream.Stream]:
    return [stream for stream in container.streams if stream.type == kind]


def full_film(path: Path) -> Path:
    """A Matroska film with a bit of everything."""
    film = Film(path, title="A film", LOCATION="+48.1-11.5/", **{"com.example.take": "7"})
    english, french = film.sound("aac", seed=1), film.sound("ac3", seed=2, layout="stereo")
    english.metadata.update(language="eng", title="Director")
    french.metadata["language"] = "fra"
    french.disposition = Disposition.comment
    ass, srt = film.text("ass"), film.text("subrip")
    ass.metadata["language"], srt.metadata["language"] = "deu", "eng"
    srt.disposition = Disposition.default | Disposition.forced
    film.more_video()
    film.container.add_attachment("font.ttf", "font/ttf", b"\0\1\0\0" * 100)
    film.cover()
    film.chapters("One", "Two")
    return film.write()


def test_a_film_with_everything_goes_into_matroska_as_it_is(tmp_path: Path) -> None:
    source, output = full_film(tmp_path / "in.mkv"), tmp_path / "o.mkv"
    assert encode(source, output, *PLAIN) == 0
    assert sorted(kinds(output)) == sorted(kinds(source))
    for kind in ("audio", "subtitle"):
        assert sums(output, kind) == sums(source, kind)
    with av.open(str(source)) as before, av.open(str(output)) as after:
        assert after.streams.attachments[0].data == before.streams.attachments[0].data
        assert [one["metadata"] for one in after.chapters()] == [one["metadata"] for one in before.chapters()]
        assert {k: v for k, v in before.metadata.items() if k != "ENCODER"}.items() <= after.metadata.items()
        for kind in ("audio", "subtitle"):
            for came, went in zip(by_kind(before, kind), by_kind(after, kind), strict=True):
                assert (went.disposition, went.language) == (came.disposition, came.language)
        assert after.streams.audio[0].metadata["title"] == "Director"
        covers = [one for one in after.streams.video if one.disposition & Disposition.attached_pic]
        assert len(covers) == 1


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("layout", [(), ("-movflags", "+faststart")])
def test_a_film_with_everything_goes_into_mp4_and_mov(tmp_path: Path, suffix: str, layout: tuple[str, ...]) -> None:
    source, output = full_film(tmp_path / "in.mkv"), tmp_path / f"o{suffix}"
    assert encode(source, output, *PLAIN, *layout) == 0
    assert [kind for kind, _ in kinds(output)] == ["video", "audio", "audio", "subtitle", "subtitle", "video", "video"]
    assert sums(output, "audio") == sums(source, "audio")
    with av.open(str(output)) as after:
        tags = {name.lower(): value for name, value in after.metadata.items()}
        assert (tags["title"], tags["location"], tags["com.example.take"]) == ("A film", "+48.1-11.5/", "7")
        assert [one["metadata"]["title"] for one in after.chapters()] == ["One", "Two"]
        assert [one.language for one in after.streams.audio] == ["eng", "fra"]
        assert [one.language for one in after.streams.subtitles] == ["deu", "eng"]
        assert after.streams.audio[0].metadata["name"] == "Director"
        assert after.streams.video[-1].disposition & Disposition.attached_pic
        after.seek(0)
        assert sum(1 for _ in after.decode(video=0)) == 50
    if layout:
        head = output.read_bytes()
        assert head.index(b"moov") < head.index(b"mdat")


def test_text_subtitles_keep_words_and_times_in_every_kind(tmp_path: Path) -> None:
    plain = [(begin, end, words.replace("{\\b1}", "").replace("{\\b0}", "")) for begin, end, words in LINES]
    cut = [(100, 400, "Grüße"), (400, 700, "Grüße\nbold"), (700, 900, "bold"), (1200, 1500, "last")]
    for name, codec in [("a.mkv", "subrip"), ("b.mkv", "ass"), ("c.webm", "webvtt"), ("d.mp4", "mov_text")]:
        film = Film(tmp_path / name)
        film.text(codec, LINES if codec != "mov_text" else LINES[1:])
        source = film.write()
        wanted = plain if codec != "mov_text" else plain[1:]
        for suffix in (".mkv", ".mp4", ".mov", ".webm"):
            output = tmp_path / f"{source.stem}-out{suffix}"
            video = ("-c:v", "libvpx-vp9", "-e", "deadline=realtime", "-e", "cpu-used=8", "-crf", "40")
            how = video if suffix == ".webm" else ("-preset", "ultrafast")
            assert main(["encode", str(source), str(output), "-y", "--progress", "none", *PLAIN, *how]) == 0
            overlapping = suffix in (".mp4", ".mov") and codec != "mov_text"
            assert texts(output) == (cut if overlapping else wanted), (name, suffix)


def test_pictures_as_subtitles_are_copied_or_refused(shared: Path, tmp_path: Path, capsys: object) -> None:
    source = shared / "video/clip_pgs_bitmap_subs_ac3.mkv"
    for suffix in (".mp4", ".mov", ".webm"):
        assert main(["plan", str(source), str(tmp_path / f"o{suffix}"), *PLAIN]) == 2
        said = capsys.readouterr().err  # type: ignore[attr-defined]
        assert "cannot hold stream" in said
        assert "o.mkv" in said
    assert encode(source, tmp_path / "o.mkv", *PLAIN) == 0
    assert sums(tmp_path / "o.mkv", "subtitle") == sums(source, "subtitle")
    assert encode(source, tmp_path / "o.mp4", *PLAIN, "-sn") == 0
    assert list(kinds(tmp_path / "o.mp4")) == [("video", "h264"), ("audio", "ac3")]


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_tracks_of_timed_metadata_stay_readable(shared: Path, tmp_path: Path, suffix: str) -> None:
    source, output = shared / "video/phone_vfr_rotated_two_tracks.mp4", tmp_path / f"o{suffix}"
    assert encode(source, output, *PLAIN) == 0
    came, went = data_tracks(str(source)), data_tracks(str(output))
    assert [went[number].description for number in sorted(went)] == [
        came[number].description for number in sorted(came)
    ]
    assert sums(output, "data") == sums(source, "data")
    assert sums(output, "video")[1] == sums(source, "video")[1]
    with av.open(str(output)) as container:
        assert container.streams[1].codec_context.codec_tag == "hvc1"  # Apple's players play no hev1


def test_data_that_matroska_cannot_hold_is_refused_unless_left_out(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shared / "video/phone_vfr_rotated_two_tracks.mp4"
    assert encode(source, tmp_path / "o.mkv", *PLAIN) == 2
    assert "mett" in capsys.readouterr().err
    assert encode(source, tmp_path / "o.mkv", *PLAIN, "-dn", "-t", "0.3") == 0
    assert [kind for kind, _ in kinds(tmp_path / "o.mkv")] == ["video", "video"]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_timecode_goes_along(tmp_path: Path, suffix: str) -> None:
    film = Film(tmp_path / "in.mov")
    film.videos[0].metadata["timecode"] = "01:00:00:05"
    assert encode(film.write(), tmp_path / f"o{suffix}", *PLAIN) == 0
    with av.open(str(tmp_path / f"o{suffix}")) as container:
        tags = {name.lower(): value for name, value in container.streams[0].metadata.items()}
        assert tags["timecode"] == "01:00:00:05"
        assert len(container.streams) == (1 if suffix == ".mkv" else 2)


@pytest.mark.parametrize("codec", ["aac", "libopus", "flac"])
@pytest.mark.parametrize("begin_s", [0.0, 0.5])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_is_the_same_to_the_sample_at_the_same_time(
    tmp_path: Path, codec: str, begin_s: float, suffix: str
) -> None:
    film = Film(tmp_path / f"in{suffix}")
    film.sound(codec, begin_s=begin_s)
    source, output = film.write(), tmp_path / f"o{suffix}"
    assert encode(source, output, *PLAIN) == 0
    before, after = samples(source), samples(output)
    assert np.array_equal(before[0], after[0])
    assert before[1] == after[1]


def test_sound_behind_an_edit_list_is_the_same(shared: Path, tmp_path: Path) -> None:
    source = shared / "video/phone_1080p_hlg10_rotated_editlist.mp4"
    for name in ("o.mp4", "o.mov"):
        assert encode(source, tmp_path / name, *PLAIN, "--allow-loss", "dovi", "-c:v", "libx264") == 0
        before, after = samples(source), samples(tmp_path / name)
        assert abs(before[1] - after[1]) < Fraction(1, 44100)
        count = min(before[0].shape[1], after[0].shape[1])
        assert abs(before[0].shape[1] - after[0].shape[1]) <= 1
        assert np.array_equal(before[0][:, :count], after[0][:, :count])


@pytest.mark.parametrize(("wanted", "held"), [("libopus", "opus"), ("flac", "flac"), ("aac", "aac")])
def test_audio_is_encoded_anew_when_asked(tmp_path: Path, wanted: str, held: str) -> None:
    film = Film(tmp_path / "in.mkv")
    film.sound("aac", begin_s=0.5, layout="stereo")
    output = tmp_path / "o.mkv"
    assert encode(film.write(), output, *PLAIN, "-c:a", wanted) == 0
    assert kinds(output)[1] == ("audio", held)
    before, after = samples(tmp_path / "in.mkv"), samples(output)
    assert abs(float(before[1] - after[1])) < 0.03  # an encoder's own delay lies before the beginning
    there = after[0].astype(np.float64)
    there = there / 32768 if after[0].dtype == np.int16 else there / (1 << 31) if after[0].dtype == np.int32 else there
    count = 48_000
    if after[0].shape[0] == 1:  # samples of the channels in turn
        there = there.reshape(-1, 2).T
    lag = round(float(before[1] - after[1]) * 48000)
    one = before[0][:, 4800 : 4800 + count].ravel()
    likeness = [
        np.corrcoef(one, there[:, 4800 + lag + near : 4800 + lag + near + count].ravel())[0, 1]
        for near in range(-48, 49)  # Matroska's times are milliseconds
    ]
    assert max(likeness) > (0.999 if wanted == "flac" else 0.6)  # of white noise, which no codec is made for


def test_ffmpegs_words_pick_streams(tmp_path: Path) -> None:
    source, output = full_film(tmp_path / "in.mkv"), tmp_path / "o.mkv"
    for words, count in [
        (("-map", "0:v:0", "-map", "0:a:1"), 2),
        (("-map", "0", "-map", "-0:s", "-map", "-0:t"), 5),
        (("-an", "-sn"), 4),
        (("-map", "-0:2"), 7),
        (("-map", "0:v:0", "-map", "0:m:language:deu"), 2),
        (("-map", "0:V:0", "-map", "0:9?"), 1),
    ]:
        assert encode(source, output, *PLAIN, "-t", "0.2", *words) == 0
        assert len(kinds(output)) == count, words


def test_another_video_track_is_upscaled_when_named(tmp_path: Path) -> None:
    source, output = full_film(tmp_path / "in.mkv"), tmp_path / "o.mkv"
    assert encode(source, output, *PLAIN, "--video-track", "1") == 0
    with av.open(str(output)) as container:
        sizes = [(one.width, one.height) for one in container.streams.video[:2]]
    assert sizes == [(64, 64), (64, 48)]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_provenance_is_written_and_read_back_and_can_be_left_out(
    tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "in.mkv", tmp_path / f"o{suffix}"
    Film(source, comment="mine").write()
    video = ("-c:v", "libvpx-vp9", "-e", "deadline=realtime", "-e", "cpu-used=8") if suffix == ".webm" else ()
    for again in ("in.mkv", f"o{suffix}"):
        how = ["--progress", "none", "-t", "0.2", *video]
        made = tmp_path / f"{again}.{suffix}"
        assert main(["encode", str(tmp_path / again), str(made), "--model", "esr-tr-k5c2", *how]) == 0
        made.rename(output)
    capsys.readouterr()
    assert main(["info", str(output)]) == 0
    said = capsys.readouterr().out
    assert "model: esr-tr-k5c2" in said
    with av.open(str(output)) as container:
        assert {name.lower(): value for name, value in container.metadata.items()}["comment"] == "mine"
        steps = read_provenance(dict(container.metadata))
    assert [step["model"] for step in steps] == ["esr-tr-k5c2"] * 2
    assert steps[0]["weights"].startswith("sha256:")
    assert main(["encode", str(source), str(output), "-y", "--no-provenance", *PLAIN, *how]) == 0
    with av.open(str(output)) as container:
        assert KEY not in {name.lower() for name in container.metadata}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_the_shape_of_samples_stays_in_codecs_that_do_not_tell_it(shared: Path, tmp_path: Path, suffix: str) -> None:
    source, output = shared / "video/bbb_800x640_anamorphic_bframes.mp4", tmp_path / f"o{suffix}"
    how = ["-c:v", "libvpx-vp9", "-e", "deadline=realtime", "-e", "cpu-used=8", "-t", "0.2", "--progress", "none"]
    assert main(["encode", str(source), str(output), *PLAIN, *how]) == 0
    with av.open(str(output)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(64, 45)


def test_covers_survive_the_way_from_mp4_through_mov_to_matroska(tmp_path: Path) -> None:
    film = Film(tmp_path / "in.mp4")
    film.cover()
    last = film.write()
    for name in ("a.mov", "b.mkv", "c.mp4"):
        assert encode(last, tmp_path / name, *PLAIN, "-t", "0.2") == 0
        last = tmp_path / name
    digests = []
    for name in ("in.mp4", "c.mp4"):
        with av.open(str(tmp_path / name)) as container:
            cover = next(one for one in container.streams.video if one.disposition & Disposition.attached_pic)
            digests.append(next(hashlib.md5(bytes(one)).digest() for one in container.demux(cover) if one.size))
    assert digests[0] == digests[1]
