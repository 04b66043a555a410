"""Photographs from packages: whose they are, which are taken, where they are cut, and what is said when it fails."""

import csv
import errno
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from rtsr.errors import BackendError, SourceError
from rtsr.metrics import luma
from training.data import list_photographs
from training.photographs.__main__ import main
from training.photographs.debs import ARCHIVES, Archive, download, extract
from training.photographs.licences import find_grant, read_copyright
from training.photographs.looks import best_squares, contrast, detail, fingerprint, is_photograph, mirrored

COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2010-2016 Community <us@example.org>
License: CC-BY-SA-3.0

Files: 16.04/lake.jpg
       Night sky by Zoë.jpg
 green*
Copyright: © 2018, Ann Lee <ann@example.org>
           2019 Bo
License: CC-BY-4.0

Files: Horos/*
Copyright: 2011 Nuno
License: LGPL-3
 The full text follows.

Files: green_two.png
Copyright: 2020 Cy
License: CC0

Files: usr/share/backgrounds/elsewhere/*.jpg
Copyright: 2021 Flo
License: CC0

Files: debian/*
Copyright: 2020 Di
License: GPL-2+
"""
needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb is not on this machine")


def scene(seed: int, size_wh: tuple[int, int] = (1000, 960)) -> Image.Image:
    """A picture with the spectrum, the colours and the edges of a photograph in focus."""
    random = np.random.default_rng(seed)
    width, height = size_wh
    total = np.zeros((height, width, 3), np.float32)
    for octave in range(1, 8):
        small = random.normal(0, 22, (height >> octave, width >> octave, 3)).clip(0, 255).astype(np.float32)
        for band in range(3):
            total[..., band] += np.asarray(
                Image.fromarray(small[..., band]).resize((width, height), Image.Resampling.BICUBIC)
            )
    return Image.fromarray((total * 1.2 + 20).clip(0, 255).astype(np.uint8))


def package(folder: Path, name: str, pictures: dict[str, Image.Image], copyright_text: str = COPYRIGHT) -> Path:
    """A .deb with pictures in usr/share/backgrounds."""
    root = folder / f"{name}-root"
    for place, text in (
        (
            "DEBIAN/control",
            f"Package: {name}\nVersion: 1.0-1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a\n",
        ),
        (f"usr/share/doc/{name}/copyright", copyright_text),
    ):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(text, "utf-8")
    for file, image in pictures.items():
        path = root / "usr/share/backgrounds" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, quality=95)
    made = folder / f"{name}_1.0-1_all.deb"
    subprocess.run(["dpkg-deb", "-b", str(root), str(made)], check=True, capture_output=True)
    shutil.rmtree(root)
    return made


@pytest.fixture(scope="module")
def scenes() -> dict[str, Image.Image]:
    return {name: scene(seed) for seed, name in enumerate(("lake", "tree", "goose"))}


@pytest.fixture
def sets(tmp_path: Path, scenes: dict[str, Image.Image]) -> Path:
    """An evaluation set of one picture: the goose, small and in a mirror."""
    (tmp_path / "eval").mkdir()
    scenes["goose"].resize((400, 384)).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "eval" / "goose.png")
    return tmp_path / "eval"


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr("sys.argv", ["photographs", *map(str, words)])
    return main()


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("lake.jpg", ("CC-BY-4.0", "cc-by", "Ann Lee; Bo")),
        ("Night sky by Zoë.jpg", ("CC-BY-4.0", "cc-by", "Ann Lee; Bo")),
        ("green_one.png", ("CC-BY-4.0", "cc-by", "Ann Lee; Bo")),
        ("green_two.png", ("CC0", "cc0", "Cy")),  # the last paragraph decides
        ("Horos/contents/1920x1080.png", ("LGPL-3", "sharealike", "Nuno")),
        ("elsewhere/lake.jpg", ("CC0", "cc0", "Flo")),
        ("other.jpg", ("CC-BY-SA-3.0", "sharealike", "Community")),
    ],
)
def test_the_copyright_file_says_whose_a_picture_is(file: str, expected: tuple[str, str, str]) -> None:
    grant = find_grant(read_copyright(COPYRIGHT), Path("usr/share/backgrounds") / file, "any")
    assert grant
    assert (grant.licence, grant.folder, grant.author) == expected


def test_the_catch_all_does_not_count_beside_a_licence_that_is_not_taken() -> None:
    paragraphs = read_copyright(COPYRIGHT + "\nFiles: x.jpg\nCopyright: 2020 Ed\nLicense: Unsplash\n")
    assert find_grant(paragraphs, Path("a/other.jpg"), "any") is None
    assert find_grant(paragraphs, Path("a/x.jpg"), "any") is None
    assert find_grant(paragraphs, Path("a/lake.jpg"), "any")


@pytest.mark.parametrize(
    ("said", "folder"),
    [
        ("CC0-1.0", "cc0"), ("Public-Domain", "cc0"), ("CC-BY-3.0", "cc-by"), ("CC-BY-SA 4.0", "sharealike"),
        ("Creative Commons Attribution-ShareAlike 3.0 Unported", "sharealike"), ("GPL-2+", "sharealike"),
        ("CC-BY-NC-SA-4.0", None), ("CC-BY-ND-4.0", None), ("Unsplash", None), ("GFDL-1.3", None), ("", None),
    ],
)  # fmt: skip
def test_only_known_free_licences_are_taken(said: str, folder: str | None) -> None:
    grant = find_grant(read_copyright(f"Files: a.jpg\nCopyright: 2020 Ann\nLicense: {said}\n"), Path("b/a.jpg"), "any")
    assert (grant.folder if grant else None) == folder


@pytest.mark.parametrize(
    ("comment", "name", "taken"),
    [
        ("https://unsplash.com/photos/a", "budgie-wallpapers-xenial", True),
        ("https://unsplash.com/photos/a", "budgie-wallpapers-artful", False),
        ("https://pixabay.com/a", "budgie-wallpapers-cosmic", True),
        ("https://pixabay.com/a", "budgie-wallpapers-noble", False),
        ("https://example.org/a", "budgie-wallpapers-noble", True),
        ("AI generated image", "budgie-wallpapers-noble", False),
    ],
)
def test_cc0_of_sites_that_gave_it_up_counts_only_before(comment: str, name: str, *, taken: bool) -> None:
    text = f"Files: a.jpg\nCopyright: Ann\nComment: {comment}\nLicense: CC0\n"
    assert bool(find_grant(read_copyright(text), Path("b/a.jpg"), name)) == taken


def test_prose_says_nothing() -> None:
    assert read_copyright("This package was made by Ann.\n\nLicense: GPL\n") == []
    assert find_grant([], Path("a.jpg"), "any") is None


def focus(image: Image.Image) -> float:
    grey = luma(np.asarray(image)).astype(np.float32)
    return float(detail(grey, contrast(grey)).mean())


def test_detail_is_neither_blur_nor_noise(scenes: dict[str, Image.Image]) -> None:
    sharp = scenes["lake"].reduce(2)
    blurred = sharp.filter(ImageFilter.GaussianBlur(3))
    noise = np.random.default_rng(0).normal(0, 8, (480, 500, 3))
    noisy = Image.fromarray((np.asarray(blurred) + noise).clip(0, 255).astype(np.uint8))
    assert focus(sharp) > 5
    assert focus(blurred) < 1
    assert focus(noisy) < 1


def test_drawings_are_told_from_photographs(scenes: dict[str, Image.Image]) -> None:
    drawing = np.zeros((640, 640, 3), np.uint8)
    drawing[100:300, 200:500] = 200, 30, 30
    for image, expected in ((scenes["lake"], True), (Image.fromarray(drawing), False)):
        rgb = np.asarray(image)
        assert is_photograph(rgb, contrast(luma(rgb).astype(np.float32))) == expected


def test_copies_are_known_by_their_fingerprints(scenes: dict[str, Image.Image]) -> None:
    lake = fingerprint(scenes["lake"])
    copy = fingerprint(scenes["lake"].resize((400, 300)).transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert mirrored(copy)[0] @ lake > 0.95
    assert fingerprint(scenes["tree"]) @ lake < 0.7


def test_squares_are_the_best_ones_and_apart() -> None:
    cells = np.random.default_rng(0).uniform(0, 2, (40, 60)).astype(np.float32)
    cells[10:20, 30:40] = 5
    found = list(best_squares(cells, (10, 10), 0.5, 5))
    assert found[0][:2] == (30, 10)
    assert found[0][2] == pytest.approx(2.0)  # four times the least is enough
    for index, (left, top, _) in enumerate(found):
        assert all(abs(left - x) >= 10 or abs(top - y) >= 10 for x, y, _ in found[:index])
    assert list(best_squares(cells, (61, 10), 0.5, 5)) == []
    assert list(best_squares(cells, (10, 10), 3.0, 5)) == [(30, 10, 5.0)]


@needs_dpkg
def test_a_package_becomes_crops_with_their_sources(
    tmp_path: Path, sets: Path, scenes: dict[str, Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    debs, beside = tmp_path / "debs", tmp_path / "free"
    (beside / "cc-by").mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(beside / "cc-by" / "lake_1.webp")
    debs.mkdir()
    pictures = {"lake.jpg": scenes["lake"], "Tree.png": scenes["tree"], "goose.jpg": scenes["goose"],
                "small.png": scenes["tree"].resize((800, 600)), "green_two.png": scenes["tree"].resize((950, 912)),
                "plain.png": Image.new("RGB", (1000, 960), (9, 99, 9))}  # fmt: skip
    package(debs, "some-wallpapers", pictures)
    for out in ("one", "two"):
        words = (tmp_path / out, "--debs", debs, "--sets", sets, "--beside", beside)
        assert run(monkeypatch, *words) == 0
    first, second = ({p.relative_to(tmp_path / out): p.read_bytes() for p in (tmp_path / out).rglob("*.*")}
                     for out in ("one", "two"))  # fmt: skip
    assert first == second
    with (tmp_path / "one" / "SOURCES.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["file"] for row in rows] == ["cc-by/lake_2.webp", "sharealike/tree_0.webp"]
    assert {Path(row["file"]) for row in rows} == first.keys() - {Path("SOURCES.csv")}
    assert rows[0] | {"detail_score": "", "crop_x_y_w_h_after_scale": ""} == {
        "file": "cc-by/lake_2.webp", "licence": "CC-BY-4.0", "author": "Ann Lee; Bo", "detail_score": "",
        "source": "some-wallpapers 1.0-1", "original_file": "lake.jpg", "original_size": "1000x960",
        "scale_applied": "0.50", "crop_x_y_w_h_after_scale": "",
    }  # fmt: skip
    x, y, width, height = (int(value) for value in rows[1]["crop_x_y_w_h_after_scale"].split(","))
    reduced = scenes["tree"].resize((500, 480), Image.Resampling.LANCZOS)
    with Image.open(tmp_path / "one" / rows[1]["file"]) as crop:
        assert np.array_equal(np.asarray(crop), np.asarray(reduced.crop((x, y, x + width, y + height))))
    groups = list_photographs((tmp_path,), ("free/cc-by", "one/cc-by", "one/sharealike"))
    assert [[path.stem for path in one] for one in groups] == [["lake_1", "lake_2"], ["tree_0"]]


@needs_dpkg
def test_a_full_disk_leaves_nothing(
    tmp_path: Path, sets: Path, scenes: dict[str, Image.Image], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "debs").mkdir()
    package(tmp_path / "debs", "some-wallpapers", {"lake.jpg": scenes["lake"]})

    def full(self: Image.Image, path: Path, **_: object) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Image.Image, "save", full)
    assert run(monkeypatch, tmp_path / "new" / "out", "--debs", tmp_path / "debs", "--sets", sets) == 6
    assert "the disk is full" in capsys.readouterr().err
    assert list((tmp_path / "new").iterdir()) == []


@needs_dpkg
def test_what_cannot_be_used_is_told(
    tmp_path: Path, sets: Path, scenes: dict[str, Image.Image], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "debs").mkdir()
    words = (tmp_path / "out", "--debs", tmp_path / "debs", "--sets")
    assert run(monkeypatch, *words, sets) == 3
    assert "no picture of these packages" in capsys.readouterr().err
    assert run(monkeypatch, *words, tmp_path / "none") == 3
    assert "--sets DIR" in capsys.readouterr().err
    package(tmp_path / "debs", "some-wallpapers", {"lake.jpg": scenes["lake"]}, "All rights reserved.\n")
    assert run(monkeypatch, *words, sets) == 3
    assert "licence not known" in capsys.readouterr().err
    (tmp_path / "debs" / "junk.deb").write_bytes(b"no package")
    assert run(monkeypatch, *words, sets) == 3
    assert "junk.deb cannot be unpacked" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_wrong_line_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path / "out", "--package", "budgie-background") == 2
    assert "did you mean budgie-backgrounds?" in capsys.readouterr().err
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "file").touch()
    assert run(monkeypatch, tmp_path / "old") == 2
    assert "is there already" in capsys.readouterr().err
    assert run(monkeypatch) == 2


def test_a_machine_without_packages_is_told_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackendError, match="dpkg-deb is not on this machine"):
        extract(tmp_path / "a.deb", tmp_path)
    with pytest.raises(BackendError, match=r"apt-get|keys"):
        download(["budgie-backgrounds"], tmp_path, tmp_path)


@pytest.mark.skipif(not shutil.which("apt-get"), reason="apt-get is not on this machine")
def test_an_archive_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Archive(f"file:{tmp_path}/gone", "stable", "main", "keys.gpg", "keys", ("some-wallpapers",))
    monkeypatch.setattr("training.photographs.debs.ARCHIVES", (gone,))
    monkeypatch.setattr("training.photographs.debs._KEYRINGS", tmp_path)
    with pytest.raises(BackendError, match="the keys of file:"):
        download(["some-wallpapers"], tmp_path, tmp_path)
    (tmp_path / "keys.gpg").touch()
    with pytest.raises(SourceError, match="gone cannot be read") as refused:
        download(["some-wallpapers"], tmp_path, tmp_path)
    assert "network" in refused.value.mend


def test_no_package_is_in_two_archives() -> None:
    names = [name for archive in ARCHIVES for name in archive.packages]
    assert len(names) == len(set(names))
