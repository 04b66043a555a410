"""`rtsr plan` and `rtsr info`: what will happen, what it costs, and what a file holds."""

import json
from pathlib import Path

import pytest

from rtsr.cli import main
from tests.system.films import Film


def said(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    assert main([str(word) for word in words]) == 0
    return capsys.readouterr().out


def test_plan_and_dry_run_say_the_same_and_write_nothing(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shared / "video/bbb_720p_2audio_srt_chapters.mkv"
    words = [source, tmp_path / "o.mp4", "--model", "bicubic"]
    plan, dry = said(capsys, "plan", *words), said(capsys, "encode", *words, "--dry-run")

    def steady(text: str) -> list[str]:
        return [line for line in text.splitlines() if not line.startswith("  time: ")]

    assert steady(plan) == steady(dry)
    for word in [
        "stream 0: video h264 [default]: upscale",
        "stream 1: audio aac eng [default]: copy",
        "stream 3: subtitle subrip eng [default]: convert to mov_text (mp4 holds no subrip)",
        "chapters: 3 copied",
        "title, COMMENT, ARTIST: copied",
        "2560x1440",
        "lossy steps:",
        "frames measured now",
    ]:
        assert word in plan
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_exists_can_be_planned_but_pictures_as_subtitles_in_mp4_cannot(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "o.mkv").write_bytes(b"precious")
    source = shared / "video/clip_pgs_bitmap_subs_ac3.mkv"
    assert "stream 2: subtitle hdmv_pgs_subtitle eng [default]: copy" in said(
        capsys, "plan", source, tmp_path / "o.mkv", "--model", "bicubic"
    )
    assert (tmp_path / "o.mkv").read_bytes() == b"precious"
    assert main(["plan", str(source), str(tmp_path / "o.mp4")]) == 2
    told = capsys.readouterr().err
    assert "mp4 cannot hold stream 2 of the input (subtitle, hdmv_pgs_subtitle)" in told
    assert "o.mkv" in told


def test_plan_in_json_has_every_part(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = shared / "video/nasa_multi_stream_mov_text.mp4"
    words = ["--model", "bicubic", "-b:v", "1M", "-an", "--json"]
    told = json.loads(said(capsys, "plan", source, tmp_path / "o.mkv", *words))
    assert [row["action"] for row in told["streams"]] == ["upscale", "drop", "convert", "copy", "drop", "convert"]
    assert told["output_size"] == [640, 360]
    assert told["frames"] == 325
    assert told["encoder"]["codec"] == "libx264"
    assert told["seconds"][0] <= told["seconds"][1]
    assert told["bytes"] > 13 * 125_000
    assert len(told["lossy_steps"]) == 5  # the pictures, two tracks of sound, two of text
    assert told["watts"] is None or told["watts"] > 0


def test_info_tells_streams_chapters_and_tags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = Film(tmp_path / "a.mkv", title="T")
    film.sound("aac").metadata["language"] = "deu"
    film.text("ass")
    film.container.add_attachment("a.ttf", "font/ttf", bytes(100))
    film.cover()
    film.chapters("One", "Two")
    path = film.write()
    told = said(capsys, "info", path)
    for word in [
        "video h264",
        "audio aac deu",
        "48000 Hz",
        "subtitle ass",
        "attachment font/ttf",
        "bytes 100",
        "cover mjpeg",
        "chapter 0.000 to 1.000 s: One",
        "title: T",
    ]:
        assert word in told
    assert "made by rtsr" not in told
    table = json.loads(said(capsys, "info", path, "--json"))
    assert [row["kind"] for row in table["streams"]] == ["video", "audio", "subtitle", "attachment", "cover"]
    assert table["made_by"] == []


def test_info_of_what_is_no_film_is_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text("no film\n" * 20)
    assert main(["info", str(tmp_path / "a.txt")]) == 3
    assert main(["info", str(tmp_path / "b.mp4")]) == 3
    assert "does not exist" in capsys.readouterr().err
