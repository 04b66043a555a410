"""How unlike two pictures look to a network that was trained to name what is in them.

The mean absolute difference of the features of VGG19 (Simonyan, Zisserman, arXiv 1409.1556) at five of its layers,
before their ReLU, weighted as in Wang et al., "Real-ESRGAN", arXiv 2107.10833: 0.1 for conv1_2 and conv2_2, 1 for
conv3_4, conv4_4 and conv5_4. The idea is Johnson et al.'s, arXiv 1603.08155.

The weights are learned from ImageNet, whose terms are not ours to settle: a user brings them (docs/gan.md). Nothing is
downloaded.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtsr.errors import SourceError
from rtsr.jobs.model_file import read_network
from rtsr.nets.weights import read_weights

if TYPE_CHECKING:
    from pathlib import Path

BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""Channels and convolutions between two halvings."""
_SHARES = (0.1, 0.1, 1.0, 1.0, 1.0)
"""Of the last convolution of each block."""
_LEAST_PX = 16
"""Side of a picture that four halvings leave something of."""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's red, green and blue, 0..1."""
_STUDIO = (16.0 / 255.0, 255.0 / 219.0)
_HOW = "convert torchvision's vgg19 as docs/gan.md says"


@dataclass(frozen=True, slots=True, eq=False)
class Perceptual:
    """The features, and whose they are."""

    net: Features
    sha256: str
    """Of the file."""

    def __call__(self, made: Tensor, wanted: Tensor) -> Tensor:
        """The loss of (N, 1, H, W) luma, 16/255..235/255, sides 16 or more; differentiable in `made`."""
        with torch.no_grad():
            truth = self.net(wanted)
        loss = made.new_zeros(())
        for share, ours, theirs in zip(_SHARES, self.net(made), truth, strict=True):
            loss = loss + share * functional.l1_loss(ours, theirs)
        return loss


class Features(nn.Module):
    """(N, 1, H, W) luma of studio swing, 16/255..235/255, to what the last convolution of each block answers.

    VGG was taught on colours of full range: it gets the grey that this luma is, in all three, normalised as there.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = len(_MEAN)
        self._asked: list[int] = []
        for channels, count in BLOCKS:
            for _ in range(count):
                layers += [nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU()]
                inputs = channels
            self._asked.append(len(layers) - 2)
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers[: self._asked[-1] + 1])
        for name, three in (("mean", _MEAN), ("deviation", _DEVIATION)):
            self.register_buffer(name, torch.tensor(three)[None, :, None, None], persistent=False)

    def forward(self, luma: Tensor) -> list[Tensor]:
        """See the class."""
        if min(luma.shape[-2:]) < _LEAST_PX:
            raise ValueError(f"VGG19 needs {_LEAST_PX} pixels on a side, got {tuple(luma.shape)}")
        black, gain = _STUDIO
        seen = (((luma - black) * gain).expand(-1, 3, -1, -1) - self.mean) / self.deviation
        answers = []
        for place, layer in enumerate(self.features):
            seen = layer(seen)
            if place in self._asked:
                answers.append(seen)
        return answers


def open_perceptual(path: Path, device: str = "cpu") -> Perceptual:
    """The features in a safetensors file whose tensors have torchvision's names: `features.0.weight` and so on.

    What else the file holds, as the classifier, is not looked at. Raises SourceError when it is a pickle, with the
    command that converts it, when it is no safetensors file, and when a tensor is missing or of another size.
    """
    kind, content = read_network(path)
    if kind != "safetensors":
        raise SourceError(f"{path.name} is {kind}, not safetensors", mend=_HOW)
    try:
        weights, _ = read_weights(content)
    except ValueError as error:
        raise SourceError(f"{path.name} cannot be read: {error}", mend=_HOW) from error
    net = Features()
    wanted = net.state_dict()
    for name, mine in wanted.items():
        found = weights.get(name)
        if found is None or found.shape != mine.shape:
            has = "is missing" if found is None else f"is {tuple(found.shape)}, not {tuple(mine.shape)}"
            raise SourceError(f"{path.name} holds no VGG19: {name} {has}", mend=_HOW)
    net.load_state_dict({name: weights[name].float() for name in wanted})
    return Perceptual(net.eval().requires_grad_(False).to(device), hashlib.sha256(content).hexdigest())  # noqa: FBT003 - as torch
