"""A model between its two forms: the one that is right on the mean, and `NAME-gan`, which was taught to look real.

Weights in between belong to networks in between, because the second form was trained from the first: Wang et al.,
"Deep network interpolation", CVPR 2019 (arXiv 1811.10515), as ESRGAN and Real-ESRGAN use it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rtsr.errors import UsageError
from rtsr.models import find_model, known_models

if TYPE_CHECKING:
    from rtsr.models import ModelCard

GAN = "-gan"
"""What the name of the second form ends in."""


def sharpened(card: ModelCard, sharpness: float) -> ModelCard:
    """The card of the network whose weights are (1 - sharpness) of `card` and `sharpness` of its GAN form, 0 to 1.

    At 0 it is `card` itself. Raises UsageError when there is no GAN form of it at its scale, BackendError when the
    card of that is damaged.
    """
    if not sharpness:
        return card
    known = known_models()
    if card.scale in known.get(card.name + GAN, ()):
        return replace(card, gan=find_model(card.name + GAN, card.scale), sharpness=sharpness)
    having = [
        name for name, scales in known.items() if card.scale in scales and card.scale in known.get(name + GAN, ())
    ]
    raise UsageError(
        f"--sharpness {sharpness:g} needs a model {card.name + GAN} x{card.scale}, and there is none",
        mend=f"leave it out, or take --model {' or '.join(having)}" if having else "leave it out, or see docs/gan.md",
    )
