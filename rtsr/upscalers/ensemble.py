"""The geometric self-ensemble: one network asked eight times, about the picture turned and mirrored, and averaged.

Timofte, Rothe, Van Gool, "Seven ways to improve example-based single image super resolution", CVPR 2016. A network
that was never told that turned pictures are as likely as upright ones errs a little differently on each.
"""

from functools import reduce

import numpy as np

from rtsr.upscalers.tiles import Luma, LumaFunction

VIEWS = tuple((quarters, mirrored) for mirrored in (False, True) for quarters in range(4))
"""Each is mirrored left to right or not, then turned by quarters counterclockwise."""


def ensembled(run: LumaFunction) -> LumaFunction:
    """The mean of what `run` makes of the eight views of a picture, each turned back."""

    def enlarge(luma: Luma) -> Luma:
        made = (_restored(run(_seen(luma, *view)), *view) for view in VIEWS)
        return np.asarray(reduce(np.add, made) * np.float32(1 / len(VIEWS)))

    return enlarge


def _seen(luma: Luma, quarters: int, mirrored: bool) -> Luma:  # noqa: FBT001 - a pair of VIEWS
    return np.ascontiguousarray(np.rot90(luma[:, ::-1] if mirrored else luma, quarters))


def _restored(luma: Luma, quarters: int, mirrored: bool) -> Luma:  # noqa: FBT001 - a pair of VIEWS
    upright = np.rot90(luma, -quarters)
    return upright[:, ::-1] if mirrored else upright
