"""Networks on the CPU through OpenVINO: integer luma in and out, conversions inside the graph.

One-layer networks run in float32, deeper ones in bf16 where the CPU has it, which OpenVINO would take for all of them;
why, and what it costs: docs/decisions/002-openvino-graph.md.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from rtsr.errors import BackendError, UsageError
from rtsr.frame import YUV420P, PixelLayout, Plane
from rtsr.models import ModelCard, verified_onnx
from rtsr.stages import at_once
from rtsr.upscalers.openvino_blend import blended
from rtsr.upscalers.openvino_columns import COLUMNS, code_values, pack_columns, unpack_columns

_Geometry = tuple[tuple[int, int], int, int]
"""Width and height of a picture, scale, columns that the graph takes at a time."""
EXACT = "f32"
"""Of the reference, of one-layer networks and of those in `_BRIGHT`."""
_BRIGHT = frozenset({"espcn", "esr_cnn", "fsrcnn"})
"""Networks whose layers carry brightness itself, with no base around them: bf16 would round the picture."""


def open_engine(
    card: ModelCard, size_wh: tuple[int, int], threads: int, layout: PixelLayout = YUV420P
) -> "OpenVinoEngine":
    """Compile the network of `card` for pictures of one size.

    Args:
        card: which network; its file is checked against its sha256.
        size_wh: of the pictures that will come.
        threads: CPU threads; 0 = OpenVINO's choice, the physical cores.
        layout: of the pictures; its depth counts.

    Raises:
        UsageError: the card is between two forms that are no forms of one network.
        BackendError: OpenVINO cannot compile it.
    """
    width, height = size_wh
    model = _network(card)
    packed = pack_columns(model, size_wh, card.scale, layout)
    columns = COLUMNS if packed is not None else 1
    exact = packed is not None or card.net in _BRIGHT or layout.bits > 8
    precision = EXACT if exact else _fast_precision()
    graph = packed if packed is not None else _with_code_values(model, size_wh, layout)
    try:
        request = _core().compile_model(graph, "CPU", _settings(threads, precision)).create_infer_request()
    except RuntimeError as error:
        raise BackendError(
            f"OpenVINO cannot compile {card.name} x{card.scale} for {width}x{height} ({error})",
            mend="use --backend bicubic, and report this with the output of `rtsr doctor`",
        ) from error
    return OpenVinoEngine(request, (size_wh, card.scale, columns), precision, layout)


def open_reference(card: ModelCard) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """The network of `card` as a function of float32 luma, any size, (H, W) 0..1 to (S*H, S*W), not clipped.

    The yardstick of every engine and of `rtsr eval`. Raises UsageError as `open_engine`.
    """
    compiled = _core().compile_model(_network(card), "CPU", _settings(0, EXACT))

    def run(luma: NDArray[np.float32]) -> NDArray[np.float32]:
        result: NDArray[np.float32] = compiled(luma[None, None])[0][0, 0]
        return result

    return run


def describe() -> tuple[str, str]:
    """(name of the device, version of OpenVINO)."""
    return str(_core().get_property("CPU", "FULL_DEVICE_NAME")).strip(), str(ov.get_version())


def precisions() -> str:
    """What networks run in here, in words."""
    fast = _fast_precision()
    return EXACT if fast == EXACT else f"{EXACT}, {fast} in deep networks"


@cache
def _core() -> ov.Core:
    return ov.Core()


def _network(card: ModelCard) -> ov.Model:
    """The float network of `card`, between its two forms if the card says so."""
    model = _read(verified_onnx(card))
    if card.gan is None:
        return model
    try:
        return blended(model, _read(verified_onnx(card.gan)), card.sharpness)
    except ValueError as error:
        raise UsageError(
            f"{card} and {card.gan} are not two forms of one network: {error}",
            mend="train one from the other, and import both from safetensors; or leave out --sharpness",
        ) from error


def _read(path: Path) -> ov.Model:
    return _core().read_model(path)


def _fast_precision() -> str:
    """What convolutions run in: bf16 where the CPU multiplies it, else float32."""
    return "bf16" if "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") else EXACT


def _settings(threads: int, precision: str) -> dict[str, object]:
    settings: dict[str, object] = {
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,  # decoder and encoder want the cores too
    }
    return settings | ({"INFERENCE_NUM_THREADS": threads} if threads else {})


def _with_code_values(model: ov.Model, size_wh: tuple[int, int], layout: PixelLayout) -> ov.Model:
    """The float network with samples of `layout`, (1, 1, H, W), at both ends, rounded to nearest."""
    model.reshape([1, 1, size_wh[1], size_wh[0]])
    outer = ops.parameter([1, 1, size_wh[1], size_wh[0]], layout.dtype, name="y")
    scaled = ops.multiply(ops.convert(outer, "f32"), np.float32(1 / layout.peak))
    for target in model.inputs[0].get_target_inputs():
        target.replace_source_output(scaled.output(0))
    made = model.outputs[0].get_node().input_value(0)
    shuffle = made.get_node()
    if shuffle.get_type_name() != "DepthToSpace":
        return ov.Model([code_values(made, layout)], [outer], model.friendly_name)
    before = code_values(shuffle.input_value(0), layout)  # the shuffle then moves a quarter, or half, of the memory
    scale = shuffle.get_attributes()["block_size"]
    packed = ov.Model([ops.depth_to_space(before, "depth_first", scale)], [outer], model.friendly_name)
    packed.validate_nodes_and_infer_types()
    return packed


class OpenVinoEngine:
    """One compiled network; see `LumaEngine`."""

    def __init__(
        self, request: ov.InferRequest, geometry: "_Geometry", precision: str, layout: PixelLayout = YUV420P
    ) -> None:
        (width, height), scale, columns = geometry
        self.precision = precision
        self._request: ov.InferRequest | None = request
        self._width, self._scale, self._columns = width, scale, columns
        self._input = np.zeros((height, -(-width // columns) * columns), layout.dtype)
        request.set_input_tensor(ov.Tensor(self._input[None, None], shared_memory=True))

    @property
    def slots(self) -> int:
        """See `LumaEngine`."""
        return 1

    def begin(self, y: Plane) -> Callable[[], Plane]:
        """See `LumaEngine`."""
        return at_once(self.run(y))

    def run(self, y: Plane) -> Plane:
        """See `LumaEngine`."""
        if self._request is None:
            raise ValueError("this engine is closed")
        self._input[:, : self._width] = y
        self._input[:, self._width :] = y[:, -1:]
        self._request.infer()
        made: Plane = self._request.get_output_tensor().data
        if self._columns == 1:
            return np.array(made[0, 0])
        return unpack_columns(made, self._scale)[:, : self._width * self._scale]

    def close(self) -> None:
        """See `LumaEngine`."""
        self._request = None
