"""What a training run is made of: a strict TOML file, read into one frozen dataclass.

The key `net` says which: an eSR network learns from single pixels with their surroundings (`PatchRecipe`, also without
the key), a convolution network from crops (`CropRecipe`).
"""

from __future__ import annotations

import sys
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from rtsr.errors import UsageError, nearest
from rtsr.nets.families import FAMILIES
from training.adversary import read_adversary
from training.degrade.plan import read_degradation
from training.footage import read_footage
from training.own_video import read_own
from training.stills import read_stills

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Kind = Literal["max", "tm", "tr"]
_LEAST_GAN_PX = 16
"""Side of a crop that the halvings of VGG19 leave something of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PatchRecipe:
    """One eSR network at one or more scales, and how it is trained. Raises UsageError on an impossible number."""

    net: Literal["esr"] = "esr"

    name: str
    """The model's name, as in `esr-tm-k5c2`."""
    kind: Kind
    kernel_size: int
    """Side of the filters in low-resolution pixels, odd."""
    channels: int
    """C of the paper: candidate pictures."""
    scales: tuple[int, ...]

    folders: tuple[str, ...]
    """Folders of the training set to read; they differ in licence."""
    held_out: int = 8
    """Every so many photographs one is kept for choosing the checkpoint."""

    seed: int = 0
    steps: int = 4000
    batch_px: int = 8192
    """Low-resolution pixels per step, drawn anywhere in any photograph."""
    value_rate: float = 1e-3
    """Adam's peak learning rate for the whitened value filters."""
    attention_rate: float = 2e-2
    """The same for query and key filters."""
    attention_gain: float = 1.0
    """Standard deviation of a query or key at the start, on whitened patches."""
    warm_up: float = 0.02
    """Part of the steps in which the rate rises; then it falls to zero along a cosine."""
    average: float = 0.999
    """Decay per step of the moving average that is validated and kept."""
    check_every: int = 500
    """Steps between two looks at the held-out photographs."""

    def __post_init__(self) -> None:
        if self.kernel_size < 5 or self.kernel_size % 2 == 0:
            raise UsageError(f"kernel_size = {self.kernel_size}", mend="it is odd, 5 or more: bicubic must fit in")
        _refuse_impossible(self, ("channels", "held_out", "steps", "batch_px", "check_every"))


@dataclass(frozen=True, kw_only=True, slots=True)
class CropRecipe:
    """One convolution network at one or more scales, and how it is trained. Raises UsageError as `PatchRecipe`."""

    net: str
    """Module of `rtsr.nets`."""
    name: str
    """The model's name, as in `ecbsr-m4c16`."""
    shape: dict[str, Any]
    """The fields of that module's `Shape`, all but the scale."""
    scales: tuple[int, ...]
    start: str = ""
    """A model, "imdn-light", whose networks this goes on from at every scale; empty = anew."""
    form: Literal["learnable", "deployed"] = "learnable"
    """Which form learns, where a network has branches that fold away at the end."""

    folders: tuple[str, ...]
    """Folders of the training set to read; they differ in licence."""
    held_out: int = 8
    """Every so many photographs one is kept for choosing the checkpoint."""
    footage: dict[str, Any] | None = None
    """The table `[footage]` of `training.footage`: pictures as compressed video."""
    degrade: dict[str, Any] | None = None
    """The table `[degrade]` of `training.degrade.plan`: pictures with a history. With neither they are clean stills."""
    stills: dict[str, Any] | None = None
    """The table `[stills]` of `training.stills`: how many pairs `[degrade]` makes, and of which size."""
    own: dict[str, Any] | None = None
    """The table `[own]` of `training.own_video`: `folders` hold the user's own clips, and nothing else is learned."""
    gan: dict[str, Any] | None = None
    """The table `[gan]` of `training.adversary`: `start` goes on against a discriminator, with losses of its own."""

    seed: int = 0
    steps: int = 50_000
    warm_steps: int = 6000
    """Steps at each scale but the first, which start from the first's network and a new last block; 0 = all anew."""
    batch: int = 8
    """Crops per step."""
    crop_px: int = 48
    """Side of what is learned from a crop, in low-resolution pixels; its surroundings come on top."""
    loss: Literal["l1", "charbonnier", "l2"] = "charbonnier"
    fft: float = 0.0
    """Weight of a second loss, l1 between the spectra, beside the one above."""
    flat: float = 0.0
    """Weight of the loss on flat pictures of every level, for networks with no base that brightness goes by."""
    tail: float = 0.2
    """Last part of the steps, in which the loss is l2, what PSNR measures, and the precision float32."""
    teacher: str = ""
    """A model, "imdn-light", whose self-ensembled pictures are learned beside the truth; empty = none."""
    teach: float = 0.5
    """Share of the teacher's pictures in what is learned; the tail learns from the truth alone."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the convolutions; bfloat16 takes little more than half the time on a CPU that has it."""
    optimizer: Literal["adam", "soap"] = "adam"
    """SOAP learns far more from a step, which takes it somewhat longer."""
    rate: float = 2e-3
    """The optimizer's peak learning rate for all layers but the last."""
    last_rate: float = 2e-3
    """The same for the layer that makes the phases, which is new at a warm start."""
    clip: float = 0.0
    """Longest gradient, over the running mean of its length, that is followed as it is; 0 = any."""
    warm_up: float = 0.02
    """Part of the steps in which the rate rises; then it falls to zero along a cosine."""
    average: float = 0.999
    """Decay per step of the moving average that is validated and kept."""
    check_every: int = 1000
    """Steps between two looks at the held-out photographs, and between two checkpoints."""

    def __post_init__(self) -> None:
        _refuse_impossible(self, ("held_out", "steps", "batch", "crop_px", "check_every"))
        shape_of(self, self.scales[0])
        for key in ("fft", "flat", "clip", "warm_steps"):
            if getattr(self, key) < 0:
                raise UsageError(f"{key} = {getattr(self, key)}", mend="it is 0 or a positive number")
        for key in ("tail", "teach"):
            if not 0.0 <= getattr(self, key) <= 1.0:
                raise UsageError(f"{key} = {getattr(self, key)}", mend="it is a part of the whole, 0 to 1")
        _refuse_tables(self)


