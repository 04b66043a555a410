"""Networks as plain `nn.Module`s, one file each, shared by training, export and the torch backend.

`open_net` is the only way to weights on disk: safetensors, never a pickle.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rtsr.nets.enlarger import Enlarger

WEIGHT = "weight"
"""The one tensor in the file of an eSR network."""
SHAPE = "shape"
"""The key of our files' metadata that says, in JSON, what `Shape` the tensors fit, and under `NET` whose."""
NET = "net"
"""Of which family the network is, see `rtsr.nets.families`; without it, `esr`."""

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""Of red, green and blue in luma, BT.601, for networks of colour."""
COLOURS = len(LUMA_WEIGHTS)


def open_net(path: Path) -> Enlarger:
    """The deployed network in a safetensors file that `training` wrote, float32, on the CPU, in eval mode.

    The file's metadata says which network it is. Raises BackendError when the file is missing, is not safetensors,
    or does not hold the weights that its metadata promises.
    """
    from safetensors import SafetensorError, safe_open

    from rtsr.errors import BackendError
    from rtsr.nets.families import FAMILIES

    try:
        with safe_open(path, framework="pt") as file:
            numbers = json.loads(file.metadata()[SHAPE])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        family = FAMILIES[numbers.pop(NET, "esr")]
        net: Enlarger = family.deployed(family.shape(**numbers))
        net.load_state_dict(weights)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BackendError(
            f"{path} holds no network of ours: {error}", mend="reinstall rtsr, or export the model again"
        ) from error
    return net.eval()
