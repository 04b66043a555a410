"""The command line: light to start, every default from its dataclass, never a traceback."""

import json
import subprocess
import sys
from dataclasses import fields
from fractions import Fraction

import click
import pytest

from rtsr import config
from rtsr.cli import COMMANDS, main
from rtsr.cli.options import MediaTime

HEAVY = {"numpy", "av", "openvino", "PyQt6", "torch", "onnx", "PIL", "skimage", "pynvml", "tqdm"}


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import rtsr", set()),
        ("from rtsr.cli import main; assert main(['--help']) == 0", set()),
        ("from rtsr.cli import main; assert main(['encode', '--help']) == 0", set()),
        ("from rtsr.cli import main; assert main(['view', '--help']) == 0", set()),
        ("from rtsr.cli import main; assert main(['models']) == 0", set()),
        ("from rtsr.cli import main; main(['encode', 'pattern:8x8?seconds=0.1', '/nowhere/o.mp4'])", HEAVY - {"PyQt6"}),
    ],
)
def test_starting_loads_no_heavy_library(code: str, allowed: set[str]) -> None:
    script = f"{code}\nimport sys, json\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    loaded = set(json.loads(out.splitlines()[-1]))
    assert loaded & HEAVY <= allowed


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_every_option_a_word(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert len(capsys.readouterr().out) > 100
    for parameter in COMMANDS[name].params:
        assert isinstance(parameter, click.Argument) or parameter.help  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "options", "needed"),
    [
        ("encode", config.Encodes, ["a", "b"]),
        ("view", config.Views, ["a"]),
        ("bench", config.Bench, []),
        ("eval", config.Eval, ["a"]),
        ("demo", config.Demo, []),
    ],
)
def test_a_command_without_flags_has_the_defaults_of_its_dataclass(
    name: str, options: type, needed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = COMMANDS[name].make_context(name, list(needed)).params
    for field in fields(options):
        if field.metadata and "argument" not in field.metadata:
            assert parsed[field.name] == field.default


def test_arguments_may_come_by_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encode", "-i", "/missing.mp4", "-o", "/tmp/never-made.mp4"]) == 3
    assert "/missing.mp4 does not exist" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90.5", Fraction(181, 2)), ("1:30", 90), ("00:01:30.25", Fraction(361, 4)), ("0", 0), ("1/25", Fraction(1, 25))],
)
def test_times_are_read_as_ffmpeg_reads_them(text: str, seconds: Fraction) -> None:
    assert MediaTime().convert(text, None, None) == seconds


@pytest.mark.parametrize("arguments", [["encod"], ["encode"], ["encode", "a", "b", "--scale", "x"], ["--nope"]])
def test_wrong_usage_is_code_2_and_a_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("rtsr: ")
    assert "Traceback" not in said


def test_a_fault_of_ours_is_said_to_be_one(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtsr.jobs.encode.refuse_place", lambda options: 1 / 0)
    assert main(["encode", "a.mp4", "b.mp4"]) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert "rtsr doctor" in said
    assert "Traceback" not in said


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    import rtsr

    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"rtsr {rtsr.__version__}"
