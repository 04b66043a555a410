"""Which files a batch takes: those of folders, of patterns and of lists, and where in the output's tree each goes."""

from __future__ import annotations

import glob
import mimetypes
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rtsr.errors import UsageError
from rtsr.segment import FOLDER_SUFFIX
from rtsr.sources import kind_of

_MEDIA = frozenset(
    {
        *("mp4", "m4v", "mov", "qt", "mkv", "webm", "avi", "divx", "mpg", "mpeg", "mpe", "m2v", "vob", "ts", "mts"),
        *(
            "m2ts",
            "m2t",
            "wmv",
            "asf",
            "flv",
            "f4v",
            "3gp",
            "3g2",
            "ogv",
            "ogm",
            "mxf",
            "nut",
            "y4m",
            "dv",
            "gxf",
            "rm",
        ),
        *("rm", "rmvb", "ivf", "h264", "264", "avc", "h265", "265", "hevc", "obu", "av1", "wtv", "mjpg", "mjpeg"),
    }
)
"""Extensions of what libavformat reads as video."""
_LIKE = frozenset({"braw", "r3d", "crm", "ari", "insv", "360", "avs", "vpy", "swf", "bik"})
"""Extensions of video that it does not read, of which no type is registered."""


@dataclass(frozen=True, slots=True)
class Input:
    """One file that is taken."""

    path: Path
    folder: Path = Path()
    """Where its output goes, relative to the folder of the outputs."""
    output: str | None = None
    """Its output where a list names it; relative to the folder of the outputs."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was found."""

    taken: tuple[Input, ...]
    left_out: tuple[Path, ...] = ()
    """Files that look like video, and are none that is read."""


def is_many(sources: Sequence[str]) -> bool:
    """Whether `sources` are more than one file: several, a folder, a pattern or a list."""
    if len(sources) != 1:
        return True
    (source,) = sources
    return kind_of(source) == "file" and not os.path.isfile(source) and (
        os.path.isdir(source) or source.startswith("@") or _is_pattern(source)
    )  # fmt: skip


def find_inputs(sources: Sequence[str], output: Path) -> Inputs:
    """Every file that `sources` mean, each once, in the order of `sources` and by name within each.

    Args:
        sources: files, folders (with all below), patterns (`clips/**/*.mp4`) and lists (`@list.txt`).
        output: the folder of the outputs, in which nothing is looked for.

    Raises:
        UsageError: one of them is missing, or nothing is found.
    """
    taken: list[Input] = []
    left_out: list[Path] = []
    for source in sources:
        found = _found(source, output)
        taken += found.taken
        left_out += found.left_out
    once = {(os.path.abspath(one.path), one.folder, one.output): one for one in taken}
    return Inputs(tuple(once.values()), tuple(dict.fromkeys(left_out)))


def _found(source: str, output: Path) -> Inputs:
    if kind_of(source) not in ("file", "job") or "://" in source.removeprefix("file://"):
        raise UsageError(f"{source} is not a file, and cannot be one of several inputs", mend="encode it by itself")
    path = Path(source.removeprefix("file://"))
    if path.is_file():
        return Inputs((Input(path),))
    if path.is_dir():
        return _of_folder(path, output)
    if source.startswith("@"):
        return Inputs(tuple(_of_list(Path(source[1:]))))
    if _is_pattern(source):
        return _of_pattern(source, output)
    raise UsageError(f"{source} does not exist", mend="check the name; a pattern is given in quotes: 'clips/*.mp4'")


def _of_folder(folder: Path, output: Path) -> Inputs:
    found = _sorted_out(folder, _below(folder, _apart(folder, output)))
    if not found.taken:
        raise UsageError(f"no video is in the folder {folder}{_told(found.left_out)}", mend="name another folder")
    return found


