"""`python -m training RECIPE`: train a model at each of its scales, export it, measure it, write its card."""

from __future__ import annotations

import shutil
from pathlib import Path

import click
import torch

from rtsr.errors import RtsrError, UsageError, nearest
from training.card import describe, remeasure, write_card
from training.export import write_files
from training.recipe import read_recipe
from training.train import train

_HERE = Path(__file__).parent
_RECIPES = _HERE / "recipes"
_SHARED = _HERE.parent.parent / "shared" / "data"


@click.command()
@click.argument("recipe")
@click.option("--data", type=Path, default=_SHARED / "train" / "free", help="folder of training pictures")
@click.option("--sets", type=Path, default=_SHARED / "eval", help="folder of Set5, Set14, BSD100 and Kodak24")
@click.option("--out", type=Path, default=Path("runs"), help="where the files go; rtsr/models to ship them")
@click.option("--scale", type=int, multiple=True, help="only this scale of the recipe's")
@click.option("--measure-only", is_flag=True, help="RECIPE is a card in OUT: measure it again, train nothing")
def command(recipe: str, data: Path, sets: Path, out: Path, scale: tuple[int, ...], measure_only: bool) -> None:  # noqa: FBT001, PLR0913
    """Train RECIPE, a TOML file or the bare name of one in training/recipes/."""
    torch.set_num_threads(1)  # more threads gain nothing at this size, and would change the last bits
    if measure_only:
        remeasure(out / f"{recipe}.toml", sets, click.echo)
        return
    path = find_recipe(recipe)
    plan = read_recipe(path)
    out.mkdir(parents=True, exist_ok=True)
    for one in scale or plan.scales:
        trained = train(plan, one, data, click.echo)
        card = out / f"{plan.name}_x{one}.toml"
        write_card(card, describe(plan, trained, write_files(trained.net, card), data))
        click.echo(f"{card}  best step {trained.best_step}, {trained.seconds:.1f} s")
        remeasure(card, sets, click.echo)
    shutil.copyfile(path, out / f"{plan.name}.recipe.toml")


def find_recipe(name: str) -> Path:
    """The file of a recipe given by path or by bare name. Raises UsageError with the nearest name."""
    for path in (Path(name), _RECIPES / f"{name}.toml"):
        if path.is_file():
            return path
    raise UsageError(
        f"there is no recipe {name!r}", mend=nearest(name, (path.stem for path in _RECIPES.glob("*.toml")))
    )


def main() -> int:
    """Run the command line; return its exit code."""
    try:
        command.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except RtsrError as error:
        click.echo(f"training: {error.problem}.\n          {error.mend}", err=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
