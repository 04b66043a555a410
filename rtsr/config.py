"""Every option of every command, with its default, its words and its flags: one frozen dataclass per command.

The command line is made from these fields (`rtsr.cli.options`), so a flag, its help and its default cannot drift
apart. ffmpeg's words keep ffmpeg's meaning.
"""

import math
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any, Literal, cast

from rtsr.errors import UsageError, nearest

Backend = Literal["auto", "tensorrt", "torch", "openvino", "bicubic"]
Requirement = Literal["gpu", "tensorrt", "torch", "openvino"]
Arithmetic = Literal["auto", "fp16", "fp32"]
Progress = Literal["auto", "bar", "json", "none"]
Quality = Literal["fast", "balanced", "best"]
Content = Literal["auto", "clean", "video"]
HwDec = Literal["auto", "no", "cuda"]
LiveCodec = Literal["auto", "libx264", "libx265", "h264_nvenc", "hevc_nvenc"]
EngineTarget = Literal["any", "7.5", "8.6", "8.9", "12.0", "this"]
EngineBuilder = Literal["onnx", "torch"]
VideoCodec = Literal[
    "auto", "libx264", "libx265", "libsvtav1", "libvpx-vp9", "ffv1", "prores_ks",
    "h264_nvenc", "hevc_nvenc", "av1_nvenc",
]  # fmt: skip
LOSSES = ("dovi", "hdr", "hdr10plus")
"""What `--allow-loss` may name: Dolby Vision, mastering display with content light level, HDR10+."""
PipeFormat = Literal["yuv4mpegpipe", "nut", "matroska"]
DEFAULT_MODEL = "esr-tr-k5c2"
"""Why not `auto`: without a word about it the same command makes the same file on every machine, and starts at once."""
AUTO = "auto"
"""The model that stands for a choice by what was measured on this machine: `rtsr.jobs.choose`."""
Job = Literal["view", "encode", "image"]
"""What a network can be chosen for."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How long the network that `auto` takes may need."""

    most: float
    """Of a frame's time in the video; for pictures, seconds for a megapixel of the input."""
    words: str


RULES: dict[Job, dict[Quality, Rule]] = {
    "view": {
        "fast": Rule(0.1, "a tenth of a frame's time"),
        "balanced": Rule(0.25, "a quarter of a frame's time"),
        "best": Rule(0.5, "half of a frame's time"),
    },
    "encode": {
        "fast": Rule(0.5, "half of the video's length"),
        "balanced": Rule(2.0, "twice the video's length"),
        "best": Rule(math.inf, "any time"),
    },
    "image": {
        "fast": Rule(0.1, "0.1 s for a megapixel"),
        "balanced": Rule(1.0, "1 s for a megapixel"),
        "best": Rule(math.inf, "any time"),
    },
}
"""Why half for watching: decoder and window work on the same CPU; docs/decisions/004-viewer.md has their cost."""
HOLDS: dict[Job, float] = {"view": 0.9, "encode": math.inf, "image": math.inf}
"""Where no network is within the rule, auto takes the fastest, if it needs no more than this; else bicubic."""
USUAL: dict[Job, Quality] = {"view": "best", "encode": "balanced", "image": "balanced"}
"""The quality of `auto` where none is named."""
_MODEL_WORDS = (
    f"network, see `rtsr models`; auto chooses one by what this machine was measured to hold "
    f"[default: {DEFAULT_MODEL}, or auto beside --quality or --content]"
)
_CONTENT_WORDS = "what auto's network must have learned from: pictures without loss, or compressed video; auto looks"


def option(default: Any, words: str, *flags: str, metavar: str = "", bare: str = "") -> Any:  # noqa: ANN401 - a dataclass field
    """A field that is a flag; without `flags` its name in kebab case is the flag. `bare` is its value without one."""
    return field(default=default, metadata={"help": words, "flags": flags, "metavar": metavar, "bare": bare})


def _quality_for(job: Job) -> Any:  # noqa: ANN401 - a dataclass field
    """The flag `--quality`, with the rules of `job` in its help."""
    rules = ", ".join(f"{rule.words} ({quality})" for quality, rule in RULES[job].items())
    return option(None, f"auto takes the best network within {rules}, else the fastest [default: {USUAL[job]}]")