def _of_pattern(pattern: str, output: Path) -> Inputs:
    matching = [Path(name) for name in sorted(glob.glob(pattern, recursive=True)) if os.path.isfile(name)]
    base = Path(*_plain_parts(pattern))
    apart = _apart(base, output)
    found = _sorted_out(base, (path for path in matching if apart is None or not _is_within(path, apart)))
    if not found.taken:
        raise UsageError(
            f"no video matches {pattern}{_told(found.left_out)}",
            mend="check the pattern: * is any name, ** any folders below, ? any letter",
        )
    return found


def _of_list(path: Path) -> Iterator[Input]:
    """The lines of a list; see `rtsr encode --help`."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        words = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else (error.strerror or str(error)).lower()
        mend = "give a text file, one input a line"
        raise UsageError(f"the list {path} cannot be read ({words})", mend=mend) from error
    here, found = path.parent, False
    for number, line in enumerate(map(str.strip, lines), start=1):
        if line and not line.startswith("#"):
            found = True
            yield _of_line(here, line, f"{path} line {number}")
    if not found:
        raise UsageError(f"the list {path} names nothing", mend="write one input a line, perhaps followed by ` -> OUT`")


def _of_line(here: Path, line: str, place: str) -> Input:
    is_name = (here / line).is_file()  # which may hold an arrow
    told = None if is_name else re.fullmatch(r"(.*?)\s+->(?:\s+(.*))?", line)
    source, output = (told[1], told[2]) if told is not None else (line, None)
    found = here / source
    if not found.is_file():
        what = "is a folder" if found.is_dir() else "does not exist"
        mend = "name a file, relative to the list's folder; # begins a comment"
        raise UsageError(f"{place}: {found} {what}", mend=mend)
    if told is not None and output is None:
        raise UsageError(f"{place}: no output follows the arrow", mend="write IN -> OUT, or IN alone")
    inside = not os.path.isabs(source) and ".." not in Path(source).parts
    return Input(found, Path(source).parent if inside else Path(), output)


def _apart(base: Path, output: Path) -> Path | None:
    """The folder of the outputs where it lies below `base`: its files are no inputs.

    Raises:
        UsageError: it is `base` itself.
    """
    if os.path.abspath(base) == os.path.abspath(output):
        raise UsageError(
            f"the outputs would lie among the inputs in {output}, and be inputs next time", mend="name another folder"
        )
    return output if _is_within(output, base) else None


def _below(folder: Path, apart: Path | None) -> Iterator[Path]:
    """Every file below `folder` that is not hidden, by name; nothing of `apart`, and no unfinished job."""
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(
            name for name in folders
            if not name.startswith(".") and not name.endswith(FOLDER_SUFFIX)
            and (apart is None or not _is_within(here / name, apart))
        )  # fmt: skip
        yield from (here / name for name in sorted(names) if not name.startswith("."))


def _sorted_out(base: Path, paths: Iterator[Path]) -> Inputs:
    taken: list[Input] = []
    left_out: list[Path] = []
    for path in paths:
        suffix = path.suffix[1:].lower()
        if suffix in _MEDIA:
            taken.append(Input(path, path.parent.relative_to(base)))
        elif suffix in _LIKE or (mimetypes.guess_type(path.name)[0] or "").startswith("video/"):
            left_out.append(path)
    return Inputs(tuple(taken), tuple(left_out))


def _is_pattern(source: str) -> bool:
    return glob.has_magic(source) and "://" not in source


def _plain_parts(pattern: str) -> list[str]:
    """The folders of a pattern before the first that is one."""
    parts = Path(pattern).parts[:-1]
    magic = next((number for number, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return list(parts[:magic])


def _is_within(path: Path, folder: Path) -> bool:
    return os.path.abspath(folder) in (os.path.abspath(path), *map(str, Path(os.path.abspath(path)).parents))


def _told(left_out: Sequence[Path]) -> str:
    return f" ({len(left_out)} look like video, and are none that is read: {left_out[0].name})" if left_out else ""
