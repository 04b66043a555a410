"""Networks as plain `nn.Module`s, one file each, shared by training, export and the torch backend.

`open_net` is the only way to weights on disk: safetensors, never a pickle.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rtsr.nets.esr import FoldedESR

WEIGHT = "weight"
SHAPE = "shape"
"""The tensor in our files, and the key of the metadata that says, in JSON, what `rtsr.nets.esr.Shape` it fits."""


def open_net(path: Path) -> FoldedESR:
    """The deployed network in a safetensors file that `training` wrote, float32, on the CPU, in eval mode.

    The file's metadata says which network it is. Raises BackendError when the file is missing, is not safetensors,
    or does not hold the weights that its metadata promises.
    """
    from safetensors import SafetensorError, safe_open

    from rtsr.errors import BackendError
    from rtsr.nets.esr import FoldedESR, Shape

    try:
        with safe_open(path, framework="pt") as file:
            shape = json.loads(file.metadata()[SHAPE])
            weight = file.get_tensor(WEIGHT)
        net = FoldedESR(Shape(**shape))
        net.load_state_dict({WEIGHT: weight})
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BackendError(
            f"{path} holds no network of ours: {error}", mend="reinstall rtsr, or export the model again"
        ) from error
    return net.eval()