Recipe = PatchRecipe | CropRecipe
RECIPES_FOLDER = Path(__file__).parent / "recipes"
CROP_NETS = ("ecbsr", "espcn", "esr_cnn", "fsrcnn", "imdn", "span", "srvgg")
"""Networks that learn from crops."""
RECIPES: dict[str, type[PatchRecipe] | type[CropRecipe]] = {"esr": PatchRecipe, **dict.fromkeys(CROP_NETS, CropRecipe)}
"""What a recipe is read into, by its key `net`."""


def _refuse_impossible(recipe: Recipe, positive: tuple[str, ...]) -> None:
    for key in positive:
        if getattr(recipe, key) < 1:
            raise UsageError(f"{key} = {getattr(recipe, key)}", mend="it is a positive number")
    if min(recipe.scales) < 2:
        raise UsageError(f"scales = {list(recipe.scales)}", mend="each is 2 or more")
    for key in ("warm_up", "average"):
        if not 0.0 <= getattr(recipe, key) < 1.0:
            raise UsageError(f"{key} = {getattr(recipe, key)}", mend="it is 0 or more, and less than 1")


def _refuse_tables(recipe: CropRecipe) -> None:
    """Tables that cannot be read, or not beside each other."""
    for table, read in (
        (recipe.footage, read_footage),
        (recipe.degrade, read_degradation),
        (recipe.stills, read_stills),
        (recipe.own, read_own),
        (recipe.gan, read_adversary),
    ):
        if table is not None:
            read(table)
    if recipe.footage is not None and recipe.degrade is not None:
        raise UsageError("there are [footage] and [degrade]", mend="pictures are made one way: leave out one of them")
    if recipe.own is not None and (recipe.footage is not None or recipe.degrade is not None):
        raise UsageError("[own] stands beside another table of pictures", mend="keep one: clips go their own way")
    if recipe.own is not None and not recipe.start:
        raise UsageError("there is [own]", mend='add start = "...", the model it goes on from')
    if recipe.stills is not None and recipe.degrade is None:
        raise UsageError("there is [stills], but no [degrade]", mend="add [degrade], which says what spoils them")
    if recipe.degrade is not None:
        side, least = read_stills(recipe.stills or {}).side_px, recipe.crop_px * max(recipe.scales)
        if side < least:
            raise UsageError(f"[stills] side_px = {side}", mend=f"crop_px = {recipe.crop_px} needs {least} or more")
    if recipe.gan is not None:
        _refuse_gan(recipe)


