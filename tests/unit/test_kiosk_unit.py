"""The unit, as systemd's own tools judge it; and what install leaves in a tree."""

import itertools
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rtsr.config import KioskInstall, KioskUninstall
from rtsr.errors import UsageError
from rtsr.kiosk import install as installing
from rtsr.kiosk.check import check, exposure_of
from rtsr.kiosk.config import Kiosk, Service
from rtsr.kiosk.unit import SERVER_UNIT, SETTINGS, UNIT, Place, server_settings, server_text, unit_text, user_text

KIOSK = Kiosk(sources=("/dev/video0",))
PROGRAM = Place(sys.executable, cage="/bin/true", xorg="/bin/true", xhost="/bin/true")
UNITS = [
    replace(KIOSK, service=Service(compositor=compositor, gives_up=gives_up))
    for compositor, gives_up in itertools.product(("cage", "x11"), ("never", "stops", "reboots"))
]


def analyze(*words: str) -> str:
    """systemd's opinion."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here, so nobody judges the unit: apt-get install systemd")
    done = subprocess.run(["systemd-analyze", "--no-pager", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("kiosk", UNITS, ids=lambda kiosk: f"{kiosk.service.compositor}-{kiosk.service.gives_up}")
def test_systemd_takes_every_line_and_finds_little_exposed(kiosk: Kiosk, tmp_path: Path) -> None:
    unit = tmp_path / UNIT
    unit.write_text(unit_text(kiosk, PROGRAM))
    (tmp_path / SERVER_UNIT).write_text(server_text(kiosk, PROGRAM))
    assert analyze("verify", "--man=no", str(tmp_path / SERVER_UNIT)) == ""
    assert analyze("verify", "--man=no", str(unit)) == ""
    analyze("security", "--offline=true", str(unit))
    exposure = exposure_of(unit)
    print(f"exposure {exposure}")
    assert exposure is not None
    assert exposure < 4.0


def test_what_the_unit_promises() -> None:
    lines = unit_text(replace(KIOSK, service=Service(watchdog_s=77, tty=3, user="shop")), PROGRAM).splitlines()
    for line in (
        "Type=notify", "NotifyAccess=all", "WatchdogSec=77", "Restart=always", "StartLimitBurst=20", "User=shop",
        "NoNewPrivileges=yes", "ProtectSystem=strict", "DevicePolicy=closed", "DeviceAllow=char-video4linux rw",
        "DeviceAllow=char-drm rw", "DeviceAllow=char-input rw", "StateDirectory=rtsr-kiosk",
        "StandardOutput=journal", "KillSignal=SIGWINCH",
    ):  # fmt: skip
        assert line in lines
    assert "u shop - " in user_text(replace(KIOSK, service=Service(user="shop")))


def test_the_chord_that_leaves_is_the_one_end_that_is_not_begun_again(tmp_path: Path) -> None:
    """The line of the unit, run by the shell that it names: the compositor's own exit code does not matter."""
    line = next(line for line in unit_text(KIOSK, PROGRAM).splitlines() if line.startswith("ExecStart="))
    script = re.fullmatch(r"ExecStart=/bin/sh -c '(.*)' rtsr-kiosk .*", line)
    assert script
    prevented = re.search(r"RestartPreventExitStatus=(\d+)", unit_text(KIOSK, PROGRAM))
    assert prevented

    def ended() -> int:
        shell = ["/bin/sh", "-c", script[1].replace("$$", "$"), "rtsr-kiosk", "python"]
        return subprocess.run(shell, env={"RUNTIME_DIRECTORY": str(tmp_path)}, timeout=30).returncode

    assert ended() == 0
    (tmp_path / "left").touch()
    assert ended() == int(prevented[1])


def test_homes_are_hidden_unless_the_interpreter_lies_in_one() -> None:
    assert "ProtectHome=yes" in unit_text(KIOSK, Place("/opt/rtsr/bin/python", "/usr/bin/python3.11"))
    linked = Place("/opt/rtsr/bin/python", "/home/me/.local/share/uv/python/bin/python3.11")
    assert "ProtectHome=read-only" in unit_text(KIOSK, linked), "an environment's interpreter is a link"
    assert "ProtectHome=read-only" in unit_text(KIOSK, Place("/home/me/rtsr/.venv/bin/python"))


def test_no_session_takes_the_processes_out_of_the_unit() -> None:
    """With logind's PAM module they would leave its control group: no notify is heard, and nothing is killed."""
    for kiosk in UNITS:
        assert "PAMName" not in unit_text(kiosk, PROGRAM)
    assert "LIBSEAT_BACKEND=seatd" in unit_text(KIOSK, PROGRAM)


