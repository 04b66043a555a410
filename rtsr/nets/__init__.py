"""Networks as plain `nn.Module`s, one file each, shared by training, export and the torch backend.

`open_net` is the only way to weights on disk: safetensors, never a pickle.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rtsr.nets.ecbsr import PlainECBSR
    from rtsr.nets.esr import FoldedESR

WEIGHT = "weight"
"""The one tensor in the file of an eSR network."""
SHAPE = "shape"
"""The key of our files' metadata that says, in JSON, what `Shape` the tensors fit, and under `NET` whose."""
NET = "net"
"""The module in this package that holds the shape and the network; without it, `esr`."""


def open_net(path: Path) -> FoldedESR | PlainECBSR:
    """The deployed network in a safetensors file that `training` wrote, float32, on the CPU, in eval mode.

    The file's metadata says which network it is. Raises BackendError when the file is missing, is not safetensors,
    or does not hold the weights that its metadata promises.
    """
    from safetensors import SafetensorError, safe_open

    from rtsr.errors import BackendError
    from rtsr.nets import ecbsr, esr

    try:
        with safe_open(path, framework="pt") as file:
            numbers = json.loads(file.metadata()[SHAPE])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        kind = numbers.pop(NET, "esr")
        net: FoldedESR | PlainECBSR
        if kind == "esr":
            net = esr.FoldedESR(esr.Shape(**numbers))
        elif kind == "ecbsr":
            net = ecbsr.PlainECBSR(ecbsr.Shape(**numbers))
        else:
            raise ValueError(f"its network is {kind!r}")
        net.load_state_dict(weights)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BackendError(
            f"{path} holds no network of ours: {error}", mend="reinstall rtsr, or export the model again"
        ) from error
    return net.eval()
