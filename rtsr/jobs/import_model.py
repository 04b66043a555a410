"""`rtsr models import`: somebody's network becomes one of the user's models, once it has shown that it enlarges luma.

ONNX is taken as it is, with other names at its ends; safetensors through the network that the tensors are, ours or one
that spandrel knows. A network of colour is asked about luma. Nothing that could run code is opened: no pickle.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rtsr.errors import ResourceError, SourceError, UsageError
from rtsr.jobs.model_check import Checked, check, refuse_other
from rtsr.jobs.model_file import read_network
from rtsr.models import MODELS, SEES_ALL, ModelCard, ModelFile, find_model, user
from rtsr.nets import COLOURS

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtsr.config import ImportModel, RemoveModel
    from rtsr.upscalers.openvino_file import Port, Work
    from rtsr.upscalers.tiles import Luma, LumaFunction

_EXTRA = 'pip install "rtsr[import]"'
_GREY = "a colour network run on luma: its three planes are all the luma"


@dataclass(frozen=True, slots=True)
class Network:
    """What a file held, in the product's form."""

    net: str
    """For the card: a family of ours, "onnx", or whose it is."""
    files: dict[str, bytes]
    """Contents by kind."""
    parameters: int | None = None
    """None: to be counted in the ONNX."""
    reach_px: int | None = None
    """Input pixels around an output pixel's own that matter; None: to be measured."""
    notes: tuple[str, ...] = ()
    truth: LumaFunction | None = None
    """What the ONNX must compute, where it was made by watching."""


def import_model(options: ImportModel) -> ModelCard:
    """Check a file and make it a model of the user's; give its card.

    Raises:
        UsageError: the name or scale cannot be, a library is missing, or the folder cannot be written.
        SourceError: the file cannot be read, is a pickle, or is no network that enlarges luma.
        ResourceError: memory or disk is full.
    """
    user.refuse_name(options.name, MODELS)
    if options.scale is not None:
        _refuse_existing(options, options.scale)
    path = Path(options.file)
    kind, content = read_network(path)
    try:
        network = _OPENERS[kind](path, content, options)
        checked, work = _tried(network)
    except SourceError as error:
        raise SourceError(f"{path.name} is not taken: {error.problem}", mend=error.mend) from error
    except MemoryError as error:
        raise ResourceError(f"memory is full with {path.name}", mend="take a smaller network") from error
    if options.scale not in (None, checked.scale):
        raise UsageError(f"{path.name} enlarges by {checked.scale}, not by {options.scale}", mend="leave --scale out")
    _refuse_existing(options, checked.scale)
    card = _card(options, network, checked, work)
    card["origin"] = {"file": path.name, "sha256": _sha256(content), **card["origin"]}
    user.install(options.name, checked.scale, network.files, card)
    return find_model(options.name, checked.scale)


def remove_model(options: RemoveModel) -> list[str]:
    """Remove a model of the user's, at one scale or all, and give what it was. Raises UsageError when there is none."""
    known = user.list_user_models()
    if options.name in MODELS:
        raise UsageError(f"{options.name} is rtsr's own", mend="only models that were imported can be removed")
    scales = known.get(options.name, ())
    scales = scales if options.scale is None else tuple(one for one in scales if one == options.scale)
    if not scales:
        wanted = options.name if options.scale is None else f"{options.name} x{options.scale}"
        mine = ", ".join(known) or "none"
        raise UsageError(f"there is no model of yours called {wanted}", mend=f"yours are: {mine}")
    user.remove(options.name, scales)
    return [f"{options.name} x{scale}" for scale in scales]


def _refuse_existing(options: ImportModel, scale: int) -> None:
    if scale in user.list_user_models().get(options.name, ()) and not options.replace:
        raise UsageError(f"you have a model {options.name} x{scale}", mend="add --replace, or choose another --name")


def _open_onnx(path: Path, content: bytes, _options: ImportModel) -> Network:
    from rtsr.upscalers.openvino_file import ports

    try:
        inputs, outputs = ports(path)
    except ValueError as error:
        raise SourceError(f"OpenVINO cannot read it ({error})", mend="export it with standard operators") from error
    planes = _refuse_ports(inputs, outputs)
    notes = (_GREY,) if planes == COLOURS else ()
    try:
        from rtsr.nets.onnx_file import as_ours
    except ImportError as error:
        return Network("onnx", {"onnx": _as_it_is(content, planes, error)}, notes=notes)
    try:
        return Network("onnx", {"onnx": as_ours(content, path.parent, planes)}, notes=notes)
    except ValueError as error:
        raise SourceError(f"it is no sound ONNX ({error})", mend="export it again as one file") from error


def _as_it_is(content: bytes, planes: int, missing: ImportError) -> bytes:
    """The file itself, where it is whole and of luma: that much needs no library."""
    from rtsr.upscalers.openvino_file import ports

    try:
        ports(content)
    except ValueError as error:
        raise UsageError("its weights lie in another file, and onnx is not installed", mend=_EXTRA) from error
    if planes == COLOURS:
        raise UsageError("it is of colour, which needs onnx, and that is not installed", mend=_EXTRA) from missing
    return content