def _refuse_gan(recipe: CropRecipe) -> None:
    if not recipe.start or recipe.degrade is None:
        missing = "[degrade], which makes its pictures" if recipe.start else 'start = "...", the model it goes on from'
        raise UsageError("there is [gan]", mend=f"add {missing}")
    if recipe.crop_px * min(recipe.scales) < _LEAST_GAN_PX:
        raise UsageError(f"crop_px = {recipe.crop_px}", mend=f"[gan] looks at {_LEAST_GAN_PX} enlarged pixels or more")
    defaults = {one.name: one.default for one in fields(recipe)}
    for key in ("loss", "fft", "flat", "tail", "teacher", "teach"):
        if getattr(recipe, key) != defaults[key]:
            raise UsageError(f"{key} = {getattr(recipe, key)!r}", mend="leave it out: [gan] has losses of its own")


def shape_of(recipe: CropRecipe, scale: int) -> Any:  # noqa: ANN401 - each family has its own
    """The numbers of the recipe's network at one scale. Raises UsageError when they do not fit its family."""
    kind = FAMILIES[recipe.net].shape
    known = {one.name: one for one in fields(kind)}
    for key in recipe.shape:
        if key not in known or key == "scale":
            raise UsageError(f"shape has the unknown key {key!r}", mend=nearest(key, set(known) - {"scale"}))
    given = {"scale": scale, **({"planes": 1} if "planes" in known else {}), **recipe.shape}
    for key, one in known.items():
        if key not in given and one.default is MISSING:
            raise UsageError(f"shape does not say {key!r}", mend=f"add it: shape = {{ {key} = ... }}")
    try:
        return kind(**given)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"shape = {recipe.shape} is not possible: {error}", mend=f"see Shape in rtsr/nets/{recipe.net}.py"
        ) from error


def find_recipe(name: str) -> Path:
    """The file of a recipe given by path or by bare name. Raises UsageError with the nearest name."""
    for path in (Path(name), RECIPES_FOLDER / f"{name}.toml"):
        if path.is_file():
            return path
    raise UsageError(
        f"there is no recipe {name!r}", mend=nearest(name, (path.stem for path in RECIPES_FOLDER.glob("*.toml")))
    )


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file. Raises UsageError on anything unknown, missing or of another type."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a recipe: {error}", mend="see training/recipes/") from error
    net = table.get("net", "esr")
    if net not in RECIPES:
        raise UsageError(f"{path.name}: net = {net!r}", mend=nearest(str(net), RECIPES))
    kind = RECIPES[net]
    known = {one.name: one for one in fields(kind)}
    for key in table:
        if key not in known:
            raise UsageError(f"{path.name} has the unknown key {key!r}", mend=nearest(key, known))
    for key, one in known.items():
        if key not in table and one.default is MISSING and one.default_factory is MISSING:
            raise UsageError(f"{path.name} does not say {key!r}", mend=f"add a line `{key} = ...`")
    types = get_type_hints(kind)
    return kind(**{key: _typed(path.name, key, value, types[key]) for key, value in table.items()})


def _typed(where: str, key: str, value: Any, kind: Any) -> Any:  # noqa: ANN401 - TOML holds anything
    """`value` as the field's type, whole numbers taken as floats; UsageError when it is something else."""
    if isinstance(value, int) and not isinstance(value, bool) and kind is float:
        return float(value)
    if kind in (dict[str, Any], dict[str, Any] | None):
        if isinstance(value, dict):
            return value
        raise UsageError(f"{where}: {key} = {value!r}", mend="it is a table, as in { channels = 8 }")
    item = get_args(kind)[0] if get_args(kind) else kind
    if isinstance(item, str):
        if value in get_args(kind):
            return value
        raise UsageError(f"{where}: {key} = {value!r}", mend=f"it is one of {', '.join(get_args(kind))}")
    if kind is not item:
        if isinstance(value, list) and value and all(type(one) is item for one in value):
            return tuple(value)
        raise UsageError(f"{where}: {key} = {value!r}", mend=f"it is a list of {item.__name__}, not empty")
    if type(value) is not kind:
        raise UsageError(f"{where}: {key} = {value!r}", mend=f"it is of type {kind.__name__}")
    return value
