"""Numbered pictures in and out: numbers kept, colours once converted, each file whole or not there."""

import gc
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from rtsr.cli import main
from rtsr.color import BT709, SMPTE170M, Color, Range
from rtsr.errors import SourceError
from rtsr.frame import PixelLayout
from rtsr.numbering import Numbering, gaps, numbering_of
from rtsr.rgb import PICTURE_COLOR, layout_for, rgb_from, ycbcr_from
from rtsr.sources import kind_of, open_source
from tests.system.clips import made

QUIET = ["--model", "bicubic", "--progress", "none"]


def pictures(folder: Path, numbers: range | list[int], form: str = "png") -> list[np.ndarray]:
    """(32, 48, 3) uint8 noise in `folder`, under these numbers."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(3)
    drawn = []
    for number in numbers:
        coarse = rng.integers(0, 256, (8, 12, 3)).astype(np.uint8)
        whole = np.asarray(Image.fromarray(coarse).resize((48, 32), Image.Resampling.BICUBIC))
        Image.fromarray(whole).save(folder / f"{number:04}.{form}", quality=95)
        drawn.append(whole)
    return drawn


def encode(source: str | Path, output: str | Path, *options: str) -> int:
    return main(["encode", str(source), str(output), *QUIET, *options])


def read(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray()


def test_numbers_are_kept(tmp_path: Path) -> None:
    pictures(tmp_path / "in", range(7, 11))
    (tmp_path / "out").mkdir()
    assert encode(tmp_path / "in/%04d.png", tmp_path / "out/f%03d.png") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"f{n:03}.png" for n in range(7, 11)]
    with Image.open(tmp_path / "out/f007.png") as picture:
        assert (picture.size, picture.mode) == ((96, 64), "RGB")


def test_a_part_keeps_its_numbers_too(tmp_path: Path) -> None:
    pictures(tmp_path / "in", range(1, 11))
    (tmp_path / "out").mkdir()
    assert encode(tmp_path / "in/%04d.png", tmp_path / "out/%04d.png", "-r", "10", "-ss", "0.3", "-t", "0.2") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0004.png", "0005.png"]


def test_flat_colours_come_out_as_they_went_in(tmp_path: Path) -> None:
    colours = [(255, 255, 255), (0, 0, 0), (255, 0, 0), (12, 200, 77), (128, 128, 128)]
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    for number, colour in enumerate(colours, start=1):
        Image.new("RGB", (16, 16), colour).save(tmp_path / f"in/{number}.png")
    assert encode(tmp_path / "in/%d.png", tmp_path / "out/%d.png") == 0
    for number, colour in enumerate(colours, start=1):
        assert np.abs(read(tmp_path / f"out/{number}.png").astype(int) - colour).max() <= 1


def test_pictures_become_a_video_at_the_asked_rate_with_tags(tmp_path: Path) -> None:
    pictures(tmp_path / "in", range(5))
    assert encode(tmp_path / "in/%04d.png", tmp_path / "o.mkv", "-r", "24000/1001", "-c:v", "ffv1") == 0
    with av.open(str(tmp_path / "o.mkv")) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert stream.codec_context.pix_fmt in ("yuv444p", "yuvj444p")
        assert int(stream.codec_context.color_range) == 2
        assert int(stream.codec_context.colorspace) == BT709
        assert len(frames) == 5
        assert abs(float(frames[4].time) - 4 * 1001 / 24000) < 1e-3


def test_the_usual_rate_is_said(tmp_path: Path) -> None:
    pictures(tmp_path / "in", range(2))
    command = [sys.executable, "-m", "rtsr", "encode", str(tmp_path / "in/%04d.png"), str(tmp_path / "o.mkv"), *QUIET]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0
    assert "25 in a second are taken (-r sets it)" in done.stderr


def test_deep_video_becomes_deep_pictures(tmp_path: Path) -> None:
    source = tmp_path / "deep.mkv"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p10le"
        stream.codec_context.colorspace, stream.codec_context.color_range = BT709, 1
        picture = av.VideoFrame(32, 32, "yuv420p10le")
        for plane, level in zip(picture.planes, (501, 512, 512), strict=True):
            np.frombuffer(plane, np.uint16)[:] = level
        picture.pts, picture.time_base = 0, Fraction(1, 25)
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    assert encode(source, tmp_path / "%d.png") == 0
    whole = read(tmp_path / "1.png")
    assert whole.dtype == np.uint16
    assert np.abs(whole.astype(int) - round((501 - 64) / 876 * 65535)).max() <= 1


def test_16_bit_pictures_stay_16_bit(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    level = np.full((16, 16, 3), (40000, 20001, 5), np.uint16)
    context = av.VideoCodecContext.create("png", "w")
    context.width, context.height, context.pix_fmt, context.time_base = 16, 16, "rgb48be", Fraction(1, 25)
    picture = av.VideoFrame.from_ndarray(level, format="rgb48be")
    picture.pts = 0
    data = b"".join(bytes(packet) for packet in [*context.encode(picture), *context.encode(None)])
    (tmp_path / "in/1.png").write_bytes(data)
    assert encode(tmp_path / "in/%d.png", tmp_path / "out/%d.png") == 0
    whole = read(tmp_path / "out/1.png")
    assert whole.dtype == np.uint16
    assert np.abs(whole[8, 8].astype(int) - level[8, 8]).max() <= 2


def test_jpegs_are_not_converted(tmp_path: Path) -> None:
    pictures(tmp_path / "in", range(2), "jpg")
    source = open_source(str(tmp_path / "in/%04d.jpg"))
    first = next(source.frames())
    with av.open(str(tmp_path / "in/0000.jpg")) as container:
        picture = next(container.decode(video=0))
    np.testing.assert_array_equal(first.y, picture.to_ndarray()[:32])
    assert first.color.range is Range.FULL


@pytest.mark.parametrize("missing", [[2], [1, 2], [1, 2, 3, 4]])
def test_a_gap_is_refused_and_named(missing: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures(tmp_path / "in", [number for number in range(7) if number not in missing])
    assert encode(tmp_path / "in/%04d.png", tmp_path / "o.mkv") == 3
    assert f"{missing[0]}" in capsys.readouterr().err
    assert not (tmp_path / "o.mkv").exists()


def test_existing_pictures_are_not_replaced_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures(tmp_path / "in", range(2))
    pictures(tmp_path / "out", [0])
    before = (tmp_path / "out/0000.png").read_bytes()
    assert encode(tmp_path / "in/%04d.png", tmp_path / "out/%04d.png") == 2
    assert "-y" in capsys.readouterr().err
    assert (tmp_path / "out/0000.png").read_bytes() == before
    assert encode(tmp_path / "in/%04d.png", tmp_path / "out/%04d.png", "-y") == 0
    assert (tmp_path / "out/0000.png").read_bytes() != before


@pytest.mark.parametrize(
    ("source", "output", "code"),
    [
        ("in/%04d.png", "in/%04d.png", 2),
        ("in/%04d.png", "out/%04d.jpg", 2),
        ("in/%04d.png", "nowhere/%04d.png", 2),
        ("nowhere/%04d.png", "o.mkv", 3),
        ("in/x%04d.png", "o.mkv", 3),
        ("alpha/%04d.png", "o.mkv", 3),
        ("sizes/%04d.png", "o.mkv", 3),
        ("broken/%04d.png", "o.mkv", 3),
    ],
)
def test_what_cannot_be_is_refused(
    source: str, output: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("in", "out", "alpha", "sizes", "broken"):
        pictures(tmp_path / folder, range(2) if folder != "out" else [])
    Image.new("RGBA", (48, 32), (1, 2, 3, 4)).save(tmp_path / "alpha/0001.png")
    Image.new("RGB", (50, 32)).save(tmp_path / "sizes/0001.png")
    (tmp_path / "broken/0001.png").write_bytes(b"no picture")
    assert encode(tmp_path / source, tmp_path / output) == code
    assert "fault of rtsr" not in capsys.readouterr().err
    assert not (tmp_path / "o.mkv").exists()
    assert list((tmp_path / "out").iterdir()) == []


def test_grey_palette_and_opaque_alpha_are_pictures_as_any(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(1)
    grey = Image.fromarray(rng.integers(0, 256, (32, 48)).astype(np.uint8))
    grey.save(tmp_path / "in/0.png")
    grey.convert("RGB").save(tmp_path / "in/1.png")
    grey.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "in/2.png")
    grey.convert("RGBA").save(tmp_path / "in/3.png")
    frames = list(open_source(str(tmp_path / "in/%d.png")).frames())
    assert [frame.layout for frame in frames] == 4 * [PixelLayout(8, 0, 0)]
    for frame in frames:
        np.testing.assert_array_equal(frame.y, np.asarray(grey))
        assert np.unique(np.concatenate([frame.u, frame.v])).tolist() == [128]


def test_unknown_matrix_is_taken_as_players_take_the_input(tmp_path: Path) -> None:
    assert encode(made(tmp_path / "small.mkv", levels=(120, 90, 200)), tmp_path / "%d.png") == 0
    shown = rgb_from(
        tuple(np.full((4, 4), level, np.uint8) for level in (120, 90, 200)),
        Color(SMPTE170M, range=Range.LIMITED),
        PixelLayout(8, 0, 0),
    )
    assert np.abs(read(tmp_path / "1.png")[40, 40].astype(int) - shown[0, 0]).max() <= 2


@given(seed=st.integers(0, 99), deep=st.booleans())
@settings(max_examples=20, deadline=None)
def test_rgb_to_ycbcr_and_back_moves_no_sample_by_more_than_one(seed: int, deep: bool) -> None:
    kind = np.uint16 if deep else np.uint8
    rgb = np.random.default_rng(seed).integers(0, np.iinfo(kind).max + 1, (9, 7, 3)).astype(kind)
    back = rgb_from(ycbcr_from(rgb), PICTURE_COLOR, layout_for(rgb))
    assert np.abs(back.astype(int) - rgb.astype(int)).max() <= 1


@given(before=st.text("ab._- ", max_size=4), digits=st.integers(1, 9), number=st.integers(0, 10**9))
def test_names_and_numbers(before: str, digits: int, number: int) -> None:
    told = numbering_of(f"some/folder/{before}%0{digits}d.png")
    assert told is not None
    assert told == Numbering(Path("some/folder"), before, digits, ".png")
    assert told.path(number).name == f"{before}{number:0{digits}}.png"
    assert numbering_of(str(told)) == told


def test_what_is_no_numbering() -> None:
    for name in ("a.png", "%05d.mp4", "%s.png", "%%d.png", "a%d/b.png"):
        assert numbering_of(name) is None
    assert kind_of("frames/%05d.png?rate=24") == kind_of("%d.JPG") == "sequence"
    with pytest.raises(SourceError):
        open_source("nowhere/%05d.png?rate=24")


@given(st.sets(st.integers(0, 60), min_size=1))
def test_gaps_are_what_is_not_there(numbers: set[int]) -> None:
    missing = sorted(set(range(min(numbers), max(numbers))) - numbers)
    assert gaps(sorted(numbers)) == missing[:3]


def test_a_profile_that_video_has_no_place_for_is_told(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (48, 32), (90, 120, 60)).save(tmp_path / "1.png", icc_profile=profile)
    Image.new("RGB", (48, 32), (90, 120, 60)).save(tmp_path / "2.png")
    (told,) = open_source(str(tmp_path / "%d.png")).info.lossy_steps
    assert "ICC profile" in told
    gc.collect()  # PyAV 18.1 ended the process here, once it had been asked for the profile