def _refuse_ports(inputs: list[Port], outputs: list[Port]) -> int:
    """How many planes its picture has. Raises SourceError when it does not take and give one picture of any size."""
    dynamic = "export it again with dynamic axes: torch.onnx.export(..., dynamic_axes={'in': {2: 'h', 3: 'w'}})"
    if len(inputs) != 1 or len(outputs) != 1:
        raise SourceError(
            f"it has {len(inputs)} inputs and {len(outputs)} outputs", mend="it must take one picture and give one"
        )
    entry, made = inputs[0], outputs[0]
    if len(entry.sizes) != 4 or entry.kind != "f32" or made.kind != "f32":
        raise SourceError(f"it takes {entry} and gives {made}", mend="both must be f32 (any, 1 or 3, any, any)")
    count, planes, height, width = entry.sizes
    if planes not in (1, COLOURS) or (len(made.sizes) == 4 and made.sizes[1] not in (planes, None)):
        raise SourceError(f"it takes {entry} and gives {made}", mend="both must be pictures of 1 or 3 planes")
    if height is not None or width is not None:
        raise SourceError(f"it takes pictures of {width}x{height} only", mend=dynamic)
    if count not in (1, None):
        raise SourceError(f"it takes {count} pictures at a time", mend="export it for one, or any number")
    return int(planes)


def _open_safetensors(path: Path, content: bytes, options: ImportModel) -> Network:
    try:
        from rtsr.nets.export import contents
        from rtsr.nets.grey import greyed
        from rtsr.nets.recognise import net_of
        from rtsr.nets.weights import read_weights
    except ImportError as error:
        raise UsageError(f"{error.name} is not installed, which reads networks of safetensors", mend=_EXTRA) from error
    try:
        weights, metadata = read_weights(content)
        net = net_of(weights, metadata, options.scale)
    except ValueError as error:
        raise SourceError(f"its weights are not as they should be: {error}", mend="export it again") from error
    if net is None:
        return _open_community(weights)
    from rtsr.nets.families import count, family_of

    colour = getattr(net.shape, "planes", 1) == COLOURS
    parameters = count(family_of(net), net.shape).parameters
    net = greyed(net) if colour else net
    notes = (_GREY,) if colour else ()
    return Network(family_of(net), contents(net), parameters, net.shape.reach, notes)


def _open_community(weights: dict[str, Any]) -> Network:
    try:
        from rtsr.nets.community import community_net

        found = community_net(weights)
        onnx, truth = found.recorded()
    except ImportError as error:
        raise SourceError(
            f"its weights are of no network that rtsr knows, and {error.name}, which knows more, is not installed",
            mend='pip install "rtsr[spandrel]"',
        ) from error
    except ValueError as error:
        problem = f"its weights are of no network that rtsr knows; {error}"
        raise SourceError(problem, mend="export it as ONNX") from error
    notes = (f"by spandrel: {found.architecture}", *([_GREY] if found.planes == COLOURS else []))
    return Network("spandrel", {"onnx": onnx}, found.parameters, None, notes, truth)


_OPENERS: dict[str, Callable[[Path, bytes, ImportModel], Network]] = {
    "onnx": _open_onnx,
    "safetensors": _open_safetensors,
}


def _tried(network: Network) -> tuple[Checked, Work]:
    """Run the network as the product will, before it is one of its models."""
    from rtsr.upscalers.openvino import open_engine, open_reference
    from rtsr.upscalers.openvino_file import work

    with tempfile.TemporaryDirectory(prefix="rtsr-") as place:
        path = Path(place) / "network.onnx"
        path.write_bytes(network.files["onnx"])
        card = _provisional(path, _sha256(network.files["onnx"]), scale=1)
        try:
            run = open_reference(card)
            checked = check(run, MODELS["bicubic"])
            card = _provisional(path, _sha256(network.files["onnx"]), checked.scale)
            engine = _by_engine(lambda size_wh: open_engine(card, size_wh, 0))
            refuse_other(run, engine, "what rtsr's fast form computes")
            costs = work(path)
        except (RuntimeError, ValueError) as error:
            told = str(error).strip().splitlines() or [type(error).__name__]
            raise SourceError(
                f"OpenVINO cannot run it ({told[-1].strip()})", mend="export it with standard operators"
            ) from error
        if network.truth is not None:
            refuse_other(network.truth, run, "the ONNX that was made of it")
        return checked, costs


def _by_engine(open_one: Callable[[tuple[int, int]], Any]) -> LumaFunction:
    """An engine, bytes to bytes, as a function of float luma."""

    def run(luma: Luma) -> Luma:
        engine = open_one((luma.shape[1], luma.shape[0]))
        try:
            made = engine.run(np.rint(luma * 255).astype(np.uint8))
            return np.asarray(made / np.float32(255), np.float32)
        finally:
            engine.close()

    return run


def _provisional(path: Path, sha256: str, scale: int) -> ModelCard:
    return ModelCard(path.stem, scale, "onnx", 0, 0, 0, (), onnx=ModelFile(path, sha256))


def _card(options: ImportModel, network: Network, checked: Checked, work: Work) -> dict[str, Any]:
    """The card's table."""
    theory_px = None if network.reach_px is None else 2 * network.reach_px + 1
    surprised = checked.sees_all and (theory_px is None or theory_px < checked.field_px)
    notes = [*network.notes, *([f"{SEES_ALL}: use --tile 0"] if surprised else [])]
    macs = work.macs_per_input_pixel
    return {
        "name": options.name,
        "scale": checked.scale,
        "net": network.net,
        "parameters": work.parameters if network.parameters is None else network.parameters,
        "macs_per_output_pixel": 0 if macs is None else -(-macs // checked.scale**2),
        "receptive_field_px": checked.field_px if theory_px is None else theory_px,
        "sha256": {kind: _sha256(content) for kind, content in network.files.items()},
        "origin": {
            "imported": datetime.now(timezone.utc).date().isoformat(),
            "licence": options.licence,
            "note": "; ".join(notes),
            "psnr_with_bicubic_db": round(checked.bicubic_db, 2),
        },
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
