"""Who made a picture of a package and under which licence: read from the package's `copyright` file.

The file is in Debian's machine-readable form (DEP-5) or near enough: paragraphs with `Files`, `Copyright`, `License`.
Why: our own reader. python-debian is GPL, and of the whole format only three fields and one wildcard are needed.
"""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FIELD = re.compile(r"([A-Za-z-]+):[ \t]*(.*)")
_KNOWN = {
    r"cc0|public-domain": "cc0",
    r"cc-by-[234]\.[05]": "cc-by",
    r"cc-by-sa(-[234]\.[05])?": "sharealike",
    r"l?gpl-[23](\.[01])?\+?": "sharealike",
}
"""Licences that we take, as pattern of the name, and the folder they go to. Anything else is left out."""
_WAS_CC0_UNTIL = {"unsplash.com": (2017, 6), "pixabay.com": (2019, 1)}
"""Sites that gave CC0 once and a licence of their own since; packages say CC0 for pictures of both times."""
_RELEASED = {"xenial": (2016, 4), "yakkety": (2016, 10), "zesty": (2017, 4), "artful": (2017, 10), "bionic": (2018, 4),
             "cosmic": (2018, 10)}  # fmt: skip
"""Year and month of the Ubuntu release that a package's name ends with; any other counts as later."""
_IN_DOUBT = {"brad-huchteman-stone-mountain", "joshua-coleman-something-yellow", "matt-mcnulty-nyc-2nd-ave",
             "nattu-adnan-328570", "ryan-stone-skykomish-river"}  # fmt: skip
"""Pictures with such a site's file names and of its later time, of which a package says CC0 or Creative Commons."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a package says of one picture."""

    licence: str
    """As the package writes it, blanks as hyphens: `CC-BY-SA-4.0`."""
    folder: str
    """Folder of the training set: cc0, cc-by or sharealike."""
    author: str
    """Holders of the copyright, without years."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One `Files` paragraph."""

    patterns: tuple[str, ...]
    """Wildcards, and whole lines of them: names with blanks in them stand there unescaped."""
    fields: dict[str, str]
    """The others, by name in lower case."""


def read_copyright(text: str) -> list[Paragraph]:
    """The `Files` paragraphs of a copyright file, in order; none when it is written in prose only."""
    paragraphs = []
    for block in re.split(r"\n[ \t]*\n", unicodedata.normalize("NFC", text)):
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if found := _FIELD.match(line):
                name = found[1].lower()
                fields[name] = found[2].strip()
            elif name:
                fields[name] += "\n" + line.strip()
        if "files" in fields:
            lines = [line.strip() for line in fields["files"].splitlines() if line.strip()]
            paragraphs.append(Paragraph(tuple(dict.fromkeys([*lines, *" ".join(lines).split()])), fields))
    return paragraphs


def find_grant(paragraphs: list[Paragraph], picture: Path, package: str) -> Grant | None:
    """The licence of a picture, or None when it is not among those that we take, or in doubt.

    The last paragraph that names it decides, as DEP-5 says. One that only says `*` counts when every paragraph of the
    file has a licence that we take: else a picture whose name is misspelled there would come in under a wrong one.
    """
    named = [one for one in paragraphs if any(_names(pattern, picture) for pattern in one.patterns)]
    if not named:
        if not all(_folder(one) for one in paragraphs):
            return None
        named = [one for one in paragraphs if "*" in one.patterns]
    if not named or not (folder := _folder(named[-1])) or picture.stem.lower() in _IN_DOUBT:
        return None
    fields = named[-1].fields
    comment = (fields.get("comment", "") + fields.get("copyright", "")).lower()
    if "ai generated" in comment or (folder == "cc0" and not _was_cc0(comment, package)):
        return None
    author = re.sub(
        r"(\(c\)|©|copyright|\b(19|20)[0-9]{2}\b[-, .]*|<[^>]*>)", "", fields.get("copyright", ""), flags=re.I
    )
    holders = [line.strip(" .,-") for line in author.splitlines()]
    return Grant(_name(named[-1]), folder, "; ".join(dict.fromkeys(one for one in holders if one)) or "unknown")


def _names(pattern: str, picture: Path) -> bool:
    """Whether a pattern is about this picture. It is of the source tree, so the paths differ.

    A whole file name is enough; with a wildcard in it the folder must be the same.
    """
    *folders, last = unicodedata.normalize("NFC", pattern).strip("/").split("/")
    if last == "*" and (not folders or folders[-1] in {"debian", "*"}):
        return False
    if folders and re.search(r"[*?]", last) and folders[-1] not in picture.parts:
        return False
    return last == "*" or fnmatch.fnmatchcase(unicodedata.normalize("NFC", picture.name), last.replace("[", "[[]"))


def _name(paragraph: Paragraph) -> str:
    said = paragraph.fields.get("license", "").split("\n")[0].strip()
    plain = re.sub(r"Creative Commons Attribution-ShareAlike ([0-9.]+).*", r"CC-BY-SA-\1", said)
    return re.sub(r"[ _]+", "-", plain)


def _folder(paragraph: Paragraph) -> str:
    """The folder of a paragraph's licence, empty when we do not take it."""
    name = _name(paragraph).lower().removesuffix("-1.0")
    return next((folder for pattern, folder in _KNOWN.items() if re.fullmatch(pattern, name)), "")


def _was_cc0(comment: str, package: str) -> bool:
    released = _RELEASED.get(package.rpartition("-")[2], (9999, 1))
    return all(released < until for site, until in _WAS_CC0_UNTIL.items() if site in comment)
