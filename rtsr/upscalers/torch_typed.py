"""A torch network as a strongly typed program: samples at both ends, and half floats where they hold the picture.

What `typed_onnx` does to an ONNX file, done to a module, with the same ends:

    8 bit       y (1, 1, H, W) uint8 to (1, 1, S*H, S*W)
    above       y (1, H, W, 2) uint8 to (1, S*H, S*W, 2): the little-endian bytes of uint16 samples

What comes out are whole numbers, 0 to 255, in float32: the last cast is the builder's, for torch-tensorrt converts
none to uint8.

Convolutions and matrices take half floats. Statistics, exponentials and divisions take float32, for a sum over a
picture overflows in half floats, and so does what only they read. Everything else takes what comes, and float32 where
both come, so the sum with the luma below the network is not rounded.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn
from torch.utils import _pytree as pytree

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from rtsr.frame import PixelLayout
    from rtsr.upscalers.typed_onnx import Precision

_EIGHT_BITS, _BYTE = 8, 256
_HALF = frozenset({
    "conv1d", "conv2d", "conv3d", "convolution", "_convolution", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "linear", "matmul", "mm", "bmm", "addmm", "baddbmm", "einsum",
})  # fmt: skip
_EXACT = frozenset({
    "mean", "sum", "prod", "std", "var", "std_mean", "var_mean", "norm", "linalg_vector_norm", "cumsum", "cumprod",
    "softmax", "_softmax", "log_softmax", "_log_softmax", "logsumexp", "exp", "exp2", "expm1", "log", "log1p", "log2",
    "pow", "square", "sqrt", "rsqrt", "reciprocal", "div", "sin", "cos", "round", "floor", "ceil", "batch_norm",
    "instance_norm", "layer_norm", "group_norm", "rms_norm", "native_batch_norm", "native_layer_norm",
    "native_group_norm", "_native_batch_norm_legit_no_training", "adaptive_avg_pool2d", "scaled_dot_product_attention",
})  # fmt: skip
"""As autocast has them, and means, of which whole pictures are taken here."""


def typed_program(
    net: nn.Module, size_wh: tuple[int, int], layout: PixelLayout, precision: Precision
) -> ExportedProgram:
    """`net` exported for pictures of one size.

    Args:
        net: (1, 1, H, W) float32 luma, 0..1, to (1, 1, S*H, S*W), not clipped; on the CPU.
        size_wh: of the pictures that will come.
        layout: of the pictures; its depth counts.
        precision: fp16 for half floats with islands of float32, fp32 for float32 throughout.

    Raises what `torch.export.export` raises of a network that it cannot follow.
    """
    width, height = size_wh
    net = net.eval()
    shape = (1, height, width, 2) if layout.bits > _EIGHT_BITS else (1, 1, height, width)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch to itself
        if precision == "fp16":
            program = torch.export.export(net, (torch.zeros(1, 1, height, width),))
            net = _Halved(program.run_decompositions({}).module(check_guards=False))  # {}: nothing in place any more
        return torch.export.export(_Ends(net, layout), (torch.zeros(shape, dtype=torch.uint8),))


class _Ends(nn.Module):
    """A float network between samples; shapes as this module says. Rounds half to even."""

    def __init__(self, net: nn.Module, layout: PixelLayout) -> None:
        super().__init__()
        self.net, self.peak, self.paired = net, layout.peak, layout.bits > _EIGHT_BITS

    def forward(self, y: Tensor) -> Tensor:
        samples = y.to(torch.float32)
        if self.paired:
            samples = (samples[..., 0] + samples[..., 1] * _BYTE)[None]
        made = self.net(samples * (1 / self.peak)).to(torch.float32)
        codes = torch.round(torch.clamp(made * self.peak, 0, self.peak))
        if not self.paired:
            return codes
        high = torch.floor(codes * (1 / _BYTE))
        return torch.stack((codes - high * _BYTE, high), -1)[0]


class _Halved(nn.Module):
    """A network, given as a graph, with types chosen and casts between them."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__()
        self.graph_module, self.exact = graph, _exact_nodes(graph.graph)

    def forward(self, luma: Tensor) -> Any:  # noqa: ANN401 - what the network gives
        return _Halves(self.graph_module, self.exact).run(luma)


class _Halves(fx.Interpreter):
    """Runs a graph node by node, each in the type that is right for it: watched by an export, a typed graph."""

    def __init__(self, graph: fx.GraphModule, exact: frozenset[str]) -> None:
        super().__init__(graph)
        self._exact = exact

    def run_node(self, n: fx.Node) -> Any:  # noqa: ANN401 - as its parent
        if not isinstance(n.target, torch._ops.OpOverload):
            return super().run_node(n)
        kind = self._kind(n)
        given: Any = self.fetch_args_kwargs_from_env(n)
        args, kwargs = pytree.tree_map(lambda one: one.to(kind) if _is_float(one) else one, given)
        return n.target(*args, **kwargs)

    def _kind(self, n: fx.Node) -> torch.dtype:
        if n.name in self._exact:
            return torch.float32
        if _name(n) in _HALF:
            return torch.float16
        passed = [self.env[one] for one in n.all_input_nodes if one.op != "get_attr"]  # weights follow the picture
        kinds = {one.dtype for one in pytree.tree_leaves(passed) if _is_float(one)}
        return torch.float16 if kinds == {torch.float16} else torch.float32


def _exact_nodes(graph: fx.Graph) -> frozenset[str]:
    """Names of the nodes that take float32, by what they are or because only such nodes read them."""
    exact: set[str] = set()
    for n in reversed(graph.nodes):
        read_exactly = n.users and all(one.name in exact for one in n.users)
        if _name(n) in _EXACT or (read_exactly and _name(n) not in _HALF):
            exact.add(n.name)
    return frozenset(exact)


def _name(n: fx.Node) -> str:
    """Of its operator, without library and overload; empty where it is none."""
    return n.target._schema.name.rpartition("::")[2] if isinstance(n.target, torch._ops.OpOverload) else ""


def _is_float(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()