def _protocols() -> Any:  # noqa: ANN401 - a dataclass field
    words = "what an input may lead to beside itself: file for other files, http, https, rtsp, ... [default: nothing]"
    return option(None, words, metavar="LIST")


def _device() -> Any:  # noqa: ANN401 - a dataclass field
    words = "GPU by number, UUID or part of its name, as --list-devices shows them; or cpu"
    return option("auto", words, metavar="WHICH")


def _require(what: str) -> Any:  # noqa: ANN401 - a dataclass field
    return option(None, f"end with exit code 5 unless this makes {what}")


def _precision() -> Any:  # noqa: ANN401 - a dataclass field
    return option("auto", "arithmetic on a GPU; auto is fp16, and fp32 where that is not exact enough")


def _hwdec() -> Any:  # noqa: ANN401 - a dataclass field
    return option("auto", "decoding by an NVIDIA GPU: auto where one makes the pictures, too; cuda wherever it can")


def allowed_losses(words: str) -> frozenset[str]:
    """The members of LOSSES in a comma list. Raises UsageError at another name."""
    names = frozenset(part.strip() for part in words.split(",") if part.strip())
    for name in sorted(names - set(LOSSES)):
        raise UsageError(f"--allow-loss {name}: there is no such loss", mend=nearest(name, LOSSES))
    return names


