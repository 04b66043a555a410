"""What will happen to every stream, decided and told before the first frame."""

from dataclasses import dataclass
from pathlib import Path

from rtsr.config import Encode
from rtsr.errors import SourceError, UsageError
from rtsr.frame import StreamInfo
from rtsr.sinks.copy import Fate, fates
from rtsr.sources import kind_of


@dataclass(frozen=True, slots=True)
class Plan:
    """The input's streams and their fate, and where the output goes."""

    output: Path
    part: Path
    """Where it is written until it is complete."""
    fates: tuple[Fate, ...]
    """Empty for a pattern, which has no other streams."""

    def lines(self, info: StreamInfo, scale: int, badge: str) -> list[str]:
        """For the user: a line for each stream and for what makes it."""
        size = f"{info.width}x{info.height} -> {info.width * scale}x{info.height * scale}"
        told = [f"{info.label} -> {self.output}", f"  {badge}", f"  {size}, chroma by bicubic, every time kept"]
        guesses = info.color.for_display(info.height).matrix, info.color.for_display(info.height * scale).matrix
        if guesses[0] != guesses[1]:
            told.append(
                f"  the colour matrix is not tagged, and stays so: players guess BT.601 at {info.height} lines and "
                f"BT.709 at {info.height * scale}"
            )
        return told + [f"  {fate}" for fate in self.fates]

    @property
    def dropped(self) -> list[Fate]:
        """The streams that will not be in the output."""
        return [fate for fate in self.fates if fate.action == "drop"]


def make_plan(options: Encode) -> Plan:
    """Look at input and output without writing anything.

    Raises:
        UsageError: the output's container is not known or cannot hold a stream.
    """
    output = Path(options.output)
    is_file = kind_of(options.source) == "file"
    decided = fates(options.source.removeprefix("file://"), options.output) if is_file else []
    return Plan(output, output.with_name(f"{output.stem}.part{output.suffix}"), tuple(decided))


def refuse_place(options: Encode) -> None:
    """Look at the two places before anything is opened.

    Raises:
        UsageError: the output exists, is a folder or the input, or has no folder to be in.
        SourceError: the input is live, and has no end.
    """
    kind, output = kind_of(options.source), Path(options.output)
    source = Path(options.source.removeprefix("file://"))
    if kind == "camera" or (kind == "pattern" and "live=yes" in options.source):
        raise SourceError(f"{options.source} is live and has no end", mend=f"watch it: rtsr view {options.source}")
    if output.is_dir():
        raise UsageError(f"{output} is a folder", mend=f"name a file in it: {output / 'out.mp4'}")
    if kind == "file" and output.exists() and source.exists() and output.samefile(source):
        raise UsageError(f"{output} is the input itself", mend="give the output another name")
    if output.exists() and not options.overwrite and not options.dry_run:
        raise UsageError(f"{output} exists", mend="add -y to replace it, or take another name")
    if not output.parent.is_dir():
        raise UsageError(f"the folder {output.parent} does not exist", mend=f"mkdir -p {output.parent}")
