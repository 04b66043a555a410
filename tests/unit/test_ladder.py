"""The ladder: measured once, kept whole, measured again when what is kept is not of use."""

import json
import shutil
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsr.config import Bench, Upscale
from rtsr.jobs import ladder, timings
from rtsr.jobs.bench import bench
from rtsr.jobs.ladder import climb, keep_rows, shipped_networks
from rtsr.jobs.machine import power_mode
from rtsr.jobs.timings import Timing, keep_timings, place, read_timings
from rtsr.models import FOLDER, MODELS, find_model, parse_card, user

NAMES = ["bicubic", "esr-max-k5c2", "esr-tr-k5c2"]
AUTO = Upscale(model="auto")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty one, and few, small networks."""
    monkeypatch.setenv("RTSR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(ladder, "_SIZES", ((64, 36),))
    monkeypatch.setattr(ladder, "SECONDS", 0.01)
    monkeypatch.setattr(ladder, "is_busy", lambda: False)
    for name in set(MODELS) - set(NAMES):
        monkeypatch.delitem(MODELS, name)
    return tmp_path / "cache"


@pytest.fixture
def measured(monkeypatch):
    """The models that were measured, in turn."""
    seen: list[list[str]] = []
    real = ladder.at_size

    def told(size, models, options, probe):
        seen.append(list(models))
        return real(size, models, options, probe)

    monkeypatch.setattr(ladder, "at_size", told)
    return seen


def test_it_is_measured_once_and_then_the_same(measured, cache):
    first = climb(AUTO, (64, 36))
    assert [rung.model for rung in first] == NAMES[1:]
    assert all(rung.ms > 0 and rung.content == "clean" and 0.5 < rung.gain_db < 3 for rung in first)
    assert first[0].gain_db < first[1].gain_db
    assert climb(AUTO, (64, 36)) == first
    assert measured == [NAMES]
    assert [path.name for path in cache.iterdir()] == [place().name]


def test_only_what_is_missing_or_altered_is_measured(measured):
    climb(AUTO, (64, 36))
    kept = {one.model: one for one in read_timings()}
    keep_timings([replace(kept["esr-tr-k5c2"], sha256="0" * 64)])
    climb(AUTO, (64, 36))
    climb(replace(AUTO, threads=1), (64, 36))
    assert measured == [NAMES, ["bicubic", "esr-tr-k5c2"], NAMES]


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", '{"machine": {}, "timings": []}', "[" * 100_000, "\xff",
        "MACHINE[3]", 'MACHINE[{"model": 3}]', "MACHINE[{}]", "MACHINE null",
    ],
)  # fmt: skip
def test_a_damaged_file_is_measured_again(text, measured):
    climb(AUTO, (64, 36))
    machine = json.dumps(json.loads(place().read_text())["machine"])
    if text.startswith("MACHINE"):
        text = f'{{"machine": {machine}, "timings": {text.removeprefix("MACHINE")}}}'
    place().write_bytes(text.encode("latin-1"))
    assert len(climb(AUTO, (64, 36))) == 2
    assert measured == [NAMES, NAMES]
    assert len(read_timings()) == 2


@pytest.mark.parametrize(
    "change",
    [{"ms": -1.0}, {"ms": float("nan")}, {"ms": float("inf")}, {"ms": "1"}, {"width": 0}, {"scale": 2.5}, {"model": 1}],
)
def test_a_number_that_cannot_be_is_no_measurement(change, measured):
    climb(AUTO, (64, 36))
    table = json.loads(place().read_text())
    table["timings"][0] |= change
    place().write_text(json.dumps(table))
    climb(AUTO, (64, 36))
    assert measured == [NAMES, NAMES]


def test_a_folder_that_cannot_be_written_is_said_and_costs_time_only(monkeypatch, tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RTSR_CACHE", str(tmp_path / "file" / "cache"))
    assert len(climb(AUTO, (64, 36))) == 2
    assert "measured again next time" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_a_busy_machine_measured_is_measured_again_on_a_quiet_one(monkeypatch, measured):
    monkeypatch.setattr(ladder, "is_busy", lambda: True)
    assert all(rung.busy for rung in climb(AUTO, (64, 36)))
    assert all(rung.busy for rung in climb(AUTO, (64, 36)))
    assert len(measured) == 1
    monkeypatch.setattr(ladder, "is_busy", lambda: False)
    assert not any(rung.busy for rung in climb(AUTO, (64, 36)))
    monkeypatch.setattr(ladder, "is_busy", lambda: True)
    assert not any(rung.busy for rung in climb(AUTO, (64, 36)))
    assert len(measured) == 2


def test_another_machine_or_power_mode_has_a_file_of_its_own(monkeypatch, measured, cache):
    climb(AUTO, (64, 36))
    machine = timings._machine()[0] | {"power": {"mains": "off"}}
    monkeypatch.setattr(timings, "_machine", lambda: (machine, "other"))
    climb(AUTO, (64, 36))
    assert len(measured) == 2
    assert len(list(cache.iterdir())) == 2


@given(st.integers(8, 8192), st.integers(8, 8192))
def test_time_grows_with_the_area_from_the_nearest_measured_size(width, height):
    digests = {card.name: card.onnx.sha256 for card in shipped_networks(2)}
    keep_timings(
        Timing(name, digests[name], 2, "auto", 0, *size, ms, busy=False)
        for name in NAMES[1:]
        for size, ms in (((100, 100), 1.0), ((1000, 1000), 50.0))
    )
    area = width * height
    expected = area / 1e4 if area < 1e5 else 50 * area / 1e6
    if area != 1e5:
        assert climb(AUTO, (width, height))[0].ms == pytest.approx(expected)


def test_what_bench_measures_long_and_large_enough_is_kept(measured):
    options = Bench(models="esr-tr-k5c2,bicubic", sizes="64x36,32x18", seconds=0.01)
    keep_rows(bench(options), options, busy=False)
    (kept,) = read_timings()
    assert (kept.model, kept.width, kept.sha256) == ("esr-tr-k5c2", 64, find_model("esr-tr-k5c2", 2).onnx.sha256)
    climb(AUTO, (64, 36))
    assert measured == [["bicubic", "esr-max-k5c2"]]
    keep_rows(bench(replace(options, seconds=0.005)), replace(options, seconds=0.005), busy=False)
    assert kept in read_timings()


def test_the_users_models_and_gan_forms_are_not_on_it(monkeypatch):
    folder = user.folder()
    folder.mkdir(parents=True, exist_ok=True)
    card = (FOLDER / "esr-tr-k5c2_x2.toml").read_text().replace('"esr-tr-k5c2"', '"mine"', 1)
    (folder / "mine_x2.toml").write_text(card)
    shutil.copy(FOLDER / "esr-tr-k5c2_x2.onnx", folder / "mine_x2.onnx")
    monkeypatch.setitem(MODELS, "esr-tr-k5c2-gan", (2,))
    try:
        assert find_model("mine", 2).name == "mine"
        assert [one.name for one in shipped_networks(2)] == NAMES[1:]
    finally:
        for path in folder.glob("mine_x2.*"):
            path.unlink()


@pytest.mark.parametrize(("table", "gain"), [("", None), ("[video]\ngain_db = { 23 = 0.6, 28 = 0.3 }\n", 0.45)])
def test_a_card_says_that_it_is_of_video_and_how_good_it_is_there(table, gain, tmp_path, monkeypatch):
    for path in [path for name in NAMES for path in FOLDER.glob(f"{name}_x*")]:
        shutil.copy(path, tmp_path)
    name = f"test-video-{bool(table)}".lower()  # cards are read once: no name that is ever shipped
    card = (FOLDER / "esr-tr-k5c2_x2.toml").read_text().replace('name = "esr-tr-k5c2"', f'name = "{name}"')
    (tmp_path / f"{name}_x2.toml").write_text(f'content = "video"\n{card}\n{table}')
    for kind in ("onnx", "safetensors"):
        shutil.copy(FOLDER / f"esr-tr-k5c2_x2.{kind}", tmp_path / f"{name}_x2.{kind}")
    monkeypatch.setattr("rtsr.models.FOLDER", tmp_path)
    monkeypatch.setitem(MODELS, name, (2,))
    rungs = {rung.model: rung for rung in climb(AUTO, (64, 36))}
    assert rungs[name].content == "video"
    assert rungs[name].gain_db == pytest.approx(gain if gain is not None else rungs["esr-tr-k5c2"].gain_db)


@pytest.mark.parametrize("lines", ['content = "film"', "content = []", "video = 3", "video = { gain_db = { a = 1 } }"])
def test_a_card_that_says_nonsense_of_it_cannot_be_read(lines, tmp_path):
    path = tmp_path / "odd_x2.toml"
    path.write_text(f"{lines}\n{(FOLDER / 'esr-tr-k5c2_x2.toml').read_text()}")
    with pytest.raises((ValueError, KeyError, TypeError)):
        parse_card(path)


def test_the_power_mode_is_what_the_kernel_tells(tmp_path):
    assert power_mode(tmp_path) == {}
    for path, word in {
        "devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
        "firmware/acpi/platform_profile": "balanced\n",
        "class/power_supply/AC/type": "Mains\n",
        "class/power_supply/AC/online": "0\n",
        "class/power_supply/BAT0/type": "Battery\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(word)
    assert power_mode(tmp_path) == {"governor": "powersave", "profile": "balanced", "mains": "off"}
