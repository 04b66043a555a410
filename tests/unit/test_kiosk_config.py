"""kiosk.toml: what it may say, and the one sentence for whatever it may not."""

import dataclasses
import re
from pathlib import Path

import pytest

from rtsr.config import View
from rtsr.errors import UsageError
from rtsr.kiosk.config import VIEW_KEYS, read_kiosk
from rtsr.kiosk.kept import choices, keep

PLAIN = 'sources = ["pattern:64x48?live=yes"]\n'


def written(folder: Path, text: str, name: str = "kiosk.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_sources_alone_are_enough_and_fill_the_screen(tmp_path: Path) -> None:
    kiosk = read_kiosk(written(tmp_path, PLAIN))
    options = kiosk.views()[0]
    assert options.source == "pattern:64x48?live=yes"
    assert options.fullscreen
    assert options.reconnect
    assert kiosk.metrics.address is None, "off unless asked for"
    assert kiosk.exit_chord


def test_every_option_of_the_viewer_can_be_said_by_its_name(tmp_path: Path) -> None:
    decided = {"source", "sources", "layout", "fullscreen", "headless", "headless_frames", "screenshot"}
    flags = {one.name for one in dataclasses.fields(View) if one.metadata and "argument" not in one.metadata}
    assert set(VIEW_KEYS) == flags - decided
    view = """[view]
model = "esr-tm-k7c4"
scale = 2
backend = "openvino"
input_size = "1280x720"
input_fps = "30"
controls = ["exposure_time_absolute=200"]
governor = true
max_temp = 80
reconnect = false
"""
    options = read_kiosk(written(tmp_path, PLAIN + view)).views()[0]
    assert (options.model, options.backend, options.input_size) == ("esr-tm-k7c4", "openvino", "1280x720")
    assert options.controls == ("exposure_time_absolute=200",)
    assert options.max_temp == 80.0, "a whole number is a number"
    assert not options.reconnect


def test_the_same_file_is_the_same_view_as_the_flags(tmp_path: Path) -> None:
    text = PLAIN + 'layout = "side-by-side"\n[view]\nquality = "fast"\n'
    flags = View(source="pattern:64x48?live=yes", fullscreen=True, layout="side-by-side", quality="fast")
    assert read_kiosk(written(tmp_path, text)).views()[0] == flags


def test_what_the_documentation_shows_is_read_as_it_stands(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "kiosk.md").read_text("utf-8")
    (shown,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    kiosk = read_kiosk(written(tmp_path, shown))
    tables = {one.name for one in dataclasses.fields(kiosk)}
    assert all(f"[{name}]" in shown for name in tables - {"sources", "layout", "exit_chord"})
    for name in ("overlay", "schedule", "metrics", "report", "service"):
        for one in dataclasses.fields(getattr(kiosk, name)):
            assert re.search(rf"^{one.name} = ", shown, re.MULTILINE), f"[{name}] {one.name} is not documented"


BROKEN = {
    'sauces = ["a"]': ("unknown key 'sauces'", "sources"),
    "": ("does not say 'sources'", "sources"),
    "sources = []": ("nothing to show", "sources"),
    'sources = "a"': ("sources = 'a'", "list"),
    'sources = ["a"]\nlayout = "wip"': ("layout = 'wip'", "wipe"),
    'sources = ["a"]\n[view]\nmodle = "x"': ("[view] has the unknown key 'modle'", "model"),
    'sources = ["a"]\n[view]\nscale = "2"': ("scale = '2'", "whole number"),
    'sources = ["a"]\n[view]\nscale = true': ("scale = True", "whole number"),
    'sources = ["a"]\n[view]\nlayout = "wipe"': ("[view] has the key 'layout'", "above"),
    'sources = ["a"]\n[view]\nbackend = "openvno"': ("backend = 'openvno'", "did you mean"),
    'sources = ["a"]\n[view]\ninput_size = "big"': ("big is no size", "1280x720"),
    'sources = ["a"]\n[view]\nmax_watts = 5': ("for the governor", "governor"),
    'sources = ["a"]\nview = 3': ("view = 3", "table"),
    'sources = ["a"]\noverlay = 3': ("overlay = 3", "table"),
    'sources = ["a"]\n[overlay]\nclok = "x"': ("unknown key 'clok'", "clock"),
    'sources = ["a"]\n[schedule]\non = ["8 to 5"]': ("'8 to 5' is no time", "mon-fri"),
    'sources = ["a"]\n[schedule]\non = ["mom 08:00-17:00"]': ("'mom' is no day", "mon"),
    'sources = ["a"]\n[schedule]\non = ["08:61-17:00"]': ("08:61", "0 to 59"),
    'sources = ["a"]\n[metrics]\nlisten = "localhost"': ("is no address", "127.0.0.1"),
    'sources = ["a"]\n[metrics]\nlisten = "0.0.0.0:9188"': ("reached from elsewhere", "token"),
    'sources = ["a"]\n[metrics]\nlisten = "127.0.0.1:9"\ntoken = "short"': ("too short", "openssl"),
    'sources = ["a"]\n[service]\nwatchdog_s = 5': ("watchdog_s = 5", "45"),
    'sources = ["a"]\n[service]\nuser = "root"': ("user = 'root'", "rtsr-kiosk"),
    'sources = ["a"]\n[service]\nuser = "a b"': ("user = 'a b'", "rtsr-kiosk"),
    'sources = ["a"]\nexit_chord = "Q"': ("exit_chord = 'Q'", "Ctrl+Alt+Shift+Q"),
    'sources = ["a"]\nexit_chord = "Ctrl+Alt+F2"': ("exit_chord", "letter"),
    "sources = [": ("is no TOML", "line"),
}


@pytest.mark.parametrize("text", BROKEN)
def test_whatever_is_wrong_is_one_sentence_with_its_mend(text: str, tmp_path: Path) -> None:
    problem, mend = BROKEN[text]
    with pytest.raises(UsageError) as told:
        read_kiosk(written(tmp_path, text))
    assert problem in told.value.problem
    assert "kiosk.toml" in told.value.problem
    assert mend in told.value.mend


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_kiosk(tmp_path / "kiosk.toml")


def test_bytes_that_are_no_text_are_said(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="no TOML"):
        read_kiosk(path)


def test_broken_settings_give_way_to_the_last_good_ones_and_the_screen_says_why(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    asked = written(tmp_path, PLAIN)
    good = next(choices(asked, state))
    assert not good.notice
    keep(good, state)
    asked.write_text(PLAIN + "typo = 1\n", "utf-8")
    fallback, nothing = choices(asked, state)
    assert fallback.kiosk == good.kiosk
    assert "unknown key 'typo'" in fallback.notice
    assert "last good" in fallback.notice
    assert not nothing.usable


def test_without_good_settings_the_screen_says_what_is_wrong_and_nothing_is_opened(tmp_path: Path) -> None:
    (only,) = choices(tmp_path / "kiosk.toml", tmp_path)
    assert not only.usable
    assert "no such file" in only.notice


def test_damaged_kept_settings_are_no_worse_than_none(tmp_path: Path) -> None:
    written(tmp_path, "sources = [", "last-good.toml")
    (only,) = choices(tmp_path / "kiosk.toml", tmp_path)
    assert not only.usable


def test_settings_that_can_be_read_and_not_run_give_way_too(tmp_path: Path) -> None:
    keep(next(choices(written(tmp_path, PLAIN), tmp_path)), tmp_path)
    asked = written(tmp_path, PLAIN + '[view]\nmodel = "no-such-network"\n')
    first, second, _ = choices(asked, tmp_path)
    told = second.instead_of(UsageError("there is no network no-such-network", mend="did you mean that?"))
    assert first.kiosk.views()[0].model == "no-such-network"
    assert second.kiosk.views()[0].model == View(source="x").model
    assert "no-such-network" in told.notice


def test_good_settings_are_written_once_and_read_by_nobody_else(tmp_path: Path) -> None:
    choice = next(choices(written(tmp_path, PLAIN), tmp_path))
    keep(choice, tmp_path)
    kept = tmp_path / "last-good.toml"
    assert kept.stat().st_mode & 0o077 == 0, "a camera's password may be in it"
    before = kept.stat().st_ino
    keep(choice, tmp_path)
    assert kept.stat().st_ino == before, "the flash is not worn by what is there already"


def test_a_state_folder_that_cannot_be_written_is_no_reason_to_stop(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    choice = next(choices(written(tmp_path, PLAIN), None))
    keep(choice, tmp_path / "not there")
    assert "not kept" in caplog.text
