"""Models by name: cards of what is shipped, and their files, checked before use.

A model at one scale is `NAME_xS.onnx` (read by the product's backends), `NAME_xS.safetensors` (read by training and
torch) and `NAME_xS.toml`, its card. Bicubic is a model without files. `python -m training` writes all three. The
user's own lie in a folder of the user's in the same form (`rtsr.models.user`), and are found like the shipped ones.
"""

from __future__ import annotations

import hashlib
import logging
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from rtsr.errors import BackendError, UsageError, nearest
from rtsr.models import user

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

log = logging.getLogger(__name__)
FOLDER = Path(__file__).parent
MODELS: dict[str, tuple[int, ...]] = {
    "bicubic": (2, 3, 4),
    "esr-max-k5c2": (2, 3, 4),
    "esr-max-k7c3": (2, 3, 4),
    "esr-tm-k5c2": (2, 3, 4),
    "esr-tm-k7c4": (2, 3, 4),
    "esr-tr-k5c2": (2, 3, 4),
    "esr-tr-k7c5": (2, 3, 4),
    "esr-cnn-c2d3s6": (2, 3, 4),
    "esr-cnn-c4d3s6": (2, 3, 4),
    "espcn-d16s32": (2, 3, 4),
    "fsrcnn-32-5-1": (2, 3, 4),
    "fsrcnn-56-12-4": (2, 3, 4),
    "ecbsr-m4c8": (2, 3, 4),
    "ecbsr-m4c16": (2, 3, 4),
    "ecbsr-m10c16": (2, 3, 4),
    "compact-video": (2,),
    "compact-video-plus": (2,),
    "realesr-compact": (2,),
    "span-48": (2,),
    "imdn-light": (2,),
}
"""Every shipped model and its scales, in the order in which tables show them."""
FileKind = Literal["onnx", "safetensors"]
SEES_ALL = "every output pixel depends on all of the picture, so tiles differ from it"
"""In the note of a card whose network has statistics of the whole picture."""
Content = Literal["clean", "video", "degraded"]
"""What a model learned to enlarge: pictures without loss, as a codec leaves them, or with a history of spoiling."""
_CONTENTS: dict[str, Content] = {"clean": "clean", "video": "video", "degraded": "degraded"}


@dataclass(frozen=True, slots=True)
class Quality:
    """What a model reached on one test set, by `rtsr eval`."""

    dataset: str
    psnr_db: float
    """Mean over the pictures, of the float luma that the network gives."""
    psnr_uint8_db: float
    """The same after rounding that luma to 8 bit, as a video holds it."""
    ssim: float


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One artefact of a model."""

    path: Path
    sha256: str
    """Of the file's bytes, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """All that is known of one model at one scale."""

    name: str
    scale: int
    """Output side over input side."""
    net: str
    """Module of `rtsr.nets` that holds its class; "bicubic" has none."""
    parameters: int
    """Weights in the form of the paper, as its tables count them."""
    macs_per_output_pixel: int
    """Multiply-accumulates of the shipped form per pixel of the enlarged picture."""
    receptive_field_px: int
    """Side of the square of input pixels that one output pixel depends on."""
    quality: tuple[Quality, ...]
    onnx: ModelFile | None = None
    safetensors: ModelFile | None = None
    note: str = ""
    """What its user must know, in a sentence; of the user's own models only."""
    content: Content = "clean"
    """The card's key `content`."""
    video_gain_db: tuple[tuple[int, float], ...] = ()
    """(CRF of H.264, PSNR over that of bicubic), means over the clips of `rtsr eval --video`: the key `gain_db` of the
    card's table `[video]`, as in `gain_db = { 23 = 0.63, 28 = 0.35 }`. Empty where it was not measured."""

    gan: ModelCard | None = None
    """The other form of the network that runs, where one between the two does: `rtsr.models.sharpness`."""
    sharpness: float = 0.0
    """Share of `gan` in the weights, 0..1."""

    @property
    def label(self) -> str:
        """Its name, and how sharp it was asked to be."""
        return f"{self.name} at sharpness {self.sharpness:g}" if self.gan is not None else self.name

    @property
    def sees_all(self) -> bool:
        """Whether statistics of the whole picture go into every pixel."""
        return SEES_ALL in self.note

    def __str__(self) -> str:
        return f"{self.name} x{self.scale}"


def known_models() -> dict[str, tuple[int, ...]]:
    """Every model that there is and its scales, shipped ones first, then the user's."""
    return {**MODELS, **{name: scales for name, scales in user.list_user_models().items() if name not in MODELS}}


def list_models() -> tuple[ModelCard, ...]:
    """Every model at every scale, bicubic included, the user's last. A user's card that cannot be read is logged."""
    cards = [_read_card(name, scale) for name, scales in MODELS.items() for scale in scales]
    for name, scales in known_models().items():
        for scale in scales if name not in MODELS else ():
            try:
                cards.append(_read_user_card(name, scale))
            except BackendError as error:
                log.warning("%s. %s", error.problem, error.mend)
    return tuple(cards)


