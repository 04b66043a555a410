"""`rtsr image` on real pictures and on every kind of file: better than bicubic, and nothing is lost."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from rtsr.config import Image as Options
from rtsr.errors import InterruptedRun
from rtsr.jobs.evaluate import read_picture
from rtsr.jobs.image import open_image
from rtsr.metrics import luma, psnr_db, shave
from rtsr.resample import bicubic_downscale, bicubic_upscale
from tests.system.pictures import mode_and_size, noise, run

SIX = ("kodim01", "kodim05", "kodim08", "kodim13", "kodim19", "kodim23")
ORIENTATION, EXPOSURE, PIXEL_WIDTH, EXIF_DIRECTORY = 0x0112, 0x829A, 0xA002, 0x8769


@pytest.fixture
def small(shared: Path, tmp_path: Path) -> Path:
    """A folder of six Kodak pictures at half their size."""
    folder = tmp_path / "small"
    folder.mkdir()
    for name in SIX:
        truth = read_picture(shared / "eval" / "Kodak24" / f"{name}.png")
        Image.fromarray(bicubic_downscale(truth, 2)).save(folder / f"{name}.png")
    return folder


def _mean_psnr_db(shared: Path, folder: Path) -> float:
    scores = []
    for name in SIX:
        truth = luma(read_picture(shared / "eval" / "Kodak24" / f"{name}.png"))
        scores.append(psnr_db(shave(truth, 2), shave(luma(read_picture(folder / f"{name}.png")), 2)))
    return float(np.mean(scores))


def test_kodak_is_better_than_bicubic_and_better_still_with_the_ensemble(
    shared: Path, small: Path, tmp_path: Path
) -> None:
    reached = {}
    for name, flags in {"bicubic": ["--model", "bicubic"], "plain": [], "ensemble": ["--ensemble"]}.items():
        out = tmp_path / name
        assert run(small, out, *flags) == 0
        assert sorted(path.name for path in out.iterdir()) == [f"{name}.png" for name in SIX]
        reached[name] = _mean_psnr_db(shared, out)
    assert reached["plain"] > reached["bicubic"] + 1.0
    assert reached["ensemble"] > reached["plain"] + 0.05


def test_bicubic_is_the_tables_bicubic(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    assert run(small / "kodim08.png", out, "--model", "bicubic", "--scale", "3") == 0
    expected = bicubic_upscale(read_picture(small / "kodim08.png"), 3)
    difference = np.abs(expected.astype(int) - read_picture(out))
    assert (difference > 1).mean() < 0.01, "the table's is rounded and clipped twice"
    assert difference.mean() < 0.3


def test_tiles_change_nothing(small: Path, tmp_path: Path) -> None:
    made = []
    for tile in ("0", "auto", "64", "17"):
        assert run(small / "kodim05.png", tmp_path / f"{tile}.png", "--tile", tile, "--model", "esr-tm-k7c4") == 0
        made.append(read_picture(tmp_path / f"{tile}.png"))
    assert all(np.array_equal(made[0], other) for other in made[1:])


@pytest.mark.parametrize("size_wh", [(1, 1), (1, 9), (7, 3), (33, 18)])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_any_size(tmp_path: Path, size_wh: tuple[int, int], scale: int) -> None:
    Image.fromarray(noise(size_wh[1], size_wh[0], 3)).save(tmp_path / "in.png")
    assert run(tmp_path / "in.png", tmp_path / "out.png", "-s", str(scale), "--ensemble") == 0
    assert mode_and_size(tmp_path / "out.png")[1] == (size_wh[0] * scale, size_wh[1] * scale)


@pytest.mark.parametrize("grey", [0, 128, 255])
@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
def test_a_flat_picture_stays_flat(tmp_path: Path, mode: str, grey: int) -> None:
    values = np.full((20, 24), grey * 257, np.uint16) if mode == "I;16" else np.full((20, 24), grey, np.uint8)
    image = Image.fromarray(values)
    (image if mode == "I;16" else image.convert(mode)).save(tmp_path / "in.png")
    assert run(tmp_path / "in.png", tmp_path / "out.png") == 0
    with Image.open(tmp_path / "out.png") as out:
        assert out.mode == mode
        made = np.asarray(out).astype(float) / (257 if mode == "I;16" else 1)
    assert np.abs(made - grey).max() <= 1


def test_modes_become_what_they_can_be(tmp_path: Path) -> None:
    colour = Image.fromarray(noise(12, 16, 3))
    kinds = {
        "palette": (colour.convert("P", palette=Image.Palette.ADAPTIVE), "RGB"),
        "grey": (colour.convert("L"), "L"),
        "bits": (colour.convert("1"), "L"),
        "grey with alpha": (colour.convert("LA"), "LA"),
        "alpha": (colour.convert("RGBA"), "RGBA"),
        "deep grey": (Image.fromarray(noise(12, 16, peak=65535)), "I;16"),
    }
    for name, (image, mode) in kinds.items():
        image.save(tmp_path / "in.png")
        assert run(tmp_path / "in.png", tmp_path / "out.png", "-y") == 0, name
        with Image.open(tmp_path / "out.png") as out:
            assert (out.mode, out.size) == (mode, (32, 24)), name
    palette = colour.convert("P", palette=Image.Palette.ADAPTIVE)
    palette.info["transparency"] = 0
    palette.save(tmp_path / "in.png")
    assert run(tmp_path / "in.png", tmp_path / "out.png", "-y") == 0
    assert mode_and_size(tmp_path / "out.png")[0] == "RGBA"


def test_sixteen_bits_are_used(tmp_path: Path) -> None:
    ramp = np.broadcast_to(np.linspace(20_000, 21_000, 64).astype(np.uint16), (32, 64))
    for suffix in (".png", ".tif"):
        Image.fromarray(ramp).save(tmp_path / f"in{suffix}")
        assert run(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}") == 0
        with Image.open(tmp_path / f"out{suffix}") as out:
            made = np.asarray(out)
        assert made.dtype == np.uint16
        assert len(np.unique(made)) > 100, "8 bits would have 5 levels here"
        inner = made[16:-16, 16:-16].mean(axis=0)
        assert np.all(np.diff(inner[::2]) > 0)


def test_the_colour_of_invisible_pixels_does_not_bleed(tmp_path: Path) -> None:
    down, across = np.mgrid[:40, :40]
    inside = np.hypot(down - 20, across - 20) < 12
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[inside] = (230, 230, 230, 255)
    Image.fromarray(pixels).save(tmp_path / "disc.png")
    assert run(tmp_path / "disc.png", tmp_path / "out.png", "--model", "esr-tm-k7c4") == 0
    with Image.open(tmp_path / "out.png") as out:
        made = np.asarray(out).astype(int)
    visible = made[made[..., 3] > 0]
    assert np.abs(visible[:, :3] - 230).max() <= 1
    assert abs((made[..., 3] > 127).sum() - 4 * inside.sum()) < 0.02 * 4 * inside.sum()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_profile_and_orientation_are_kept(tmp_path: Path, suffix: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif.get_ifd(EXIF_DIRECTORY)[PIXEL_WIDTH] = 24
    image = Image.fromarray(noise(16, 24, 3))
    image.save(tmp_path / f"in{suffix}", icc_profile=profile, exif=exif.tobytes())
    assert run(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}") == 0
    with Image.open(tmp_path / f"out{suffix}") as out:
        assert out.size == (48, 32), "pixels are not turned"
        assert out.info["icc_profile"] == profile
        assert out.getexif()[ORIENTATION] == 6
        assert out.getexif().get_ifd(EXIF_DIRECTORY)[PIXEL_WIDTH] == 48


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_a_turned_picture_is_shown_upright_from_a_tiff_too(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif.get_ifd(EXIF_DIRECTORY)[EXPOSURE] = 0.01
    half = np.zeros((16, 24), np.uint8)
    half[:, :12] = 255
    Image.fromarray(half).save(tmp_path / f"in{suffix}", exif=exif.tobytes())
    assert run(tmp_path / f"in{suffix}", tmp_path / "out.tif") == 0
    with (tmp_path / "out.tif").open("rb") as file, Image.open(file) as out:
        assert out.getexif().get_ifd(EXIF_DIRECTORY)[EXPOSURE] == 0.01
        upright = np.asarray(ImageOps.exif_transpose(out))
    assert upright.shape == (48, 32)
    assert upright[:20].min() > 240
    assert upright[28:].max() < 15


def test_a_stop_ends_between_two_pieces_of_work(small: Path, tmp_path: Path) -> None:
    job = open_image(Options(source=str(small), output=str(tmp_path / "out")))
    with pytest.raises(InterruptedRun, match="after 1 of 6"):
        job.run(lambda done: job.stop())
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{SIX[0]}.png"]


def test_a_telephones_jpeg_with_a_second_picture_is_taken(tmp_path: Path) -> None:
    image, body = Image.fromarray(noise(8, 8, 3)), io.BytesIO()
    image.save(body, "MPO", save_all=True, append_images=[image])
    (tmp_path / "in.jpg").write_bytes(body.getvalue())
    assert run(tmp_path / "in.jpg", tmp_path / "out.jpg") == 0
    assert mode_and_size(tmp_path / "out.jpg")[1] == (16, 16)
