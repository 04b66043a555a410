"""The command line: one file per command, errors to exit codes. Importing it loads no heavy library."""

import logging
from collections.abc import Sequence

import click

import rtsr
from rtsr.cli import bench, demo, doctor, encode, engines, explain, image, info, jobs, kiosk, models, plan, view
from rtsr.cli import eval as evaluate
from rtsr.errors import EXIT_READER_GONE, EXIT_SECOND_INTERRUPT, ReaderGone, ResourceError, RtsrError

COMMANDS = {
    "encode": encode.command,
    "jobs": jobs.command,
    "plan": plan.command,
    "info": info.command,
    "view": view.command,
    "image": image.command,
    "demo": demo.command,
    "bench": bench.command,
    "eval": evaluate.command,
    "explain": explain.command,
    "models": models.command,
    "engines": engines.command,
    "kiosk": kiosk.command,
    "doctor": doctor.command,
}
_HELP = """Real-time video super-resolution that loses nothing: no work, colours, timestamps or streams.

\b
rtsr encode in.mp4 out.mp4        a file, twice the size
rtsr view --source /dev/video0    bicubic against SR, live
rtsr doctor                       what this machine can do
"""


def _begin(*, debug: bool) -> None:
    if debug:
        logging.getLogger("rtsr").setLevel(logging.DEBUG)


_GROUP = click.version_option(rtsr.__version__, message="rtsr %(version)s")(
    click.Group(
        "rtsr",
        commands=COMMANDS,
        callback=_begin,
        params=[click.Option(["--debug"], is_flag=True, help="Say more, with tracebacks.")],
        help=_HELP,
        no_args_is_help=True,
    )
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; return its exit code (`docs/exit-codes.md`)."""
    return run_program(_GROUP, "rtsr", argv)


def run_program(program: click.Command, name: str, argv: Sequence[str] | None = None) -> int:
    """The same with the commands of `program`, called `name`: for programs beside rtsr."""
    logging.basicConfig(format="rtsr: %(message)s", level=logging.INFO)
    try:
        return int(program.main(args=argv, prog_name=name, standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return error.exit_code
    except click.ClickException as error:
        click.echo(f"rtsr: {error.format_message()}", err=True)
        return error.exit_code
    except ReaderGone as error:
        return error.exit_code
    except RtsrError as error:
        click.echo(f"rtsr: {error.problem}.\n      {error.mend}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("rtsr: stopped at once.", err=True)
        return EXIT_SECOND_INTERRUPT
    except BrokenPipeError:
        return EXIT_READER_GONE
    except MemoryError:
        click.echo("rtsr: memory is full.\n      Take a smaller input or scale, or close other programs.", err=True)
        return ResourceError.exit_code
    except Exception as error:
        logging.getLogger(__name__).debug("unexpected", exc_info=True)
        click.echo(
            f"rtsr: {type(error).__name__}: {error}. This is a fault of rtsr.\n"
            "      Please report it with what `rtsr --debug ...` and `rtsr doctor` print.",
            err=True,
        )
        return 1


__all__ = ["COMMANDS", "main", "run_program"]
