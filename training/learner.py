"""A network as training moves it: the form that learns, and the form that is left of it at every step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call

from rtsr.errors import UsageError
from rtsr.nets.ecbsr import ECBSR, PlainECBSR, name_filters
from rtsr.nets.families import FAMILIES
from training.begin import FIRST, begin, carried_by, needs_beginning, written
from training.flat import keep_flat
from training.recipe import shape_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtsr.nets.enlarger import Enlarger
    from training.recipe import CropRecipe

_INNER = "net."


class _Inner(nn.Module):
    """`Enlarger.inner` where a module's `forward` is asked for."""

    def __init__(self, net: Enlarger) -> None:
        super().__init__()
        self.net = net

    def forward(self, seen: Tensor) -> Tensor:
        return self.net.inner(seen)


class Learner:
    """One network while it learns. Its `net` holds what the optimizer moves; `weights` is what ships."""

    def __init__(
        self, recipe: CropRecipe, scale: int, start: Enlarger | None, basis: Callable[[int], Tensor] | None = None
    ) -> None:
        """Begin anew, or from `start`. `basis` whitens the training set's patches of a side, for nets that begin so."""
        family = FAMILIES[recipe.net]
        self._recipe = recipe
        self.shape = shape_of(recipe, scale)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            form = family.learnable if recipe.form == "learnable" else family.deployed
            self.net: Enlarger = form(self.shape)
            self._basis = None
            if basis is not None and needs_beginning(self.net):
                begin(self.net)
                self._basis = basis(self.net.get_parameter(FIRST).shape[-1])
            self._deployed = _Inner(family.deployed(self.shape))
        if start is not None:
            if needs_beginning(self.net):
                raise UsageError(
                    f"{recipe.name} starts anew at every scale", mend="leave out start, and set warm_steps = 0"
                )
            try:
                self.net.start_from(start)
            except ValueError as error:
                raise UsageError(f"{recipe.name} x{scale}: {error}", mend="set warm_steps = 0") from error
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        ending = self.net.ending()
        if isinstance(self.net, ECBSR | PlainECBSR):  # `keep_flat` decides the last bias
            self.net.filters()[-1][1].requires_grad_(False)  # noqa: FBT003 - torch's way
        last = {id(one) for one in ending.parameters()}
        learned = [one for one in self.net.parameters() if one.requires_grad]
        self.groups = [
            {"params": some, "lr": 0.0, "peak": rate}
            for some, rate in (
                ([one for one in learned if id(one) not in last], recipe.rate),
                ([one for one in learned if id(one) in last], recipe.last_rate),
            )
        ]

    def to(self, device: str) -> None:
        """Move to where it learns."""
        self.net.to(device)
        self._deployed.to(device)
        self._basis = None if self._basis is None else self._basis.to(device)

    @property
    def frame(self) -> int:
        """Surroundings, in low-resolution pixels on each side, that `run` wants."""
        return self.net.frame

    def weights(self) -> dict[str, Tensor]:
        """The deployed form's parameters, differentiable."""
        if isinstance(self.net, ECBSR | PlainECBSR):
            return name_filters(keep_flat(self.net.filters()))
        weights = self.net.folded()
        if self._basis is not None:
            weights[FIRST] = written(weights[FIRST], self._basis, carried_by(self.net))
        return weights

    def run(self, seen: Tensor, weights: dict[str, Tensor], precision: str) -> Tensor:
        """The deployed form on crops with their surroundings, in a layout and a precision that are fast; float32 out.

        (N, 1, H + 2*frame, W + 2*frame) to (N, 1, scale*H, scale*W).
        """
        layout = torch.channels_last
        ready = {
            _INNER + name: one.contiguous(memory_format=layout) if one.ndim == 4 else one
            for name, one in weights.items()
        }
        with torch.autocast(seen.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            made: Tensor = functional_call(self._deployed, ready, (seen.contiguous(memory_format=layout),))
        return made.float()

    def deployed(self, weights: list[Tensor]) -> Enlarger:
        """The form that ships, with what `weights` gave as a list, or an average of that over steps."""
        family = FAMILIES[self._recipe.net]
        net: Enlarger = family.deployed(self.shape)
        net.load_state_dict(dict(zip(self.weights(), weights, strict=True)))
        if isinstance(net, PlainECBSR):  # an average of such is flat only about
            net.take(keep_flat(net.filters()))
        return net
