"""What the tests of all networks ask: how many parameters, how many multiply-adds, and does it behave."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn


def parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def weights(net: nn.Module) -> int:
    """Parameters without biases and slopes, as some papers count."""
    return sum(layer.weight.numel() for layer in _convolutions(net))


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """The network without its numbers: costs no memory and no time."""
    with torch.device("meta"):
        return build()


def multiply_adds(net: nn.Module, size: tuple[int, int, int, int], *, biases: int) -> int:
    """Of all convolutions, for a picture of `size`. With biases = 1 the sum counts them too, as torchinfo does."""
    total = 0

    def count(layer: nn.Module, _: object, output: Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv2d)
        cost = layer.weight.numel() + biases * (0 if layer.bias is None else layer.bias.numel())
        total += cost * output.shape[-2] * output.shape[-1]

    hooks = [layer.register_forward_hook(count) for layer in _convolutions(net)]
    net.to("meta")(torch.empty(size, device="meta"))
    for hook in hooks:
        hook.remove()
    return total


def picture(planes: int, height: int = 17, width: int = 13, seed: int = 1) -> Tensor:
    """(1, planes, height, width) in 0..1, noise: no border or phase is like another."""
    return torch.rand(1, planes, height, width, generator=torch.Generator().manual_seed(seed))


def hold(build: Callable[[], nn.Module], planes: int, scale: int, low: Tensor | None = None) -> None:
    """Sizes are right, equal seeds give equal pictures, and the loss reaches every parameter."""
    low = picture(planes) if low is None else low
    torch.manual_seed(5)
    net = build()
    high = net(low)
    assert high.shape == (1, planes, low.shape[-2] * scale, low.shape[-1] * scale)
    torch.manual_seed(5)
    with torch.no_grad():
        assert torch.equal(build()(low), high)
    high.square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def continued(net: nn.Module, planes: int, scale: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The net's result, and the same pixels out of its result for a picture whose edges were repeated before."""
    low = picture(planes, height, width)
    frame = 9
    larger = torch.nn.functional.pad(low, [frame] * 4, mode="replicate")
    inside = slice(frame * scale, -frame * scale)
    with torch.no_grad():
        return net(low), net(larger)[..., inside, inside]


def _convolutions(net: nn.Module) -> Iterator[nn.Conv2d | nn.ConvTranspose2d]:
    return (layer for layer in net.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)))
