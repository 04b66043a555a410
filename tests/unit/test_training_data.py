"""What a training folder may hold: pictures of many kinds read right, videos, and files that are no good."""

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from rtsr.errors import SourceError
from training.data import list_photographs, load_pair, load_pairs, read_picture, split

RAMP = np.linspace(0, 255, 48 * 40).reshape(40, 48).astype(np.uint8)
"""(40, 48) uint8, grey, every level in it."""


def save(image: Image.Image, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **({"lossless": True} if path.suffix == ".webp" else {}))
    return path


def photo(seed: int = 0, size_wh: tuple[int, int] = (48, 40)) -> Image.Image:
    width, height = size_wh
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def video(path: Path, seconds: int, rate_fps: int = 5) -> Path:
    """A grey level per second, 64x48: 40, 60, 80, and so on up to white."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        codec = "libvpx" if path.suffix == ".webm" else "libx264"
        stream = container.add_stream(codec, rate=rate_fps, options={"crf": "5", "g": "5"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(seconds * rate_fps):
            rgb = np.full((48, 64, 3), min(40 + 20 * (index // rate_fps), 255), np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, rate_fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("suffix", [".webp", ".png", ".bmp", ".tif", ".tiff", ".PNG"])
def test_lossless_kinds_are_read_to_the_last_bit(tmp_path: Path, suffix: str) -> None:
    assert np.array_equal(read_picture(save(photo(), tmp_path / f"a{suffix}")), np.asarray(photo()))


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
def test_jpeg_is_read(tmp_path: Path, suffix: str) -> None:
    grey = save(Image.fromarray(RAMP), tmp_path / f"a{suffix}")
    assert np.abs(read_picture(grey).astype(int) - RAMP[..., None]).max() < 8


@pytest.mark.parametrize("mode", ["L", "P"])
def test_grey_and_palettes_become_three_equal_channels(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(RAMP) if mode == "L" else Image.fromarray(RAMP).convert("P")
    rgb = read_picture(save(image, tmp_path / "a.png"))
    assert np.array_equal(rgb, np.repeat(RAMP[..., None], 3, axis=2))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_of_grey_are_scaled_and_not_clipped(tmp_path: Path, suffix: str) -> None:
    deep = np.arange(48 * 40, dtype=np.uint16).reshape(40, 48) * 34
    rgb = read_picture(save(Image.fromarray(deep), tmp_path / f"a{suffix}"))
    assert np.array_equal(rgb[..., 1], np.rint(deep / 257).astype(np.uint8))
    assert rgb.max() == round(int(deep.max()) / 257) > 250


def test_sixteen_bits_of_colour_are_read(tmp_path: Path) -> None:
    deep = np.asarray(photo()).astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in deep.astype(">u2"))
    parts = ((b"IHDR", struct.pack(">IIBBBBB", 48, 40, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    assert np.array_equal(read_picture(tmp_path / "a.png"), np.asarray(photo()))


def test_what_is_transparent_lies_on_grey(tmp_path: Path) -> None:
    rgba = np.dstack([np.asarray(photo()), np.full((40, 48), 255, np.uint8)])
    rgba[:20, :, 3] = 0
    palette = Image.fromarray(np.arange(48 * 40, dtype=np.uint8).reshape(40, 48) % 2, "P")
    palette.putpalette([250, 0, 0, 0, 250, 0])
    clear = read_picture(save(Image.fromarray(rgba), tmp_path / "a.png"))
    assert (clear[:20] == 128).all()
    assert np.array_equal(clear[20:], np.asarray(photo())[20:])
    palette.save(tmp_path / "p.png", transparency=bytes([0, 255]))
    assert {tuple(pixel) for pixel in read_picture(tmp_path / "p.png").reshape(-1, 3)} == {(128,) * 3, (0, 250, 0)}


def test_samples_that_no_file_explains_are_refused(tmp_path: Path) -> None:
    save(Image.fromarray(RAMP.astype(np.float32)), tmp_path / "f.tif")
    save(Image.fromarray(np.full((40, 48), 70000, np.int32)), tmp_path / "i.tif")
    for name, words in (("f.tif", "floating"), ("i.tif", "70000")):
        with pytest.raises(SourceError, match=words):
            read_picture(tmp_path / name)


def test_a_bad_file_in_the_middle_is_named_or_left_out(tmp_path: Path) -> None:
    for index in range(5):
        save(photo(index), tmp_path / "cc0" / f"photo{index}.png")
    whole = (tmp_path / "cc0" / "photo2.png").read_bytes()
    (tmp_path / "cc0" / "photo2.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cc0" / "photo3.png").write_bytes(b"")
    paths = [path for one in list_photographs((tmp_path,), ("cc0",)) for path in one]
    with pytest.raises(SourceError, match=r"photo2\.png") as refused:
        load_pairs(paths, 2)
    assert "--skip-bad" in refused.value.mend
    told: list[str] = []
    assert len(load_pairs(paths, 2, skip_bad=True, tell=told.append)) == 3
    assert "photo2.png" in told[0]
    assert "photo3.png" in told[1]
    assert told[2:] == ["2 of 5 files are left out"]
    with pytest.raises(SourceError, match="none of 2"):
        load_pairs(paths[2:4], 2, skip_bad=True, tell=told.append)


def test_a_picture_smaller_than_the_patch_is_named(tmp_path: Path) -> None:
    small = save(photo(size_wh=(48, 30)), tmp_path / "small.png")
    assert load_pair(small, 2, least_px=15).low.shape == (15, 24)
    with pytest.raises(SourceError, match=r"small\.png is 48x30, and less than 32"):
        load_pair(small, 2, least_px=16)
    told: list[str] = []
    big = save(photo(), tmp_path / "big.png")
    assert len(load_pairs([small, big], 2, least_px=16, skip_bad=True, tell=told.append)) == 1


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov"])
def test_a_frame_a_second_is_taken_of_a_video(tmp_path: Path, suffix: str) -> None:
    pairs = load_pairs([video(tmp_path / f"clip{suffix}", seconds=4)], 2)
    assert [pair.high.shape for pair in pairs] == [(48, 64)] * 4
    levels = [(pair.high.mean().item() * 255 - 16) * 255 / 219 for pair in pairs]
    assert np.allclose(levels, [40, 60, 80, 100], atol=2)


def test_a_long_video_gives_forty_frames_from_all_of_it(tmp_path: Path) -> None:
    pairs = load_pairs([video(tmp_path / "long.mkv", seconds=90, rate_fps=1)], 2)
    assert len(pairs) == 40


def test_a_video_cut_short_is_bad(tmp_path: Path) -> None:
    whole = video(tmp_path / "clip.mp4", seconds=3).read_bytes()
    (tmp_path / "clip.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"clip\.mp4"):
        load_pairs([tmp_path / "clip.mp4"], 2)


def test_files_are_grouped_by_what_they_are_of(tmp_path: Path) -> None:
    for name in ("a/lake_0.webp", "a/lake_11.jpg", "b/lake_1.png", "a/IMG_1234.jpg", "a/IMG_1235.jpg", "b/b.png"):
        save(photo(), tmp_path / name)
    for name in ("a/walk_1.mp4", "a/walk_2.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "a" / "SOURCES.csv").write_text("file\n")
    groups = list_photographs((tmp_path,), ("a", "b"))
    assert [[str(path.relative_to(tmp_path)) for path in one] for one in groups] == [
        ["a/IMG_1234.jpg"], ["a/IMG_1235.jpg"], ["a/lake_0.webp", "a/lake_11.jpg", "b/lake_1.png"],
        ["a/walk_1.mp4"], ["a/walk_2.mp4"], ["b/b.png"],
    ]  # fmt: skip
    learn, hold = split(groups, 3)
    assert len(learn) + len(hold) == 8


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cc0").mkdir()
    (tmp_path / "cc0" / "notes.txt").touch()
    with pytest.raises(SourceError, match=r"no training picture or video in .*cc0"):
        list_photographs((tmp_path,), ("cc0",))
