"""`python -m training RECIPE`: train a model at each of its scales, export it, measure it, write its card.

`python -m training preview RECIPE` draws its degradations instead.
"""

from __future__ import annotations

import math
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import torch
from click.core import ParameterSource

from rtsr.errors import BackendError, UsageError
from rtsr.models import ModelCard, find_model, parse_card, verified_path
from rtsr.nets import open_net
from rtsr.nets.families import family_of
from rtsr.upscalers.ensemble import ensembled
from rtsr.upscalers.openvino import open_reference
from training import preview
from training.card import describe, remeasure, write_card
from training.command_line import run_command
from training.export import write_files
from training.gan import train_gan
from training.own_report import report
from training.own_video import load_own, pairs_of
from training.recipe import CropRecipe, PatchRecipe, find_recipe, read_recipe, shape_of
from training.train import train
from training.train_crops import Run, train_crops

if TYPE_CHECKING:
    from rtsr.nets.enlarger import Enlarger
    from training.own_video import OwnClip
    from training.recipe import Recipe
    from training.train import Trained
    from training.train_crops import Teacher

_HERE = Path(__file__).parent
_SHARED = _HERE.parent.parent / "shared" / "data"


@click.command()
@click.argument("recipe")
@click.option(
    "--data",
    type=Path,
    multiple=True,
    default=(_SHARED / "train" / "free",),
    help="folder of training pictures; repeat",
)
@click.option("--sets", type=Path, default=_SHARED / "eval", help="folder of Set5, Set14, BSD100 and Kodak24")
@click.option("--out", type=Path, default=Path("runs"), help="where the files go; rtsr/models to ship them")
@click.option("--scale", type=int, multiple=True, help="only this scale of the recipe's")
@click.option("--device", default="cpu", help="where to compute, as torch names it: cpu, cuda")
@click.option("--skip-bad", is_flag=True, help="name and leave out files that cannot be used, instead of stopping")
@click.option("--max-minutes", type=click.FloatRange(0, min_open=True), help="stop then; run it again to go on")
@click.option("--perceptual", type=Path, help="VGG19's weights, safetensors, for a recipe with [gan]; see docs/gan.md")
@click.option("--measure-only", is_flag=True, help="RECIPE is a card in OUT: measure it again, train nothing")
def command(  # noqa: PLR0913 - one argument per option
    recipe: str, data: tuple[Path, ...], sets: Path, out: Path, scale: tuple[int, ...], max_minutes: float | None,
    device: str, skip_bad: bool, perceptual: Path | None, measure_only: bool,  # noqa: FBT001
) -> None:  # fmt: skip
    """Train RECIPE, a TOML file or the bare name of one in training/recipes/."""
    torch.set_num_threads(1)  # more threads gain nothing at this size, and would change the last bits
    if measure_only:
        remeasure(out / f"{recipe}.toml", sets, click.echo)
        return
    _refuse_missing(device)
    path = find_recipe(recipe)
    plan = read_recipe(path)
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, out / f"{plan.name}.recipe.toml")
    ends = time.monotonic() + 60.0 * (max_minutes or math.inf)
    runs = []
    for one in scale or plan.scales:
        card = out / f"{plan.name}_x{one}.toml"
        left_minutes = max((ends - time.monotonic()) / 60.0, 0.0)
        checkpoint = card.with_suffix(".checkpoint")
        first, teacher = _first_net(plan, one, out), _teacher(plan, one, out)
        clips = _own_clips(plan, one, data, skip_bad=skip_bad)
        pairs = pairs_of(clips) if clips else None
        runs.append(Run(data, checkpoint, first, left_minutes, teacher, skip_bad, device, pairs, perceptual))
        trained = _train(plan, one, runs[-1])
        write_card(card, describe(plan, trained, write_files(trained.net, card), data))
        click.echo(f"{card}  best step {trained.best_step}, {trained.seconds:.1f} s")
        remeasure(card, sets, click.echo)
        if clips and isinstance(plan, CropRecipe) and first is not None:
            said = report(plan, clips, first, trained.net, card)
            card.with_suffix(".md").write_text(said, "utf-8")
            click.echo(f"\n{said}")
        if not trained.finished:
            click.echo(f"stopped after {max_minutes:g} minutes; the same command goes on")
            return
    for run in runs:  # not before: a command that is given again must know which scales are done
        run.checkpoint.unlink(missing_ok=True)


def _refuse_missing(device: str) -> None:
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise BackendError(f"there is no device {device!r} to train on", mend="use --device cpu") from error


def _train(plan: Recipe, scale: int, run: Run) -> Trained:
    gan = isinstance(plan, CropRecipe) and plan.gan is not None
    if run.perceptual is not None and not gan:
        raise UsageError(f"{plan.name} has no [gan], which --perceptual is for", mend="leave out --perceptual")
    if isinstance(plan, CropRecipe):
        return (train_gan if gan else train_crops)(plan, scale, run, click.echo)
    if math.isfinite(run.max_minutes):
        raise UsageError("an eSR network learns in half a minute, and in one go", mend="leave out --max-minutes")
    return train(plan, scale, run.data, click.echo, skip_bad=run.skip_bad)


def _own_clips(plan: Recipe, scale: int, data: tuple[Path, ...], *, skip_bad: bool) -> list[OwnClip]:
    """The user's own clips, where the recipe is for them."""
    if isinstance(plan, PatchRecipe) or plan.own is None:
        return []
    if click.get_current_context().get_parameter_source("data") is ParameterSource.DEFAULT:
        raise UsageError(f"{plan.name} learns from clips of your own", mend="say where they are: --data FOLDER")
    return load_own(plan, scale, data, click.echo, skip_bad=skip_bad)


def _first_net(plan: Recipe, scale: int, out: Path) -> Enlarger | None:
    """What the network at `scale` starts from: the recipe's model, or its own network of the first scale."""
    if isinstance(plan, PatchRecipe):
        return None
    if plan.start:
        return _open_first(plan, _card(plan.start, scale, out), scale, "name another model as start")
    if not plan.warm_steps or scale == plan.scales[0]:
        return None
    path = out / f"{plan.name}_x{plan.scales[0]}.toml"
    if not path.is_file():
        raise UsageError(f"x{scale} starts from {path}, which is missing", mend=f"add --scale {plan.scales[0]}")
    return _open_first(plan, parse_card(path), plan.scales[0], "delete it, or choose another --out")


def _open_first(plan: CropRecipe, card: ModelCard, scale: int, mend: str) -> Enlarger:
    net = open_net(verified_path(card, "safetensors"))
    if family_of(net) != plan.net or net.shape != shape_of(plan, scale):
        raise UsageError(f"{card} is of another network", mend=mend)
    return net


def _teacher(plan: Recipe, scale: int, out: Path) -> Teacher | None:
    """The recipe's teacher, its eight views averaged: a model in OUT, or one that ships."""
    if isinstance(plan, PatchRecipe) or not plan.teacher:
        return None
    run = ensembled(open_reference(_card(plan.teacher, scale, out)))
    return lambda low: torch.from_numpy(run(low.numpy()))


def _card(name: str, scale: int, out: Path) -> ModelCard:
    """Of a model in OUT, or of one that `rtsr models` lists."""
    path = out / f"{name}_x{scale}.toml"
    return parse_card(path) if path.is_file() else find_model(name, scale)


def main() -> int:
    """Run the command line; return its exit code."""
    if sys.argv[1:2] == ["preview"]:
        return run_command(preview.command, "training", arguments=sys.argv[2:], program="python -m training preview")
    return run_command(command, "training")


if __name__ == "__main__":
    raise SystemExit(main())