def find_model(name: str, scale: int) -> ModelCard:
    """The card of `name`, or of the one shipped model whose name begins with `name` and a dash, at `scale`.

    Raises UsageError on an unknown name (the nearest is offered) or scale, BackendError on a damaged card.
    """
    known = known_models()
    if name not in known:
        name = _only_member(name)
    scales = [str(one) for one in known[name]]
    if str(scale) not in scales:
        choice = f"{', '.join(scales[:-1])} or {scales[-1]}" if len(scales) > 1 else scales[0]
        raise UsageError(f"{name} has no scale {scale}", mend=f"choose --scale {choice}")
    return _read_card(name, scale) if name in MODELS else _read_user_card(name, scale)


def scales_of(name: str) -> tuple[int, ...]:
    """The scales of what `find_model` finds by `name`; none where it finds nothing."""
    try:
        return (known := known_models()).get(name) or known[_only_member(name)]
    except UsageError:
        return ()


def _only_member(family: str) -> str:
    """`imdn-light` for "imdn". Of shipped models alone, so that a command means the same whatever the user imports."""
    members = [name for name in MODELS if name.startswith(f"{family}-")]
    if len(members) == 1:
        return members[0]
    mend = f"choose {' or '.join(sorted(members))}" if members else nearest(family, known_models())
    raise UsageError(f"there is no model {family!r}", mend=mend)


def verified_path(card: ModelCard, kind: FileKind) -> Path:
    """The path of one of the card's files, after comparing its bytes with the card.

    Raises BackendError when the model has no files, or this one is missing, unreadable or altered.
    """
    file = card.onnx if kind == "onnx" else card.safetensors
    if file is None and card.onnx is not None:
        raise BackendError(f"{card} was imported without {kind}", mend="import it from a file of that kind")
    if file is None:
        raise BackendError(f"{card} is no network and has no files", mend="choose a network, see `rtsr models`")
    mend = "reinstall rtsr" if card.name in MODELS else f"import it again: rtsr models import FILE --name {card.name}"
    try:
        found = hashlib.sha256(file.path.read_bytes()).hexdigest()
    except OSError as error:
        raise BackendError(f"{file.path} cannot be read: {error.strerror}", mend=mend) from error
    if found != file.sha256:
        raise BackendError(
            f"{file.path.name} is not the file of its card: sha256 {found[:12]}, not {file.sha256[:12]}", mend=mend
        )
    return file.path


def parse_models(names: str) -> list[str]:
    """The models in a comma list; `all` is every one. Raises UsageError when it names none or an unknown one."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if not wanted:
        raise UsageError("no model is named", mend=f"choose --models all or {','.join(known_models())}")
    return list(known_models()) if "all" in wanted else wanted


def verified_onnx(card: ModelCard) -> Path:
    """`verified_path` of what the product's backends read."""
    return verified_path(card, "onnx")


@cache
def _read_card(name: str, scale: int) -> ModelCard:
    path = FOLDER / f"{name}_x{scale}.toml"
    try:
        return parse_card(path)
    except (OSError, ValueError, KeyError, TypeError) as error:  # a TOML error is a ValueError
        raise BackendError(f"the model card {path.name} cannot be read: {error!r}", mend="reinstall rtsr") from error


def _read_user_card(name: str, scale: int) -> ModelCard:
    """Read each time: an import may replace it."""
    path = user.card_path(name, scale)
    try:
        card = parse_card(path)
        if (card.name, card.scale, card.onnx is None) != (name, scale, False):
            raise ValueError(f"it is of {card}")
    except (OSError, ValueError, KeyError, TypeError) as error:  # a TOML error is a ValueError
        raise BackendError(
            f"the card of your model {name}, {path}, cannot be read: {error!r}", mend=f"rtsr models remove {name}"
        ) from error
    return card


def parse_card(path: Path) -> ModelCard:
    """The card in a TOML file; its model's files lie beside it.

    Raises OSError, ValueError, KeyError or TypeError on a bad one.
    """
    table: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    on_video = dict(table.get("video", {}))
    digests: dict[str, str] = table.get("sha256", {})
    files = {kind: ModelFile(path.with_suffix(f".{kind}"), sha256) for kind, sha256 in digests.items()}
    return ModelCard(
        name=table["name"],
        scale=table["scale"],
        net=table["net"],
        parameters=table["parameters"],
        macs_per_output_pixel=table["macs_per_output_pixel"],
        receptive_field_px=table["receptive_field_px"],
        note=table.get("origin", {}).get("note", ""),
        quality=tuple(Quality(dataset=dataset, **row) for dataset, row in table.get("quality", {}).items()),
        content=_CONTENTS[table.get("content", "clean")],
        video_gain_db=tuple((int(crf), float(db)) for crf, db in dict(on_video.get("gain_db", {})).items()),
        onnx=files.get("onnx"),
        safetensors=files.get("safetensors"),
    )
