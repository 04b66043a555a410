"""What the governor may take, on mains and on battery, and what it refuses when nothing measures it."""

from contextlib import closing
from pathlib import Path

import pytest

from rtsr.config import AUTO, DEFAULT_MODEL, View
from rtsr.errors import BackendError, UsageError
from rtsr.upscalers.senses import BATTERY_SHARE, Limits, open_senses
from rtsr.upscalers.steps import Budget
from tests.unit.test_thermal import CELL, ORIN, PLUG_IN, PLUG_OUT, tree


def test_on_battery_the_network_may_take_half_as_much(tmp_path: Path) -> None:
    with closing(open_senses(Limits(target_fps=30), None, tree(tmp_path, PLUG_OUT | CELL))) as senses:
        assert senses.budget() == Budget(target_fps=30, share=BATTERY_SHARE, profile="on battery")
        assert senses.words() == "on battery"


@pytest.mark.parametrize("files", [{}, PLUG_IN | CELL])
def test_on_mains_and_without_a_battery_it_is_the_usual_budget(files: dict[str, str], tmp_path: Path) -> None:
    with closing(open_senses(Limits(), None, tree(tmp_path, files))) as senses:
        assert senses.budget() == Budget()
        assert senses.words() == ""
        assert senses.watts() is None
        assert senses.temp_c() is None


def test_a_temperature_is_read_and_told_with_its_limit_and_place(tmp_path: Path) -> None:
    with closing(open_senses(Limits(max_temp_c=80), None, tree(tmp_path, ORIN))) as senses:
        assert senses.temp_c() == pytest.approx(48.593)
        assert senses.words() == "49 of 80 °C (tj-thermal)"
        assert senses.budget().max_temp_c == 80


def test_a_limit_on_what_nothing_measures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"--max-temp 80, and no temperature"):
        open_senses(Limits(max_temp_c=80), None, tree(tmp_path, {}))


@pytest.mark.parametrize("name", ["target_fps", "max_watts", "max_latency_ms", "max_temp_c"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused(name: str, value: float) -> None:
    with pytest.raises(UsageError, match="--"):
        Limits(**{name: value})


@pytest.mark.parametrize("name", ["target_fps", "max_watts", "max_latency", "max_temp", "region"])
def test_what_only_a_governor_heeds_is_refused_without_one(name: str) -> None:
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} is for the governor"):
        View(source="pattern:", **{name: "1x1+0+0" if name == "region" else 1.0})


def test_a_governor_chooses_the_network_unless_one_is_named() -> None:
    assert View(source="pattern:", governor=True).model == AUTO
    assert View(source="pattern:", governor=True, model="span-48").model == "span-48"
    assert View(source="pattern:").model == DEFAULT_MODEL
