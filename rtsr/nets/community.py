"""Networks of the community, through the library that knows most of them: `spandrel`, which is not required."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from rtsr.nets import COLOURS
from rtsr.nets.export import recorded
from rtsr.nets.grey import Grey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Community:
    """One of their networks."""

    net: nn.Module
    """(N, 1, H, W) luma to (N, 1, S*H, S*W), whatever the planes of their own."""
    architecture: str
    planes: int
    """Of their own picture: 1 or 3."""
    parameters: int

    def recorded(self) -> tuple[bytes, Callable[[NDArray[np.float32]], NDArray[np.float32]]]:
        """Its ONNX, and the function (H, W) float32 luma to (S*H, S*W) that this is to compute.

        Raises ValueError when torch cannot write it.
        """

        @torch.no_grad()
        def truth(luma: NDArray[np.float32]) -> NDArray[np.float32]:
            made: NDArray[np.float32] = self.net(torch.from_numpy(luma)[None, None])[0, 0].numpy()
            return made

        try:
            return recorded(self.net).SerializeToString(deterministic=True), truth
        except Exception as error:  # torch raises many kinds about what it cannot write
            raise ValueError(f"torch cannot write {self.architecture} as ONNX ({type(error).__name__})") from error


def community_net(weights: Mapping[str, Tensor]) -> Community:
    """The network that `weights` are by spandrel, float32, on the CPU, in eval mode.

    Raises ImportError without spandrel, ValueError when it knows no such network, or one that is not made to enlarge
    pictures of luma or colour.
    """
    import spandrel

    try:
        found = spandrel.ModelLoader("cpu").load_from_state_dict(spandrel.canonicalize_state_dict(dict(weights)))
    except Exception as error:  # each architecture of theirs raises what it likes about what it is given
        raise ValueError(f"spandrel does not know it either ({type(error).__name__})") from error
    name, planes = str(found.architecture.name), int(found.input_channels)
    if not isinstance(found, spandrel.ImageModelDescriptor) or found.purpose == "Restoration":
        raise ValueError(f"{name} does not enlarge pictures")
    if planes not in (1, COLOURS) or found.output_channels != planes:
        raise ValueError(f"{name} makes {found.output_channels} planes of {planes}, not luma or colour of the same")
    net = found.float().eval().model
    parameters = sum(one.numel() for one in net.parameters())
    return Community(Grey(net, planes, found.size_requirements.multiple_of).eval(), name, planes, parameters)