def test_x_and_cage_let_no_key_out_and_blank_nothing() -> None:
    cage = unit_text(KIOSK, Place("/opt/rtsr/bin/python"))
    assert "cage -d -- " in cage, "-s would let Ctrl+Alt+F2 out"
    x11 = replace(KIOSK, service=Service(compositor="x11", tty=2, user="shop"))
    server = server_text(x11, Place("/opt/rtsr/bin/python"))
    for words in (" vt2 ", "-dpms", "-s 0", "-nocursor", "-nolisten tcp", "+si:localuser:shop"):
        assert words in server
    assert 'Option "DontVTSwitch" "true"' in server_settings()
    assert f"Requires={SERVER_UNIT}" in unit_text(x11, PROGRAM)


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "kiosk.toml"
    path.write_text('sources = ["rtsp://me:secret@camera/1"]\n')
    return path


def usable(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this interpreter lay where everybody may run it."""
    monkeypatch.setattr(installing, "closed_to_others", lambda _program: None)


def test_install_into_a_tree_and_away_again(settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usable(monkeypatch)
    root = tmp_path / "tree"
    (root / "etc").mkdir(parents=True)
    for _ in range(2):  # again takes new settings over
        said = list(installing.install(KioskInstall(config=str(settings), root=str(root))))
        assert any("kiosk.toml" in line for line in said)
    kept = root / SETTINGS.lstrip("/")
    assert kept.read_bytes() == settings.read_bytes()
    assert kept.stat().st_mode & 0o007 == 0, "a password is in it"
    unit = root / "etc/systemd/system" / UNIT
    assert "WatchdogSec=" in unit.read_text()
    wanted = root / "etc/systemd/system/multi-user.target.wants" / UNIT
    assert str(wanted.readlink()) == f"/etc/systemd/system/{UNIT}"
    list(installing.uninstall(KioskUninstall(root=str(root))))
    assert kept.exists(), "settings stay"
    assert not unit.exists()
    assert not wanted.is_symlink()
    list(installing.uninstall(KioskUninstall(root=str(root), purge=True)))
    assert not kept.exists()
    assert list(installing.uninstall(KioskUninstall(root=str(root)))) == ["there is no kiosk here"]


def test_with_x_the_server_is_installed_too(settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usable(monkeypatch)
    settings.write_text(settings.read_text() + '[service]\ncompositor = "x11"\n')
    root = tmp_path / "tree"
    (root / "etc").mkdir(parents=True)
    list(installing.install(KioskInstall(config=str(settings), root=str(root))))
    assert (root / "etc/systemd/system" / SERVER_UNIT).is_file()
    assert (root / "etc/rtsr/xorg.conf").is_file()
    list(installing.uninstall(KioskUninstall(root=str(root), purge=True)))
    assert not [path for path in root.rglob("*rtsr*") if path.is_file()]


def test_broken_settings_are_refused_before_anything_is_written(settings: Path, tmp_path: Path) -> None:
    settings.write_text("sources = 3")
    root = tmp_path / "tree"
    root.mkdir()
    with pytest.raises(UsageError, match="sources"):
        list(installing.install(KioskInstall(config=str(settings), root=str(root))))
    assert not list(root.iterdir())


def test_an_interpreter_that_others_may_not_run_is_refused(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    python = home / "bin" / "python"
    python.touch(mode=0o755)
    home.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    root = tmp_path / "tree"
    root.mkdir()
    with pytest.raises(UsageError, match="closed to others") as told:
        list(installing.install(KioskInstall(config=str(settings), root=str(root))))
    assert "/opt/rtsr" in told.value.mend
    assert not list(root.iterdir())


def test_a_dry_run_shows_all_files_and_writes_none(settings: Path, tmp_path: Path) -> None:
    said = "\n".join(installing.install(KioskInstall(config=str(settings), root=str(tmp_path), dry_run=True)))
    assert "[Service]" in said
    assert "u rtsr-kiosk" in said
    assert [path.name for path in tmp_path.iterdir()] == ["kiosk.toml"]


def test_check_goes_through_everything_and_mends_what_is_broken(settings: Path) -> None:
    settings.write_text('sources = ["pattern:64x48"]\n[schedule]\non = ["mon 08:00-09:00"]\n')
    sections = check(settings)
    assert {"Settings", "Source", "Unit", "Display", "Rights", "Disk and clock", "GPUs", "Power sensors"} == set(
        sections
    )
    assert [finding.mark for finding in sections["Source"]] == ["ok"]
    for findings in sections.values():
        assert findings
        assert all(finding.mend for finding in findings if finding.mark == "!!")


def test_check_of_broken_settings_and_of_a_source_that_is_away(settings: Path, tmp_path: Path) -> None:
    settings.write_text("sources = []")
    assert check(settings)["Settings"][0].mark == "!!"
    settings.write_text(f'sources = ["{tmp_path}/gone.mp4"]')
    (finding,) = check(settings)["Source"]
    assert finding.mark == "!!"
    assert "gone.mp4" in finding.words
