"""Engines on disk: found again under their key alone, and only where nobody else can have written them."""

import json
import logging
import multiprocessing
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr import user_cache
from rtsr.errors import BackendError, UsageError
from rtsr.upscalers import plans
from rtsr.upscalers.plans import PlanKey

KEY = PlanKey("imdn-light", 2, "ab" * 32, 960, 540, 8, "fp16", "tensorrt_rtx", "1.5.0.114", "any")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes are of POSIX")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RTSR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "engines"


def test_what_is_kept_is_found_with_what_is_known_of_it(cache: Path) -> None:
    plans.keep(KEY, b"plan", {"seconds": 0.5})
    found = plans.find(KEY)
    assert found is not None
    assert found.key == KEY
    assert found.read() == b"plan"
    assert (found.size_bytes, found.notes) == (4, {"seconds": 0.5})
    assert plans.list_plans() == [found]
    assert {path.name for path in cache.iterdir()} == {f"{KEY.name}.plan", f"{KEY.name}.json", ".lock"}


def test_nothing_is_there_at_first(cache: Path) -> None:
    assert plans.find(KEY) is None
    assert plans.list_plans() == []
    assert plans.sweep(plans.folder()) == 0
    assert not cache.exists()


@POSIX
def test_the_folder_and_its_files_are_the_users_alone(cache: Path) -> None:
    before = os.umask(0)
    try:
        plans.keep(KEY, b"plan")
    finally:
        os.umask(before)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in cache.iterdir()} == {0o600}


@pytest.mark.parametrize(
    "change",
    [{"onnx_sha256": "cd" * 32}, {"width": 962}, {"bits": 10}, {"precision": "fp32"}, {"version": "1.6.0"},
     {"library": "tensorrt"}, {"target": "8.6"}, {"compute_capability": "8.6"}, {"gpu": "A"}, {"driver": "580"}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_a_plan_is_of_its_key_alone(change: dict[str, object]) -> None:
    plans.keep(KEY, b"plan")
    assert plans.find(replace(KEY, **change)) is None  # type: ignore[arg-type]


def test_the_log_says_what_the_nearest_one_was_built_for(caplog: pytest.LogCaptureFixture) -> None:
    plans.keep(replace(KEY, version="1.4.0.76", onnx_sha256="cd" * 32), b"plan")
    plans.keep(replace(KEY, version="1.4.0.76"), b"plan")
    with caplog.at_level(logging.INFO):
        assert plans.find(KEY) is None
    assert "version (1.4.0.76, not 1.5.0.114): it is built anew" in caplog.text
    assert "onnx" not in caplog.text


@settings(deadline=None)
@given(data=st.binary(max_size=200), position=st.integers(0, 199))
def test_a_changed_byte_makes_it_none(data: bytes, position: int) -> None:
    kept = plans.keep(KEY, data)
    spoiled = bytearray(data or b"x")
    spoiled[position % len(spoiled)] ^= 1
    kept.path.write_bytes(spoiled)
    assert plans.find(KEY) is None
    with pytest.raises(BackendError, match="damaged"):
        kept.read()
    assert plans.keep(KEY, data).read() == data


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"form": 2}', "[" * 100_000, "\x00", '{"form": 1, "key": {"model": 1}}']
)
def test_a_damaged_description_makes_it_none(text: str, caplog: pytest.LogCaptureFixture) -> None:
    kept = plans.keep(KEY, b"plan")
    kept.path.with_suffix(".json").write_text(text)
    assert plans.find(KEY) is None
    assert "damaged, so the engine is built anew" in caplog.text
    assert plans.list_plans() == []


def test_a_description_under_another_name_is_none(cache: Path) -> None:
    kept = plans.keep(KEY, b"plan")
    other = replace(KEY, width=1280)
    for suffix in (".plan", ".json"):
        kept.path.with_suffix(suffix).rename(cache / f"{other.name}{suffix}")
    assert plans.find(other) is None


def test_a_missing_plan_is_none() -> None:
    plans.keep(KEY, b"plan").path.unlink()
    assert plans.find(KEY) is None


@POSIX
@pytest.mark.parametrize("suffix", [".plan", ".json", ""])
def test_what_others_may_write_is_refused_with_its_mend(suffix: str, caplog: pytest.LogCaptureFixture) -> None:
    path = plans.keep(KEY, b"plan").path
    shared = path.with_suffix(suffix) if suffix else path.parent
    for mode in (0o020, 0o002):
        shared.chmod(0o700 | mode)
        assert plans.find(KEY) is None
        assert f"chmod go-w {shared}" in caplog.text
        caplog.clear()
    shared.chmod(0o700)
    assert plans.find(KEY) is not None