def argument(metavar: str, *flags: str) -> Any:  # noqa: ANN401 - a dataclass field
    """A field without default that is given by place, or by one of `flags`."""
    return field(metadata={"argument": metavar, "flags": flags})


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """Which network, named or to be chosen.

    Raises UsageError when it is named, and a choice is asked for as well, or when the sharpness is not 0 to 1.
    """

    model: str = option(None, _MODEL_WORDS, "--model", metavar="NAME")
    """Never None: what is not named becomes the default, or `AUTO` where only a choice makes sense."""
    scale: int = option(2, "output side over input side", "--scale", "-s", metavar="N")
    quality: Quality | None = option(None, "how auto chooses")
    content: Content = option("auto", _CONTENT_WORDS)
    sharpness: float = option(
        0.0, "0 is the network as it is, 1 its GAN form, NAME-gan; between them its weights", metavar="0..1"
    )

    def __post_init__(self) -> None:
        if not 0.0 <= self.sharpness <= 1.0:
            raise UsageError(f"--sharpness {self.sharpness:g}", mend="it is a part of the whole, 0 to 1")
        asked = "--quality" if self.quality is not None else "--content" if self.content != "auto" else ""
        if cast("str | None", self.model) is None:
            object.__setattr__(self, "model", AUTO if asked else DEFAULT_MODEL)
        elif asked and self.model != AUTO:
            raise UsageError(
                f"{asked} chooses a network, and --model {self.model} names one", mend="leave one of the two out"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Upscale(Network):
    """What makes the picture larger."""

    backend: Backend = option("auto", "what runs the network; a named one runs or fails, never another")
    device: str = _device()
    require: Requirement | None = _require("every frame")
    precision: Arithmetic = _precision()
    threads: int = option(0, "CPU threads of the network; 0 = as many as help", metavar="N")
    why: str = ""
    """No flag: why this model, for the badge, where it was chosen."""
    size_wh: tuple[int, int] | None = None
    """No flag: the size that comes out, where it is not `scale` times the input's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoding(Upscale):
    """How an encode is made, whatever its input."""

    quality: Quality | None = _quality_for("encode")
    scale: int = 2
    """No flag: of the network, which follows from `times` or `size`: `rtsr.jobs.sizing`."""
    times: str = option("2", "output side over input side, as 2, 1.5 or 4/3", "--scale", "-s", metavar="N")
    size: str | None = option(
        None,
        "size of the output as it is shown, instead of --scale; -1 or -2 for a side keeps the shape",
        metavar="WxH",
    )
    square_pixels: bool = option(False, "make the samples square, where the input's are not")
    deinterlace: Literal["auto", "yes", "no"] = option(
        "auto", "make frames of one moment out of fields of two: auto looks at the pictures; no upscales their combs"
    )
    hwdec: HwDec = _hwdec()
    fps: str | None = option(
        None,
        "constant frames per second, as 25 or 30000/1001: frames are dropped or doubled [default: every frame, at its "
        "own time]",
        metavar="N",
    )
    codec: VideoCodec | None = option(
        None,
        "video encoder; auto takes the best hardware one that works [default: libx264, or what keeps the pictures]",
        "-c:v",
        "--codec",
    )
    pix_fmt: str | None = option(
        None, "pixel format of the output, as ffmpeg names it [default: that of the input]", "-pix_fmt", metavar="NAME"
    )
    allow_loss: str = option(
        "", f"comma list of what the output may lack: {', '.join(LOSSES)} [default: nothing]", metavar="NAMES"
    )
    crf: float | None = option(None, "constant quality of the encoder [default: the encoder's own]", "-crf", "--crf")
    preset: str | None = option(
        None, "speed of the encoder [default: the encoder's own]", "-preset", "--preset", metavar="NAME"
    )
    bitrate: str | None = option(None, "mean bits per second, not constant quality: 4M, 800k", "-b:v", metavar="N")
    encoder_options: tuple[str, ...] = option(
        (), "an option of the encoder, may be repeated; one that it does not use is an error",
        "-e", "--encoder-option", metavar="KEY=VALUE",
    )  # fmt: skip
    x264_params: str | None = option(None, "handed to libx264", "-x264-params", "--x264-params", metavar="K=V:...")
    x265_params: str | None = option(None, "handed to libx265", "-x265-params", "--x265-params", metavar="K=V:...")
    svtav1_params: str | None = option(
        None, "handed to libsvtav1", "-svtav1-params", "--svtav1-params", metavar="K=V:..."
    )
    audio_codec: str = option("copy", "copy, or encode all audio anew: aac, libopus, flac, ...", "-c:a", metavar="NAME")
    audio_bitrate: str | None = option(None, "of audio that is encoded anew", "-b:a", metavar="N")
    maps: tuple[str, ...] = option(
        (), "streams to take, as ffmpeg writes them: 0:a:1, -0:s, 0:s? [default: all]", "-map", "--map", metavar="SPEC"
    )
    no_audio: bool = option(False, "leave out all audio", "-an", "--drop-audio")
    no_subtitles: bool = option(False, "leave out all subtitles", "-sn", "--drop-subtitles")
    no_data: bool = option(False, "leave out all data streams", "-dn", "--drop-data")
    video_track: int | None = option(
        None, "which video stream is upscaled, from 0; others are copied [default: the first]", metavar="N"
    )
    movflags: str | None = option(None, "how MP4 and MOV are laid out: +faststart", "-movflags", metavar="FLAGS")
    provenance: bool = option(True, "a tag that tells the network, its settings and this version of rtsr")
    overwrite: bool = option(False, "replace OUT if it exists", "-y", "--overwrite")
    segments: bool = option(
        True, "work in segments that are kept on disk, so that the same command goes on after a stop"
    )
    restart: bool = option(False, "forget what an earlier run of the same output has finished")
    encoder_threads: int = option(
        0, "threads of the encoder, on which x264's bits depend; 0 = as many as help where the job begins", metavar="N"
    )
    workers: int = option(1, "processes of this machine that each encode whole segments", metavar="N")
    cluster: str | None = option(
        None, "a dask scheduler whose workers encode the segments: tls://HOST:PORT", metavar="ADDRESS"
    )
    cluster_resources: str | None = option(
        None, "what each segment takes of a worker, as it was started with: gpu=1", metavar="NAME=N,..."
    )
    cluster_tls: str | None = option(
        None, "certificates for tls:// [default: dask's own settings]", metavar="CA.pem,CERT.pem,KEY.pem"
    )
    cluster_storage: str | None = option(
        None, "where workers leave segments for us [default: they send them through the scheduler]", metavar="URL"
    )
    insecure: bool = option(False, "use a scheduler of the network that is not encrypted: whoever reaches it runs code")
    start_s: Fraction | None = option(None, "begin at this time of the input", "-ss", "--start", metavar="TIME")
    length_s: Fraction | None = option(None, "take this much of the input", "-t", "--length", metavar="TIME")
    rate_fps: str | None = option(
        None, "pictures of a sequence in a second, as 24 or 30000/1001 [default: 25]", "-r", "--rate", metavar="FPS"
    )
    format: PipeFormat | None = option(None, "what is written where OUT is - [default: yuv4mpegpipe]", "-f", "--format")
    protocols: str | None = _protocols()
    progress: Progress = option("auto", "bar on a terminal, plain lines elsewhere; json for machines")
    dry_run: bool = option(False, "say what would happen to every stream, write nothing")


@dataclass(frozen=True, kw_only=True, slots=True)
class Encode(Encoding):
    """One input and its output."""

    source: str = argument("IN", "-i")
    output: str = argument("OUT", "-o")


@dataclass(frozen=True, kw_only=True, slots=True)
class Encodes(Encoding):
    """Options of `rtsr encode`: how, and which inputs."""

    sources: tuple[str, ...] = argument("IN...", "-i")
    output: str = argument("OUT", "-o")
    name: str | None = option(
        None, "how files are called where OUT is a folder [default: {stem}.{model}.{scale}x.{ext}]", metavar="TEMPLATE"
    )
    skip_existing: bool = option(False, "where OUT is a folder: leave out inputs whose output exists")
    sample: str | None = option(
        None, "encode a few short pieces, show them beside bicubic, and foretell size and time", metavar="3x5s"
    )

    def of(self, source: str, output: str) -> Encode:
        """The same for one input."""
        kept = {field.name: getattr(self, field.name) for field in fields(Encoding)}
        return Encode(source=source, output=output, **kept)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan(Encode):
    """Options of `rtsr plan`: those of `rtsr encode`."""

    json: bool = option(False, "for machines")


@dataclass(frozen=True, kw_only=True, slots=True)
class Info:
    """Options of `rtsr info`."""

    file: str = argument("FILE", "-i")
    json: bool = option(False, "for machines")
    protocols: str | None = _protocols()


@dataclass(frozen=True, kw_only=True, slots=True)
class Jobs:
    """Options of `rtsr jobs list`."""

    format: Literal["md", "csv", "json"] = option("md", "how the table is printed")


@dataclass(frozen=True, kw_only=True, slots=True)
class ShowJob:
    """Options of `rtsr jobs show`."""

    output: str = argument("OUT")


@dataclass(frozen=True, kw_only=True, slots=True)
class Discard:
    """Options of `rtsr jobs discard`."""

    output: str = argument("OUT")


@dataclass(frozen=True, kw_only=True, slots=True)
class View(Upscale):
    """Options of `rtsr view`."""

    quality: Quality | None = _quality_for("view")
    source: str = argument("SOURCE", "--source")
    input_size: str | None = option(None, "size of a camera's pictures [default: as it is set]", metavar="WxH")
    input_fps: str | None = option(None, "frames per second of a camera [default: as it is set]", metavar="N")
    input_format: str | None = option(
        None, "pixel format or codec of a camera, as FFmpeg names it: mjpeg, yuyv422, nv12 [default: the best one]",
        metavar="NAME",
    )  # fmt: skip
    controls: tuple[str, ...] = option(
        (), "a camera's control, as exposure_time_absolute=200, may be repeated", "--control", metavar="NAME=VALUE"
    )
    reconnect: bool = option(
        True, "open a camera, a screen or a stream, in or out, that was lost again, as soon as it is there"
    )
    governor: bool = option(
        False, "step down to cheaper networks, a part of the picture, or none, while a budget is broken, and up again"
    )
    target_fps: float | None = option(None, "the governor holds this rate [default: the source's]", metavar="N")
    max_watts: float | None = option(None, "the governor keeps the power under this", metavar="N")
    max_latency: float | None = option(None, "the governor keeps capture to present under this", metavar="MS")
    max_temp: float | None = option(None, "the governor keeps CPU and GPU under this, in degrees Celsius", metavar="C")
    region: str | None = option(
        None, "the part that the network keeps when the governor lets it make no more [default: the middle]",
        metavar="WxH+X+Y",
    )  # fmt: skip
    streams: tuple[str, ...] = option(
        (), "send what is shown there while it is shown: rtsp://, rtmp://, udp://, rtp:// or tcp://; may be repeated",
        "--stream", metavar="URL",
    )  # fmt: skip
    stream_codec: LiveCodec = option("auto", "of --stream; auto is NVIDIA's H.264 where it runs, else x264")
    stream_bitrate: str | None = option(
        None, "of --stream: bits per second, as 6M [default: by size and rate]", metavar="N"
    )
    virtual_camera: str | None = option(
        None, "give it to other programs as a camera, /dev/videoN of v4l2loopback [default: the first]",
        metavar="[DEV]", bare="auto",
    )  # fmt: skip
    headless: bool = option(False, "no window: run until stopped, for a machine that only streams")
    layout: Literal["wipe", "side-by-side", "blink"] = option("wipe", "how bicubic and SR share the window")
    protocols: str | None = _protocols()
    hwdec: HwDec = _hwdec()
    painter: Literal["auto", "opengl", "qpainter"] = option(
        "auto", "what draws: OpenGL on a real GPU, QPainter elsewhere"
    )
    fullscreen: bool = option(False, "begin in full screen", "--fullscreen", "-fs")
    headless_frames: int | None = option(None, "render N frames off screen and end; needs no display", metavar="N")
    screenshot: str | None = option(None, "write the last rendered window to this PNG at the end", metavar="PNG")

    def __post_init__(self) -> None:
        """With a governor and no model named, networks are the governor's to choose. Raises UsageError as `Network`,
        and on what only a governor heeds where there is none."""
        if self.governor and cast("str | None", self.model) is None:
            object.__setattr__(self, "model", AUTO)
        limits = ("target_fps", "max_watts", "max_latency", "max_temp", "region")
        asked = [f"--{name.replace('_', '-')}" for name in limits if getattr(self, name) is not None]
        if asked and not self.governor:
            raise UsageError(f"{asked[0]} is for the governor, and there is none", mend="add --governor")
        Upscale.__post_init__(self)


_MOST_SOURCES = 64
"""More than can be told apart in a window."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Views(View):
    """Options of `rtsr view`: how, and which sources."""

    source: str = ""
    """No flag: of one of `sources`, see `each`."""
    sources: tuple[str, ...] = argument("SOURCE...", "--source")

    def __post_init__(self) -> None:
        """Raises UsageError as `View`, and on what takes a single source where there are several."""
        asked = [flag for flag, given in self._of_one_source().items() if given]
        if len(self.sources) > 1 and asked:
            said = f"{asked[0]} takes one source, and {len(self.sources)} are named"
            raise UsageError(said, mend="leave it out, or name one")
        if len(self.sources) > _MOST_SOURCES:
            raise UsageError(
                f"{len(self.sources)} sources are named", mend=f"name {_MOST_SOURCES} or fewer, or open more windows"
            )
        View.__post_init__(self)

    def _of_one_source(self) -> dict[str, object]:
        return {
            "--governor": self.governor,
            "--stream": self.streams,
            "--virtual-camera": self.virtual_camera is not None,
            "--headless": self.headless,
            "--headless-frames": self.headless_frames is not None,
        }

    def each(self) -> tuple[View, ...]:
        """The same for every source."""
        kept = {field.name: getattr(self, field.name) for field in fields(View) if field.name != "source"}
        return tuple(View(source=source, **kept) for source in self.sources)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """Options of `rtsr bench`."""

    models: str = option("all", "comma list of networks, or all", metavar="NAMES")
    sizes: str = option("640x360,960x540", "comma list of input sizes", "--size", metavar="WxH,...")
    scale: int = option(2, "output side over input side", "--scale", "-s", metavar="N")
    backend: Backend = option("auto", "what runs the networks")
    device: str = _device()
    require: Requirement | None = _require("every network")
    precision: Arithmetic = _precision()
    threads: int = option(0, "CPU threads of the network; 0 = as many as help", metavar="N")
    seconds: float = option(2.0, "measured time per row", metavar="S")
    power_baseline: bool = option(
        False, "measure the idle machine before and after, 8 s each, and keep it: later runs subtract it, too"
    )
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
class Image(Network):
    """Options of `rtsr image`."""

    quality: Quality | None = _quality_for("image")
    source: str = argument("IN", "-i")
    output: str = argument("OUT", "-o")
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
class BuildEngines:
    """Options of `rtsr engines build`."""

    models: str = option(DEFAULT_MODEL, "comma list of networks, or all", "--model", metavar="NAMES")
    sizes: str = option("960x540", "comma list of input sizes", "--size", metavar="WxH,...")
    scale: int = option(2, "output side over input side", "--scale", "-s", metavar="N")
    bits: int = option(8, "of a luma sample", metavar="8..16")
    precision: Arithmetic = option("auto", "what the networks compute in; auto takes fp16 where it holds the picture")
    target: EngineTarget | None = option(
        None,
        "any RTX card from Ampere on, the cards of one compute capability, or this machine's GPU "
        "[default: any with TensorRT-RTX, this with plain TensorRT]",
    )
    builder: EngineBuilder = option(
        "onnx", "what the network is read from: its ONNX, or by torch-tensorrt its safetensors, which takes a GPU"
    )
    force: bool = option(False, "build what is there already, too")
    output: str | None = option(None, "a folder for them [default: the user's cache]", metavar="DIR")
    progress: Progress = option("auto", "bar on a terminal, plain lines elsewhere; json is one object per line")


@dataclass(frozen=True, kw_only=True, slots=True)
class ListEngines:
    """Options of `rtsr engines list`."""

    format: Literal["md", "csv", "json"] = option("md", "how the table is printed")


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyEngines:
    """Options of `rtsr engines verify`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PruneEngines:
    """Options of `rtsr engines prune`. Raises UsageError on days that are none."""

    everything: bool = option(False, "every engine", "--all")
    stale: bool = option(False, "those that can no longer be used here: of other versions, changed networks, damaged")
    older_than: float | None = option(None, "those that were built longer ago", metavar="DAYS")

    def __post_init__(self) -> None:
        if self.older_than is not None and not 0 <= self.older_than < math.inf:
            raise UsageError(f"--older-than {self.older_than:g}", mend="say how many days, 0 or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class Doctor:
    """Options of `rtsr doctor`."""

    report: str | None = option(
        None,
        "write all of it, with versions and times, to a text file to send along; it names nobody "
        "[default: rtsr-report.txt]",
        metavar="[FILE]",
        bare="rtsr-report.txt",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class KioskInstall:
    """Options of `rtsr kiosk install`."""

    config: str = option("kiosk.toml", "what is shown, and how", "--config", "-c", metavar="FILE")
    root: str = option("/", "the tree to install into, as of a disk image that is made here", metavar="DIR")
    start: bool = option(True, "start it at once")
    dry_run: bool = option(False, "write nothing, show what would be written")


@dataclass(frozen=True, kw_only=True, slots=True)
class KioskUninstall:
    """Options of `rtsr kiosk uninstall`."""

    root: str = option("/", "the tree that it is in", metavar="DIR")
    purge: bool = option(False, "delete its settings, reports and cache, too")


@dataclass(frozen=True, kw_only=True, slots=True)
class KioskStatus:
    """Options of `rtsr kiosk status`."""

    json: bool = option(False, "for machines")


@dataclass(frozen=True, kw_only=True, slots=True)
class KioskCheck:
    """Options of `rtsr kiosk check`."""

    config: str | None = option(
        None, "what is shown, and how [default: the installed one]", "--config", "-c", metavar="FILE"
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class KioskRun:
    """Options of `rtsr kiosk run`."""

    config: str = option("/etc/rtsr/kiosk.toml", "what is shown, and how", "--config", "-c", metavar="FILE")
