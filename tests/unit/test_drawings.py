"""Drawings: the same from the same seed, letters that can be read, fonts with their licences, clear refusals."""

import csv
import shutil
import subprocess
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from training.data import list_photographs, split
from training.drawings.__main__ import main
from training.drawings.fonts import Font, load_fonts
from training.drawings.lettering import SIDE_PX, draw_page
from training.drawings.line_art import draw_art
from training.drawings.words import SCRIPTS, Script, line
from training.recipe import CropRecipe, find_recipe, read_recipe

COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2003 Bitstream
License: bitstream-vera

Files: third_party/*
Copyright: 2010 Somebody
License: GPL-2+

Files: DejaVuSerif*.ttf
Copyright: 2006 Tavmjong Bah
License: public-domain
"""
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb is not on this machine")


def font(name: str = "DejaVuSans.ttf") -> Font:
    return Font(FONTS / name, "fonts-dejavu-core 1", "bitstream-vera", tested=False)


def package(folder: Path, name: str, *files: str) -> Path:
    """A .deb with real fonts."""
    root = folder / f"{name}-root"
    for place in ("DEBIAN", f"usr/share/doc/{name}", "usr/share/fonts/truetype"):
        (root / place).mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: 1.0-1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a\n"
    )
    (root / f"usr/share/doc/{name}/copyright").write_text(COPYRIGHT)
    for file in files:
        shutil.copyfile(FONTS / file, root / "usr/share/fonts/truetype" / file)
    made = folder / f"{name}_1.0-1_all.deb"
    subprocess.run(["dpkg-deb", "-b", str(root), str(made)], check=True, capture_output=True)
    shutil.rmtree(root)
    return made


@pytest.fixture
def debs(tmp_path: Path) -> Path:
    (tmp_path / "debs").mkdir()
    package(tmp_path / "debs", "fonts-dejavu-core", "DejaVuSans.ttf", "DejaVuSerif.ttf")
    package(tmp_path / "debs", "fonts-roboto-unhinted", "DejaVuSansMono.ttf")
    return tmp_path / "debs"


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr("sys.argv", ["drawings", *map(str, words)])
    return main()


@pytest.mark.parametrize("seed", range(6))
def test_the_same_seed_draws_the_same_page_and_letters_stand_out(seed: int) -> None:
    able = {script: [font(), font("DejaVuSerif-Italic.ttf")] for script in SCRIPTS}
    once, again = (draw_page(np.random.default_rng(seed), able, []) for _ in range(2))
    other, _ = draw_page(np.random.default_rng(seed + 100), able, [])
    assert once[0].tobytes() == again[0].tobytes() != other.tobytes()
    assert once[0].size == (SIDE_PX, SIDE_PX)
    assert once[1] is False  # no photograph was there
    grey = np.asarray(once[0].convert("L")).astype(int)
    assert np.abs(np.diff(grey, axis=1)).max() >= 50


def test_subtitles_stand_on_the_photograph() -> None:
    able = {script: [font()] for script in SCRIPTS}
    photograph = Image.new("RGB", (500, 490), (90, 120, 60))
    pages = [draw_page(np.random.default_rng(seed), able, [photograph]) for seed in range(12)]
    filmed = [page for page, over in pages if over]
    assert 0 < len(filmed) < 12
    for page in filmed:
        values = np.asarray(page).reshape(-1, 3)
        assert (values == (90, 120, 60)).all(1).mean() > 0.3
        assert values[:, 0].max() == 255


@pytest.mark.parametrize("seed", range(4))
def test_line_art_repeats_and_has_flat_areas_and_soft_edges(seed: int) -> None:
    picture = draw_art(np.random.default_rng(seed))
    assert picture.tobytes() == draw_art(np.random.default_rng(seed)).tobytes()
    grey = np.asarray(picture.convert("L")).astype(int)
    change = np.abs(np.diff(grey, axis=1))
    assert (change <= 1).mean() > 0.4
    assert change.max() > 60
    assert len(np.unique(grey)) > 16  # edges are smoothed


def test_words_have_the_letters_of_their_script_only() -> None:
    random = np.random.default_rng(0)
    for script in SCRIPTS:
        said = "".join(line(script, random, 8) for _ in range(20))
        assert {one for one in said if one.isalpha()} <= set(script.letters) | set("S")  # ß is SS as a capital


def test_a_font_says_what_it_can_write() -> None:
    assert all(font().writes(script) for script in SCRIPTS)
    assert not font("cmr10.ttf").writes(SCRIPTS[2])
    assert not font().writes(Script("none", "\u4e00", "\u4e8c"))


@needs_dpkg
def test_fonts_come_with_the_licence_that_names_them(debs: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    told = {one.path.name: (one.licence, one.package, one.tested) for one in load_fonts(debs, tmp_path / "work")}
    assert told == {
        "DejaVuSans.ttf": ("bitstream-vera", "fonts-dejavu-core 1.0-1", False),
        "DejaVuSerif.ttf": ("public-domain", "fonts-dejavu-core 1.0-1", False),
        "DejaVuSansMono.ttf": ("bitstream-vera", "fonts-roboto-unhinted 1.0-1", True),
    }


@needs_dpkg
def test_a_folder_of_drawings_is_a_training_set_and_a_test_set(
    debs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "drawn"
    monkeypatch.chdir(tmp_path)
    words = ("drawn", "--debs", "debs", "--count", 3, "--test", 2, "--photographs", tmp_path)
    assert run(monkeypatch, *words) == 0
    assert "no photographs" in capsys.readouterr().out
    with (out / "SOURCES.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert {row["file"] for row in rows} == {str(path.relative_to(out)) for path in out.rglob("*.png")}
    assert [row["licence"] for row in rows] == ["drawn"] * 10
    with (out / "FONTS.csv").open(encoding="utf-8") as table:
        assert {row["used"] for row in csv.DictReader(table)} == {"text", "text-test"}
    for kind in ("text", "line-art"):
        assert len(list((out / f"{kind}-test").iterdir())) == 2
        learned, held_out = split(list_photographs((out,), (kind,)), 3)
        assert [len(learned), len(held_out)] == [2, 1]
    assert run(monkeypatch, *words) == 2
    assert "is there already" in capsys.readouterr().err


@needs_dpkg
def test_packages_without_fonts_to_measure_with_are_refused(
    debs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    next(debs.glob("*roboto*")).unlink()
    assert run(monkeypatch, tmp_path / "drawn", "--debs", debs) == 3
    assert "none to measure with" in capsys.readouterr().err
    assert not (tmp_path / "drawn").exists()


def test_line_art_needs_no_fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, tmp_path / "a", "--kind", "line-art", "--count", 1, "--test", 1) == 0
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["SOURCES.csv", "line-art", "line-art-test"]


@pytest.mark.parametrize("name", ["text", "line-art"])
def test_the_recipes_mix_drawings_and_photographs(name: str) -> None:
    recipe = read_recipe(find_recipe(name))
    assert isinstance(recipe, CropRecipe)
    assert recipe.folders == (name, "cc0")
    assert recipe.start