@POSIX
@pytest.mark.parametrize("suffix", [".plan", ".json", ""])
def test_what_another_user_owns_is_refused_with_its_mend(
    suffix: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = plans.keep(KEY, b"plan").path
    foreign = path.with_suffix(suffix) if suffix else path.parent
    if os.geteuid() == 0:
        os.chown(foreign, 1234, -1)
        owner = 1234
    else:  # only root may give a file away: be another user instead
        owner = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert plans.find(KEY) is None
    assert f"belongs to user {owner}" in caplog.text
    assert "set RTSR_CACHE to a folder of yours" in caplog.text


@POSIX
@pytest.mark.parametrize("suffix", [".plan", ".json", ""])
def test_a_symbolic_link_is_not_followed(suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = plans.keep(KEY, b"plan").path
    linked = path.with_suffix(suffix) if suffix else path.parent
    linked.rename(tmp_path / "elsewhere")
    linked.symlink_to(tmp_path / "elsewhere")
    assert plans.find(KEY) is None
    assert "symbolic link" in caplog.text


@POSIX
def test_a_pipe_of_that_name_does_not_make_us_wait(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = plans.keep(KEY, b"plan").path
    path.unlink()
    os.mkfifo(path)
    assert plans.find(KEY) is None
    assert "is no file" in caplog.text


@POSIX
def test_a_shared_folder_is_not_written_to(cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    with pytest.raises(BackendError, match="chmod go-w"):
        plans.keep(KEY, b"plan")
    assert list(cache.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(cache: Path) -> None:
    cache.parent.write_text("a file")
    with pytest.raises(UsageError, match="cannot be written"):
        plans.keep(KEY, b"plan")
    assert plans.find(KEY) is None


def test_notes_are_added_unless_another_plan_is_there_now() -> None:
    old = plans.keep(KEY, b"old", {"seconds": 1.0})
    plans.note(old, check="passed")
    found = plans.find(KEY)
    assert found is not None
    assert found.notes == {"seconds": 1.0, "check": "passed"}
    plans.keep(KEY, b"new")
    plans.note(old, check="failed")
    found = plans.find(KEY)
    assert found is not None
    assert found.notes == {}


def test_what_was_compiled_of_a_plan_goes_with_it() -> None:
    kept = plans.keep(KEY, b"plan")
    assert kept.read_compiled() is None
    kept.keep_compiled(b"kernels")
    found = plans.find(KEY)
    assert found is not None
    assert found.read_compiled() == b"kernels"
    found.path.with_suffix(".cache").write_bytes(b"kernelz")
    assert found.read_compiled() is None
    found.keep_compiled(b"kernels")
    plans.keep(KEY, b"another")
    again = plans.find(KEY)
    assert again is not None
    assert again.read_compiled() is None


def test_removing_frees_all_of_it(cache: Path) -> None:
    kept = plans.keep(KEY, b"plan" * 100)
    kept.keep_compiled(b"kernels")
    sizes = sum(path.stat().st_size for path in cache.iterdir())
    assert plans.remove(kept.path.with_suffix(".json")) == sizes
    assert [path.name for path in cache.iterdir() if path.name != ".lock"] == []


def test_what_a_killed_process_left_is_swept_away(cache: Path) -> None:
    kept = plans.keep(KEY, b"plan")
    for name in (".imdn.plan.a1b2", "alone.plan", "alone.cache"):
        (cache / name).write_bytes(b"12345")
    assert plans.sweep(cache) == 15
    assert plans.find(KEY) == kept


def _write_often(place: str, letter: str) -> None:
    os.environ["RTSR_CACHE"] = place
    for size in range(1, 60):
        plans.keep(KEY, letter.encode() * size * 1000)


def test_two_processes_that_keep_the_same_leave_one_whole(cache: Path) -> None:
    plans.keep(KEY, b"first")
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_often, args=(str(cache.parent), letter)) for letter in "ab"]
    for writer in writers:
        writer.start()
    looked = 0
    while any(writer.is_alive() for writer in writers):
        found = plans.find(KEY)
        looked += found is not None
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert looked > 0
    found = plans.find(KEY)
    assert found is not None
    assert len(set(found.read())) == 1


def test_a_release_set_lies_where_it_is_asked_for(tmp_path: Path) -> None:
    kept = plans.keep(KEY, b"plan", place=tmp_path / "set")
    assert kept.path.parent == tmp_path / "set"
    assert plans.find(KEY) is None
    ((path, found),) = plans.survey(tmp_path / "set")
    assert (path, found) == (kept.path.with_suffix(".json"), kept)
    assert json.loads(path.read_text())["key"]["model"] == "imdn-light"


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"RTSR_CACHE": "/own"}, "/own"),
        ({"RTSR_CACHE": "", "XDG_CACHE_HOME": "/xdg"}, "/xdg/rtsr"),
        ({"RTSR_CACHE": "", "XDG_CACHE_HOME": "not/absolute", "HOME": "/home/you"}, "/home/you/.cache/rtsr"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="other platforms have customs of their own")
def test_the_cache_lies_where_the_platform_has_it(
    variables: dict[str, str], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert user_cache.folder() == Path(place)
