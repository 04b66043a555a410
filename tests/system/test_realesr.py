"""The network for degraded pictures undoes what the chain did, on photographs that no training saw."""

from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import torch
from PIL import Image

from rtsr.metrics import luma, psnr_db
from rtsr.models import find_model
from rtsr.resample import bicubic_enlarge
from rtsr.upscalers.openvino import open_reference
from training.degrade.order import make_pair
from training.degrade.plan import read_degradation
from training.recipe import find_recipe, read_recipe

MODEL, SCALE, SIDE_PX = "realesr-compact", 2, 256


@pytest.fixture(scope="module")
def pairs(shared: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Luma of small spoiled pictures and of what they were, 0..1: the middles of Kodak's."""
    plan = read_degradation(read_recipe(find_recipe(MODEL)).degrade)
    random = torch.Generator().manual_seed(0)
    made = []
    for path in sorted((shared / "eval" / "Kodak24").iterdir()):
        with Image.open(path) as image:
            left, top = (image.width - SIDE_PX) // 2, (image.height - SIDE_PX) // 2
            patch = np.asarray(image.convert("RGB").crop((left, top, left + SIDE_PX, top + SIDE_PX)))
        target, low, _ = make_pair(plan, patch, SCALE, random)
        made.append(((luma(low) / 255).astype(np.float32), luma(target) / 255))
    return made


def test_it_restores_what_the_chain_spoiled(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    network = open_reference(find_model(MODEL, SCALE))
    scores = [
        fmean(psnr_db(255 * high, 255 * enlarge(low).clip(0, 1)) for low, high in pairs)
        for enlarge in (lambda low: bicubic_enlarge(low, SCALE), network)
    ]
    assert scores[1] > scores[0] + 0.6


def test_its_card_says_what_it_is_for_and_auto_leaves_it() -> None:
    from rtsr.jobs.ladder import shipped_networks

    assert find_model(MODEL, SCALE).content == "degraded"
    assert MODEL not in {card.name for card in shipped_networks(SCALE)}
