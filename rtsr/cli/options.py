"""Makes a click command from an options dataclass of `rtsr.config`."""

import types
import typing
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from fractions import Fraction
from typing import Any, Literal, TypeVar

import click

O = TypeVar("O")  # noqa: E741 - the options class


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
        for field in fields(options):  # type: ignore[arg-type]
            by_flag = given.pop(_flag_twin(field), None)
            if "argument" in field.metadata and given[field.name] in (None, ()):
                if by_flag is None:
                    raise click.UsageError(f"{field.metadata['argument']} is missing; see `rtsr {name} --help`")
                given[field.name] = by_flag
        return run(options(**given)) or 0

    parameters: list[click.Parameter] = []
    for field in fields(options):  # type: ignore[arg-type]
        parameters += _parameters(field, kinds[field.name]) if field.metadata else []
    return click.Command(name, callback=invoke, params=parameters, help=run.__doc__)


def _flag_twin(field: "Field[Any]") -> str:
    return f"{field.name}_by_flag"


def _parameters(field: "Field[Any]", kind: Any) -> list[click.Parameter]:  # noqa: ANN401 - a type hint
    flags: tuple[str, ...] = field.metadata["flags"]
    if "argument" in field.metadata:
        name = field.metadata["argument"]
        place = click.Argument([field.name], metavar=name, required=False, nargs=-1 if kind == tuple[str, ...] else 1)
        if not flags:
            return [place]
        return [place, click.Option([_flag_twin(field), *flags], metavar=name, help="the same, by flag")]
    flags = flags or (f"--{field.name.replace('_', '-')}",)
    default = None if field.default is MISSING else field.default
    if kind is bool:
        long = next(flag for flag in flags if flag.startswith("--"))
        short = [flag for flag in flags if flag != long]
        return [
            click.Option([field.name, f"{long}/--no-{long[2:]}", *short], default=default, help=field.metadata["help"])
        ]
    return [
        click.Option(
            [field.name, *flags],
            type=_click_type(kind),
            default=default,
            show_default=default is not None,
            metavar=field.metadata["metavar"] or None,
            help=field.metadata["help"],
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
