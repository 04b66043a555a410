"""`rtsr image` refuses what it cannot do or hold, names what is broken, and leaves nothing half done."""

import errno
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.system.pictures import mode_and_size, noise, run


def _deep_png(colour_type: int, channels: int) -> bytes:
    """A 16-bit PNG of 8x8, which Pillow cannot write."""
    rows = b"".join(b"\0" + noise(8 * channels, peak=65535).astype(">u2").tobytes() for _ in range(8))

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 8, 8, 16, colour_type, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _refused(capsys: pytest.CaptureFixture[str], code: int, words: str, *arguments: str | Path) -> None:
    capsys.readouterr()
    assert run(*arguments) == code
    told = capsys.readouterr().err
    assert words in told
    assert "fault of rtsr" not in told


@pytest.mark.parametrize("form", [(2, 3), (4, 2), (6, 4)])
def test_deep_colour_is_refused_not_reduced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: tuple[int, int]
) -> None:
    (tmp_path / "deep.png").write_bytes(_deep_png(*form))
    _refused(capsys, 3, "more than 8 bits per sample in colour", tmp_path / "deep.png", tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()


def test_what_is_not_grey_or_rgb_or_one_picture_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (Image.fromarray(noise(8, 8, 3)), Image.new("RGB", (8, 8)))
    first.convert("CMYK").save(tmp_path / "print.jpg")
    first.save(tmp_path / "moving.webp", save_all=True, append_images=[second])
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "float.tif")
    _refused(capsys, 3, "is in CMYK", tmp_path / "print.jpg", tmp_path / "out.jpg")
    _refused(capsys, 3, "holds 2 pictures", tmp_path / "moving.webp", tmp_path / "out.webp")
    _refused(capsys, 3, "neither grey nor RGB", tmp_path / "float.tif", tmp_path / "out.tif")


def test_what_the_output_cannot_hold_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    colour, out = Image.fromarray(noise(8, 8, 3)), tmp_path / "out"
    Image.fromarray(noise(8, 8, 4)).save(tmp_path / "alpha.png")
    Image.fromarray(noise(8, 8, peak=65535)).save(tmp_path / "deep.png")
    colour.save(
        tmp_path / "profile.png", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    )
    _refused(capsys, 2, "cannot hold transparency", tmp_path / "alpha.png", out.with_suffix(".jpg"))
    _refused(capsys, 2, "cannot hold 16 bits", tmp_path / "deep.png", out.with_suffix(".webp"))
    _refused(capsys, 2, "cannot hold a colour profile", tmp_path / "profile.png", out.with_suffix(".bmp"))
    assert not list(tmp_path.glob("out*"))
    assert run(tmp_path / "alpha.png", out.with_suffix(".webp")) == 0
    assert mode_and_size(out.with_suffix(".webp"))[0] == "RGBA"


def test_bad_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture, out = tmp_path / "in.png", tmp_path / "out.png"
    Image.fromarray(noise(8, 8, 3)).save(picture)
    before = picture.read_bytes()
    _refused(capsys, 3, "there is no", tmp_path / "absent.png", out)
    _refused(capsys, 2, "is the input itself", picture, picture, "-y")
    (tmp_path / "link.png").symlink_to(picture)
    _refused(capsys, 2, "is the input itself", picture, tmp_path / "link.png", "-y")
    _refused(capsys, 2, "is the input itself", tmp_path, tmp_path, "-y")
    _refused(capsys, 2, "unknown suffix .gif", picture, tmp_path / "out.gif")
    _refused(capsys, 2, "what kind of picture", picture, tmp_path / "out")
    _refused(capsys, 2, "does not exist", picture, tmp_path / "no" / "out.png")
    _refused(capsys, 2, "is a file", tmp_path, picture)
    for tile in ("-1", "8", "many", "1.5"):
        _refused(capsys, 2, "no size of a tile", picture, out, "--tile", tile)
    _refused(capsys, 2, "there is no model", picture, out, "--model", "none")
    out.write_bytes(b"mine")
    _refused(capsys, 2, "add -y", picture, out)
    assert out.read_bytes() == b"mine"
    assert picture.read_bytes() == before
    assert run(picture, out, "-y") == 0
    assert run(picture, out.parent / "folder.png", "-y") == 0
    (tmp_path / "empty").mkdir()
    _refused(capsys, 3, "there is no picture in", tmp_path / "empty", tmp_path / "results")
    assert run(picture, tmp_path / "empty") == 0, "into a folder, under the input's name"
    assert (tmp_path / "empty" / "in.png").exists()


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """Three pictures, the middle one cut."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in "abc":
        Image.fromarray(noise(24, 24, 3)).save(folder / f"{name}.png")
    whole = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(whole[: len(whole) // 2])
    return folder


def test_a_broken_picture_in_the_middle_stops_and_is_named(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = broken.parent / "out"
    _refused(capsys, 3, "1 of 3 pictures were finished before it", broken, out)
    assert [path.name for path in out.iterdir()] == ["a.png"]


def test_a_broken_picture_is_skipped_on_demand_and_counted(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = broken.parent / "out"
    _refused(capsys, 4, "1 of 3 pictures were skipped", broken, out, "--skip-bad")
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "c.png"]
    for name in "ac":
        (broken / f"{name}.png").write_bytes(b"no picture")
    _refused(capsys, 3, "3 of 3 pictures were skipped", broken, broken.parent / "other", "--skip-bad")


def test_an_existing_output_in_the_folder_stops_before_anything_is_written(
    broken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = broken.parent / "out"
    out.mkdir()
    (out / "c.png").write_bytes(b"mine")
    _refused(capsys, 2, "c.png exists", broken, out)
    assert [path.name for path in out.iterdir()] == ["c.png"]


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, 6), (errno.EACCES, 2)])
def test_a_disk_that_does_not_take_it_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    Image.fromarray(noise(8, 8, 3)).save(tmp_path / "in.png")

    def full(self: Image.Image, place: Path, *rest: Any, **more: Any) -> None:
        place.write_bytes(b"half")
        raise OSError(number, "as the system says it")

    monkeypatch.setattr(Image.Image, "save", full)
    _refused(capsys, code, "out.png", tmp_path / "in.png", tmp_path / "out.png")
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]
