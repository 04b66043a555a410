"""Training on crops in small: it repeats, goes on after a kill as if nothing had been, and stops when it diverges."""

import dataclasses
import math
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch.nn import functional

import training.train_crops
from rtsr.errors import ResourceError, SourceError, UsageError
from rtsr.models import parse_card, verified_path
from rtsr.nets import open_net
from tests.unit.waves import paint_waves
from training.__main__ import command
from training.checkpoint import read_checkpoint, write_checkpoint
from training.crops import Crops
from training.data import Pair, load_pair
from training.learner import Learner
from training.recipe import CropRecipe, find_recipe, read_recipe
from training.train import Trained
from training.train_crops import Run, begin, loss_of, train_crops

TINY = CropRecipe(
    net="ecbsr", name="tiny", shape={"blocks": 1, "channels": 4}, scales=(2,), folders=("cc0",), held_out=2,
    steps=60, batch=4, crop_px=16, check_every=10, average=0.9, tail=0.3,
)  # fmt: skip
TINY_TOML = (
    'net = "ecbsr"\nname = "tiny"\nshape = { blocks = 1, channels = 4 }\nscales = [2, 3]\n'
    'folders = ["cc0"]\nheld_out = 2\n'
    "steps = 30\nwarm_steps = 20\nbatch = 4\ncrop_px = 16\ncheck_every = 10\n"
)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures of hard-edged waves, two of each of two photographs."""
    return paint_waves(tmp_path_factory.mktemp("free"), ("lake_0", "lake_1", "tree_0", "tree_1"))


def learn(recipe: CropRecipe, run: Run) -> Trained:
    return train_crops(recipe, 2, run, lambda _: None)


def same(first: Trained, second: Trained) -> bool:
    pairs = zip(first.net.parameters(), second.net.parameters(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs) and first.best_step == second.best_step


def test_it_repeats_to_the_last_bit_and_beats_its_start(photographs: Path, tmp_path: Path) -> None:
    first, second = (learn(TINY, Run((photographs,), tmp_path / name)) for name in "ab")
    assert same(first, second)
    start = learn(dataclasses.replace(TINY, steps=1, rate=0.0, last_rate=0.0), Run((photographs,), tmp_path / "c"))
    assert first.held_out_psnr_db > start.held_out_psnr_db + 0.5
    assert (first.crops_learned, first.crops_held_out, first.finished) == (2, 2, True)


def test_a_stopped_run_goes_on_as_if_nothing_had_been(photographs: Path, tmp_path: Path) -> None:
    whole = learn(TINY, Run((photographs,), tmp_path / "whole"))
    parts = Run((photographs,), tmp_path / "parts", max_minutes=1e-9)  # one step at a time, also between two looks
    stopped = [learn(TINY, parts) for _ in range(13)]
    assert not any(one.finished for one in stopped)
    assert stopped[-1].held_out_psnr_db > stopped[0].held_out_psnr_db
    assert same(learn(TINY, dataclasses.replace(parts, max_minutes=math.inf)), whole)


def test_a_killed_run_goes_on_as_if_nothing_had_been(photographs: Path, tmp_path: Path) -> None:
    """Killed by SIGKILL at an arbitrary moment after its first checkpoint, in a process of its own."""
    recipe = dataclasses.replace(TINY, steps=4000, check_every=500)
    checkpoint = tmp_path / "killed"
    code = (
        "import sys, torch, tests.unit.test_training_crops as t; from pathlib import Path; torch.set_num_threads(1);"
        "t.train_crops(t.dataclasses.replace(t.TINY, steps=4000, check_every=500), 2,"
        " t.Run((Path(sys.argv[1]),), Path(sys.argv[2])), lambda line: print(line, flush=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(photographs), str(checkpoint)], stdout=subprocess.PIPE, text=True
    ) as process:
        lines = [process.stdout.readline() for _ in range(2)]  # the second look: the first checkpoint is whole
        process.send_signal(signal.SIGKILL)
    assert "step 1000/" in lines[-1]
    assert process.returncode == -signal.SIGKILL
    told: list[str] = []
    resumed = train_crops(recipe, 2, Run((photographs,), checkpoint), told.append)
    assert "goes on after step" in told[0]
    assert same(resumed, learn(recipe, Run((photographs,), tmp_path / "whole")))


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_state(photographs: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "wild"
    recipe = dataclasses.replace(TINY, rate=1e19, last_rate=1e19, warm_up=0.9, check_every=1)
    with pytest.raises(UsageError, match="no longer a number at step") as caught:
        learn(recipe, Run((photographs,), checkpoint))
    assert str(checkpoint) in caught.value.mend
    progress = begin(Learner(recipe, 2, None), recipe, Run((photographs,), checkpoint))
    read_checkpoint(checkpoint, progress, repr((recipe, 2)))
    assert f"at step {progress.step + 1}." in str(caught.value)
    assert all(one.isfinite().all() for one in progress.averaged)


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run"
    progress = begin(Learner(TINY, 2, None), TINY, Run((tmp_path,), path))
    write_checkpoint(path, progress, "recipe")
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("training.checkpoint.os.fsync", full)
    progress.step = 5
    with pytest.raises(ResourceError, match="No space left"):
        write_checkpoint(path, progress, "recipe")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_another_recipe_or_junk_is_refused(photographs: Path, tmp_path: Path) -> None:
    run = Run((photographs,), tmp_path / "run", max_minutes=1e-9)
    learn(TINY, run)
    with pytest.raises(UsageError, match="another recipe"):
        learn(dataclasses.replace(TINY, rate=1e-3), run)
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:-9])
    with pytest.raises(SourceError, match="no checkpoint of ours"):
        learn(TINY, run)


def test_a_crop_and_its_truth_are_one_place(photographs: Path) -> None:
    """A truth that is its own picture enlarged by repetition stays so, under every mirror and turn."""
    lows = [load_pair(path, 2).low for path in sorted((photographs / "cc0").iterdir())]
    pairs = [Pair(low, low.repeat_interleave(2, 0).repeat_interleave(2, 1)) for low in lows]
    crops = Crops(pairs, 2, 3, 10, taught=[1.0 - pair.high for pair in pairs])
    assert len(crops) == sum((low.shape[0] - 9) * (low.shape[1] - 9) for low in lows)
    seen, answers, weight = crops.draw(64, torch.Generator().manual_seed(0))
    assert (seen.shape, answers.shape, weight.shape) == ((64, 1, 16, 16), (64, 2, 20, 20), (64, 1, 1, 1))
    truth, taught = answers.split(1, 1)
    assert torch.equal(truth, seen[:, :, 3:-3, 3:-3].repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert torch.equal(taught, 1.0 - truth)


def test_crops_reach_over_the_border_as_the_network_does() -> None:
    low = torch.rand(10, 10)
    seen, _, _ = Crops([Pair(low, torch.rand(20, 20))], 2, 2, 10).draw(1, torch.Generator())
    assert torch.equal(seen, functional.pad(low[None, None], [2] * 4, mode="replicate"))


def test_a_small_picture_is_refused(photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="less than 66 on one side"):
        learn(dataclasses.replace(TINY, crop_px=33), Run((photographs,), tmp_path / "run"))


def test_losses_measure_a_picture_by_what_bicubic_makes_of_it() -> None:
    error, weight = torch.tensor([0.01, 0.1]), torch.tensor([1e4, 1e2])  # each as large as bicubic's
    assert loss_of(error, weight, "l1").item() == pytest.approx(1.0)
    assert loss_of(error, weight, "l2").item() == pytest.approx(1.0)
    knee = training.train_crops.KNEE
    assert loss_of(error, weight, "charbonnier").item() == pytest.approx(math.hypot(1.0, knee))


def test_the_command_trains_every_scale_from_the_first_one(photographs: Path, tmp_path: Path) -> None:
    recipe, out = tmp_path / "tiny.toml", tmp_path / "out"
    recipe.write_text(TINY_TOML)
    args = [str(recipe), "--data", str(photographs), "--sets", str(tmp_path / "none"), "--out", str(out)]
    alone = CliRunner().invoke(command, [*args, "--scale", "3"])
    assert isinstance(alone.exception, UsageError)
    assert "--scale 2" in alone.exception.mend
    stopped = CliRunner().invoke(command, [*args, "--max-minutes", "1e-9"], catch_exceptions=False)
    assert "the same command goes on" in stopped.output
    assert (out / "tiny_x2.checkpoint").is_file()
    done = CliRunner().invoke(command, [*args, "--scale", "2"], catch_exceptions=False)
    assert "x2  goes on after step 1" in done.output
    done = CliRunner().invoke(command, args, catch_exceptions=False)
    assert "x3  step 20/20" in done.output
    assert not list(out.glob("*.checkpoint*"))
    for scale in (2, 3):
        card = parse_card(out / f"tiny_x{scale}.toml")
        net = open_net(verified_path(card, "safetensors"))
        assert (2 * net.shape.reach + 1, net.shape.scale) == (card.receptive_field_px, scale)
        assert verified_path(card, "onnx").is_file()
    assert (out / "tiny.recipe.toml").read_bytes() == recipe.read_bytes()


def test_a_stopped_command_keeps_the_scales_that_are_done(photographs: Path, tmp_path: Path) -> None:
    recipe, out = tmp_path / "tiny.toml", tmp_path / "out"
    recipe.write_text(TINY_TOML.replace("steps = 30", "steps = 2").replace("warm_steps = 20", "warm_steps = 2"))
    args = [str(recipe), "--data", str(photographs), "--sets", str(tmp_path / "none"), "--out", str(out)]
    one, two, three = (  # a step of a scale each
        CliRunner().invoke(command, [*args, "--max-minutes", "1e-9"], catch_exceptions=False).output for _ in range(3)
    )
    assert "x3" not in one
    assert "x2  goes on after step 1" in two
    assert "x2  goes on after step 2" in three
    assert "x3  goes on after step 1" in three
    assert "the same command" not in three
    assert not list(out.glob("*.checkpoint*"))


def test_an_esr_recipe_has_no_time_limit(photographs: Path, tmp_path: Path) -> None:
    args = ["esr-tm-k5c2", "--data", str(photographs), "--out", str(tmp_path), "--max-minutes", "1"]
    assert isinstance(CliRunner().invoke(command, args).exception, UsageError)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("blocks = 4", "block = 4", "did you mean blocks"),
        ("channels = 8", "channels = 0", "positive"),
        ("blocks = 4", 'blocks = "4"', "shape = "),
        (", channels = 8", "", "does not say 'channels'"),
        ("shape = { blocks = 4, channels = 8 }\n", "", "does not say 'shape'"),
        ("shape = { blocks = 4, channels = 8 }", "shape = 4", "a table"),
        ("channels = 8", "channels = 8, scale = 2", "unknown key 'scale'"),
        ('net = "ecbsr"', 'net = "ecbs"', "did you mean ecbsr"),
        ("steps =", "step =", "did you mean steps"),
        ("scales =", 'loss = "l3"\nscales =', "one of l1, charbonnier, l2"),
        ("scales =", "warm_up = 1\nscales =", "less than 1"),
        ("scales = [2, 3, 4]", "scales = [1]", "2 or more"),
    ],
)
def test_a_wrong_line_is_refused_with_its_mend(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(find_recipe("ecbsr-m4c8").read_text().replace(old, new))
    with pytest.raises(UsageError, match=words):
        read_recipe(path)


@pytest.mark.parametrize(
    ("key", "value"), [("warm_steps", -1), ("tail", 1.5), ("teach", -0.1), ("fft", -1.0), ("clip", -1.0)]
)
def test_an_impossible_number_is_refused(key: str, value: float) -> None:
    with pytest.raises(UsageError, match=key):
        dataclasses.replace(TINY, **{key: value})
