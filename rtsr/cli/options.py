"""Makes a click command from an options dataclass of `rtsr.config`."""

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from fractions import Fraction
from typing import Any, Literal, TypeVar

import click

O = TypeVar("O")  # noqa: E741 - the options class
_PLACES = "places"
"""Of click's one argument, which takes whatever is given by place."""


class MediaTime(click.ParamType[Fraction]):
    """A duration as ffmpeg reads it: seconds (`90.5`) or `[HH:]MM:SS[.mmm]`; exact."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:  # noqa: ANN401
        """Seconds, not negative."""
        try:
            total = Fraction(0)
            for part in str(value).split(":"):
                total = total * 60 + Fraction(part)
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is not a time; write seconds (90.5) or HH:MM:SS", param, ctx)
        if total < 0:
            self.fail(f"{value} is before the beginning", param, ctx)
        return total


def command(name: str, options: type[O], run: Callable[[O], int | None]) -> click.Command:
    """The command `name`, whose flags are the fields of `options` and which calls `run` with them.

    `run` returns an exit code, or None for 0; its docstring is the command's help.
    """
    kinds = typing.get_type_hints(options)

    def invoke(**given: Any) -> int:  # noqa: ANN401 - click hands over what the fields ask for
        given |= _placed(name, options, given.pop(_PLACES, ()), given)
        return run(options(**given)) or 0

    parameters: list[click.Parameter] = []
    if places := " ".join(field.metadata["argument"] for field in _arguments(options)):
        parameters.append(click.Argument([_PLACES], metavar=places, required=False, nargs=-1))
    for field in fields(options):  # type: ignore[arg-type]
        parameters += _parameters(field, kinds[field.name]) if field.metadata else []
        if field.name == "device":
            parameters.append(_list_devices())
        if field.name == "input_size":
            parameters.append(_list_sources())
    return click.Command(name, callback=invoke, params=parameters, help=run.__doc__)


def _list_devices() -> click.Option:
    """A flag that shows what `--device` may name, and ends before anything else is asked for."""

    def show(context: click.Context, _parameter: click.Parameter, asked: bool) -> None:  # noqa: FBT001 - click's form
        if asked:
            from rtsr.jobs.gpus import as_list

            click.echo(as_list())
            context.exit()

    words = "show the CPU and every GPU, with what runs on each, and end"
    return click.Option(["--list-devices"], is_flag=True, is_eager=True, expose_value=False, callback=show, help=words)


def _list_sources() -> click.Option:
    """A flag that shows what SOURCE may name."""

    def show(context: click.Context, _parameter: click.Parameter, asked: bool) -> None:  # noqa: FBT001 - click's form
        if asked:
            from rtsr.sources.listing import list_sources

            click.echo("\n".join(list_sources()))
            context.exit()

    words = "show cameras with their modes and controls, and what else can be watched, and end"
    return click.Option(["--list-sources"], is_flag=True, is_eager=True, expose_value=False, callback=show, help=words)


def _placed(name: str, options: type, places: Sequence[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given by place, by field: each that no flag gave takes one, and the one that takes several all others.

    Raises:
        click.UsageError: there are too few, or too many.
    """
    left = list(places)
    open_fields = [field for field in _arguments(options) if not given.get(field.name)]
    spare = len(left) - sum(not _several(field) for field in open_fields)
    taken: dict[str, Any] = {}
    for field in open_fields:
        count = max(spare, 1) if _several(field) else 1
        found, left = left[:count], left[count:]
        if not found:
            raise click.UsageError(f"{field.metadata['argument']} is missing; see `rtsr {name} --help`")
        taken[field.name] = tuple(found) if _several(field) else found[0]
    if left:
        raise click.UsageError(f"{' '.join(left)} is too much; see `rtsr {name} --help`")
    return taken


def _arguments(options: type) -> "list[Field[Any]]":
    return [field for field in fields(options) if "argument" in field.metadata]


def _several(field: "Field[Any]") -> bool:
    return "..." in str(field.metadata["argument"])


def _parameters(field: "Field[Any]", kind: Any) -> list[click.Parameter]:  # noqa: ANN401 - a type hint
    flags: tuple[str, ...] = field.metadata["flags"]
    if "argument" in field.metadata:
        how = {"metavar": field.metadata["argument"].rstrip("."), "help": "the same, by flag"}
        return [click.Option([field.name, *flags], multiple=_several(field), **how)] if flags else []
    flags = flags or (f"--{field.name.replace('_', '-')}",)
    default = None if field.default is MISSING else field.default
    if kind == tuple[str, ...]:
        how = {"metavar": field.metadata["metavar"] or None, "help": field.metadata["help"]}
        return [click.Option([field.name, *flags], multiple=True, default=default, **how)]
    if kind is bool:
        long = next(flag for flag in flags if flag.startswith("--"))
        short = [flag for flag in flags if flag != long]
        return [
            click.Option([field.name, f"{long}/--no-{long[2:]}", *short], default=default, help=field.metadata["help"])
        ]
    bare = field.metadata.get("bare")
    without_value: dict[str, Any] = {"is_flag": False, "flag_value": bare} if bare else {}
    return [
        click.Option(
            [field.name, *flags],
            type=_click_type(kind),
            default=default,
            show_default=default is not None,
            metavar=field.metadata["metavar"] or None,
            help=field.metadata["help"],
            **without_value,
        )
    ]


def _click_type(kind: Any) -> click.ParamType[Any]:  # noqa: ANN401 - a type hint
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        (kind,) = (member for member in typing.get_args(kind) if member is not type(None))
    if typing.get_origin(kind) is Literal:
        return click.Choice(typing.get_args(kind))
    plain: dict[Any, click.ParamType[Any]] = {
        str: click.STRING,
        int: click.INT,
        float: click.FLOAT,
        Fraction: MediaTime(),
    }
    return plain[kind]
