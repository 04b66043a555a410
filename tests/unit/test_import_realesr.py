"""The community's Real-ESRGAN weights of SRVGGNetCompact: import takes their layout and runs what they are."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from rtsr.config import ImportModel
from rtsr.jobs.import_model import import_model
from rtsr.jobs.model_check import sunlit
from rtsr.models import verified_path
from rtsr.nets import LUMA_WEIGHTS, open_net
from rtsr.upscalers.openvino import open_reference


def layout(convs: int, width: int = 64, planes: int = 3, scale: int = 4) -> dict[str, tuple[int, ...]]:
    """Names and sizes of the tensors in the released files: convolutions and PReLUs in turns, in one list."""
    tensors: dict[str, tuple[int, ...]] = {}
    for place in range(0, 2 * convs + 4, 2):
        inputs, outputs = planes if place == 0 else width, planes * scale**2 if place == 2 * convs + 2 else width
        tensors[f"body.{place}.weight"], tensors[f"body.{place}.bias"] = (outputs, inputs, 3, 3), (outputs,)
        if outputs == width:
            tensors[f"body.{place + 1}.weight"] = (width,)
    return tensors


@pytest.mark.parametrize(
    ("name", "convs", "last"),
    [("realesr-animevideov3", 16, "body.34.weight"), ("realesr-general-x4v3", 32, "body.66.weight")],
)
def test_the_released_layout_is_taken_and_computes_what_it_says(
    name: str, convs: int, last: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random weights that do little beside the nearest-neighbour base, against the network written out here."""
    monkeypatch.setenv("RTSR_MODELS", str(tmp_path / "models"))
    random = torch.Generator().manual_seed(0)
    weights = {
        key: torch.full(size, 0.2) if len(size) == 1 else torch.randn(size, generator=random) / (4.7 * size[1]) ** 0.5
        for key, size in layout(convs).items()
    }
    weights |= {key: torch.zeros_like(one) for key, one in weights.items() if key.endswith("bias")}
    weights[last] *= 0.01
    assert (list(weights)[-2], weights[last].shape) == (last, (48, 64, 3, 3))
    save_file({key: one.half() for key, one in weights.items()}, tmp_path / f"{name}.safetensors")
    card = import_model(ImportModel(file=str(tmp_path / f"{name}.safetensors"), name=name, licence="BSD-3-Clause"))
    assert (card.net, card.scale, card.parameters) == ("srvgg", 4, sum(one.numel() for one in weights.values()))
    assert "colour" in card.note
    net = open_net(verified_path(card, "safetensors"))
    assert (net.shape.planes, net.shape.width, net.shape.convs) == (1, 64, convs)

    picture = sunlit(40, 30)
    luma = torch.from_numpy(picture)[None, None]
    seen = luma.expand(-1, 3, -1, -1)
    for place in range(0, 2 * convs + 4, 2):
        half = (weights[f"body.{place}.{part}"].half().float() for part in ("weight", "bias"))
        seen = torch.nn.functional.conv2d(seen, *half, padding=1)
        if f"body.{place + 1}.weight" in weights:
            seen = torch.nn.functional.prelu(seen, weights[f"body.{place + 1}.weight"].half().float())
    made = torch.nn.functional.pixel_shuffle(seen, 4) + torch.nn.functional.interpolate(luma, scale_factor=4)
    wanted = (made * torch.tensor(LUMA_WEIGHTS)[:, None, None]).sum(1)[0].numpy()
    assert np.abs(wanted - picture.repeat(4, 0).repeat(4, 1)).max() > 0.001
    np.testing.assert_allclose(open_reference(card)(picture), wanted, atol=2e-5)
