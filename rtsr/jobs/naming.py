"""How the outputs of a batch are called: a template of the user's, and a container that holds what the input has."""

from __future__ import annotations

import string
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from rtsr.errors import RtsrError, UsageError, nearest
from rtsr.jobs.plan import make_plan
from rtsr.jobs.sizing import plain_scale
from rtsr.sinks.choice import goes_into
from rtsr.sinks.containers import format_of

if TYPE_CHECKING:
    from rtsr.config import Encode, Encodes

FIELDS = ("stem", "file", "model", "scale", "size", "codec", "ext")
"""What a template may name: the input's name without and with its extension; network, `--scale`, `--size` and video
encoder as they were asked for; the extension of the container."""
_BY_SCALE, _BY_SIZE = "{stem}.{model}.{scale}x.{ext}", "{stem}.{model}.{size}.{ext}"
_FALLBACK = "mkv"
"""Holds whatever a film has."""


@dataclass(frozen=True, slots=True)
class Template:
    """A checked template; see `parse_template`."""

    text: str

    def name(self, options: Encode) -> str:
        """What the output of `options.source` is called, without its folder; `options.output` does not count."""
        source = Path(options.source)
        known = {"stem": source.stem, "file": source.name, "model": options.model, "size": options.size}
        known |= {"scale": f"{float(Fraction(options.times)):g}", "codec": options.codec or "default"}
        if "{ext}" in self.text:
            known["ext"] = extension_for(options)
        return self.text.format(**known)


def template_of(options: Encodes) -> Template:
    """The template that `options` ask for.

    Raises:
        UsageError: it names an unknown field, is no name of a file, or ends in no container that is written; or
            `--scale` makes no sense.
    """
    plain_scale(options)
    text = options.name or (_BY_SCALE if options.size is None else _BY_SIZE)
    template = parse_template(text)
    for field, asked in (("scale", options.size is None), ("size", options.size is not None)):
        if f"{{{field}}}" in text and not asked:
            raise UsageError(f"--name {text}: no --{field} is given", mend="take {scale} or {size}, whichever is")
    return template


def parse_template(text: str) -> Template:
    """Check what `--name` gave; raises as `template_of`."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise UsageError(f"--name {text}: {str(error).lower()}", mend="a field is written {stem}") from error
    for _, field, form, conversion in parts:
        if field is not None and field not in FIELDS:
            raise UsageError(f"--name {text}: there is no field {{{field}}}", mend=nearest(field, FIELDS))
        if form or conversion:
            raise UsageError(f"--name {text}: {{{field}}} takes no format", mend=f"write {{{field}}} alone")
    if "/" in text or "\\" in text:
        raise UsageError(
            f"--name {text} names a folder", mend="name the file only: the folders of the input are mirrored"
        )
    if not text.endswith(".{ext}"):
        try:
            format_of(text)
        except UsageError as error:
            raise UsageError(f"--name {text}: {error.problem}", mend="end it in .{ext}, or in .mkv") from error
    return Template(text)


def extension_for(options: Encode) -> str:
    """The input's extension, if it names a container that is written and holds its streams and the video; else mkv.

    An input that cannot be read keeps its own, and fails when its turn comes.
    """
    suffix = Path(options.source).suffix
    try:
        if not goes_into(options.codec, format_of(f"x{suffix}")):
            return _FALLBACK
        make_plan(replace(options, output=str(Path(options.source).with_suffix(f".rtsr{suffix}"))))
    except UsageError:
        return _FALLBACK
    except (RtsrError, OSError):
        pass
    return suffix[1:]
