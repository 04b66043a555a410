"""Every option of every command, with its default, its words and its flags: one frozen dataclass per command.

The command line is made from these fields (`rtsr.cli.options`), so a flag, its help and its default cannot drift
apart. ffmpeg's words keep ffmpeg's meaning.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

Backend = Literal["auto", "openvino", "bicubic"]
Progress = Literal["auto", "bar", "json", "none"]
DEFAULT_MODEL = "esr-tr-k5c2"


def option(default: Any, words: str, *flags: str, metavar: str = "") -> Any:  # noqa: ANN401 - a dataclass field
    """A field that is a flag; without `flags` its name in kebab case is the flag."""
    return field(default=default, metadata={"help": words, "flags": flags, "metavar": metavar})


def argument(metavar: str, *flags: str) -> Any:  # noqa: ANN401 - a dataclass field
    """A field without default that is given by place, or by one of `flags`."""
    return field(metadata={"argument": metavar, "flags": flags})


@dataclass(frozen=True, kw_only=True, slots=True)
class Upscale:
    """What makes the picture larger."""

    model: str = option(DEFAULT_MODEL, "network, see `rtsr models`", "--model", metavar="NAME")
    scale: int = option(2, "output side over input side", "--scale", "-s", metavar="N")
    backend: Backend = option("auto", "what runs the network; a named one runs or fails, never another")
    threads: int = option(0, "CPU threads of the network; 0 = as many as help", metavar="N")


@dataclass(frozen=True, kw_only=True, slots=True)
class Encode(Upscale):
    """Options of `rtsr encode`."""

    source: str = argument("IN", "-i")
    output: str = argument("OUT", "-o")
    codec: Literal["libx264", "libx265", "libsvtav1"] = option("libx264", "video encoder", "-c:v", "--codec")
    crf: float | None = option(None, "constant quality of the encoder [default: the encoder's own]", "-crf", "--crf")
    preset: str | None = option(
        None, "speed of the encoder [default: the encoder's own]", "-preset", "--preset", metavar="NAME"
    )
    overwrite: bool = option(False, "replace OUT if it exists", "-y", "--overwrite")
    start_s: Fraction | None = option(None, "begin at this time of the input", "-ss", "--start", metavar="TIME")
    length_s: Fraction | None = option(None, "take this much of the input", "-t", "--length", metavar="TIME")
    progress: Progress = option("auto", "bar on a terminal, plain lines elsewhere; json for machines")
    dry_run: bool = option(False, "say what would happen to every stream, write nothing")


@dataclass(frozen=True, kw_only=True, slots=True)
class View(Upscale):
    """Options of `rtsr view`."""

    source: str = argument("SOURCE", "--source")
    layout: Literal["wipe", "side-by-side", "blink"] = option("wipe", "how bicubic and SR share the window")
    painter: Literal["auto", "opengl", "qpainter"] = option(
        "auto", "what draws: OpenGL on a real GPU, QPainter elsewhere"
    )
    fullscreen: bool = option(False, "begin in full screen", "--fullscreen", "-fs")
    headless_frames: int | None = option(None, "render N frames off screen and end; needs no display", metavar="N")
    screenshot: str | None = option(None, "write the last rendered window to this PNG at the end", metavar="PNG")


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """Options of `rtsr bench`."""

    models: str = option("all", "comma list of networks, or all", metavar="NAMES")
    sizes: str = option("640x360,960x540", "comma list of input sizes", "--size", metavar="WxH,...")
    scale: int = option(2, "output side over input side", "--scale", "-s", metavar="N")
    backend: Backend = option("auto", "what runs the networks")
    threads: int = option(0, "CPU threads of the network; 0 = as many as help", metavar="N")
    seconds: float = option(2.0, "measured time per row", metavar="S")
    json: str | None = option(None, "also write rows and machine fingerprint to this file", metavar="FILE")


@dataclass(frozen=True, kw_only=True, slots=True)
class Eval:
    """Options of `rtsr eval`."""

    folders: tuple[str, ...] = argument("DIR...")
    models: str = option("all", "comma list of networks, or all; bicubic is always there", metavar="NAMES")
    scales: str = option("2", "comma list of output side over input side", "--scale", "-s", metavar="N,...")
    format: Literal["md", "csv", "json"] = option("md", "how the table is printed")
    plot: str | None = option(
        None, "draw quality against speed on this machine, or of --video against bits, to this file", metavar="PNG"
    )
    video: bool = option(False, "measure clips instead of pictures: each DIR is a clip, or a folder of clips")
    codecs: str = option(
        "h264",
        "of --video: comma list of h264, h265, mjpeg, which stand before the network",
        "--codec",
        metavar="NAMES",
    )
    crfs: str = option("23,28,33", "of --video: comma list of constant qualities, 0 to 51", "--crf", metavar="N,...")
    frames: int = option(60, "of --video: take at most this many from the beginning of each clip", metavar="N")
    progress: Literal["auto", "bar", "none"] = option("auto", "of --video: bar on a terminal, plain lines elsewhere")


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """Options of `rtsr image`."""

    source: str = argument("IN", "-i")
    output: str = argument("OUT", "-o")
    model: str = option(DEFAULT_MODEL, "network, see `rtsr models`", "--model", metavar="NAME")
    scale: int = option(2, "output side over input side", "--scale", "-s", metavar="N")
    ensemble: bool = option(False, "mean over 8 turned and mirrored views: a little better, 8 times the work")
    tile: str = option(
        "auto", "tiles of N input pixels, 0 = the whole picture at once; same result", metavar="auto|0|N"
    )
    overwrite: bool = option(False, "replace OUT if it exists", "-y", "--overwrite")
    skip_bad: bool = option(False, "in a folder: go on after a picture that cannot be read, and end with code 4")


@dataclass(frozen=True, kw_only=True, slots=True)
class Explain:
    """Options of `rtsr explain`."""

    model: str = argument("MODEL")
    output: str = argument("OUT.png")
    scale: int = option(2, "output side over input side", "--scale", "-s", metavar="N")
    image: str | None = option(None, "picture to look at [default: a frame of `pattern:`]", metavar="FILE")
    overwrite: bool = option(False, "replace OUT.png if it exists", "-y", "--overwrite")


@dataclass(frozen=True, kw_only=True, slots=True)
class Demo:
    """Options of `rtsr demo`."""

    clip: str | None = option(None, "your own clip; without it, one is made from `pattern:`", metavar="FILE")
    folder: str = option("demo", "where the results are written", metavar="DIR")
    model: str = option(DEFAULT_MODEL, "network, see `rtsr models`", metavar="NAME")


@dataclass(frozen=True, kw_only=True, slots=True)
class Models:
    """Options of `rtsr models`."""

    format: Literal["md", "csv", "json"] = option("md", "how the table is printed")


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportModel:
    """Options of `rtsr models import`."""

    file: str = argument("FILE", "-i")
    name: str = argument("NAME", "--name")
    scale: int | None = option(None, "output side over input side [default: found out]", "--scale", "-s", metavar="N")
    licence: str = option("unknown", "what its maker lets you do with it, for the card", metavar="TEXT")
    replace: bool = option(False, "replace your model of that name and scale")


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoveModel:
    """Options of `rtsr models remove`."""

    name: str = argument("NAME", "--name")
    scale: int | None = option(None, "only this scale [default: all]", "--scale", "-s", metavar="N")


@dataclass(frozen=True, kw_only=True, slots=True)
class Doctor:
    """Options of `rtsr doctor`."""
