"""`rtsr explain` draws its page from real weights and a real picture, and refuses what it cannot do."""

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rtsr.cli import main


@pytest.mark.parametrize("name", ["esr-max-k7c3", "esr-tm-k7c4", "esr-tr-k5c2", "ecbsr-m4c16"])
def test_a_page_for_each_kind(shared: Path, tmp_path: Path, name: str) -> None:
    page = tmp_path / "page.png"
    picture = shared / "eval" / "Kodak24" / "kodim08.png"
    assert main(["explain", name, str(page), "--image", str(picture)]) == 0
    with Image.open(page) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert min(pixels.shape[:2]) > 600
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 1000, "pictures and colours, not an empty page"
    assert [path.name for path in tmp_path.iterdir()] == ["page.png"]


@pytest.mark.parametrize("scale", ["3", "4"])
@pytest.mark.parametrize("name", ["esr-tm-k5c2", "ecbsr-m4c8"])
def test_other_scales_and_the_pattern(tmp_path: Path, name: str, scale: str) -> None:
    assert main(["explain", name, str(tmp_path / "page.png"), "--scale", scale]) == 0


@pytest.mark.parametrize("name", ["esr-tr-k5c2", "ecbsr-m4c8"])
def test_a_picture_smaller_than_what_is_shown(tmp_path: Path, name: str) -> None:
    Image.effect_noise((9, 5), 60).save(tmp_path / "small.png")
    page = tmp_path / "page.png"
    assert main(["explain", name, str(page), "--image", str(tmp_path / "small.png")]) == 0


def _refused(arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *arguments]) == code
    told = capsys.readouterr().err
    assert words in told
    assert len(told.splitlines()) == 2


def test_bad_wishes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = str(tmp_path / "page.png")
    _refused(["bicubic", page], 2, "bicubic has learned nothing", capsys)
    _refused(["esr-tm-k5c", page], 2, "did you mean esr-tm-k5c2", capsys)
    _refused(["esr-tm-k5c2", str(tmp_path / "page.gif")], 2, "is no PNG", capsys)
    _refused(["esr-tm-k5c2", str(tmp_path / "no" / "page.png")], 2, "cannot be written there", capsys)
    _refused(["esr-tm-k5c2", page, "--image", str(tmp_path / "absent.png")], 3, "absent.png", capsys)
    Image.new("L", (20, 20)).save(page)
    _refused(["esr-tm-k5c2", page], 2, "exists", capsys)
    _refused(["esr-tm-k5c2", page, "-y", "--image", page], 2, "is the input itself", capsys)
    assert main(["explain", "esr-tm-k5c2", page, "-y"]) == 0


@pytest.mark.parametrize("library", ["matplotlib", "safetensors"])
def test_a_missing_library_is_named_with_its_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.split(".")[0] == library:
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    _refused(["esr-tm-k5c2", str(tmp_path / "page.png")], 2, f"{library} is not installed", capsys)
    assert not list(tmp_path.iterdir())
