"""Ours beside the published figures: `python -m benchmarks.quality > docs/quality.md`.

Ours are read from the cards of the models there are, where `python -m training` put what `rtsr eval` measures. The
edge-SR authors' figures, of their networks and of those they trained to compare, are read from their 1185 published
results (`shared/data/reference`); the others are literals with their source.
"""

import argparse
import csv
import re
from collections.abc import Callable
from pathlib import Path

from rtsr.jobs.table import markdown
from rtsr.models import ModelCard, list_models

REFERENCE = Path(__file__).parents[2] / "shared/data/reference/esr_published_results.csv"
SETS = {"Set5": "Set5", "Set14": "Set14", "BSD100": "BSDS100"}
"""Our name of a set, and the edge-SR authors'."""
EXTRA = "Kodak24"
"""Measured, but published by nobody."""
EDGE = "edge-SR's authors (WACV 2022), their own training and protocol"
ETDS = "ETDS (CVPR 2023), table 2: the RGB form"
TABLE = "the classical figures, as IMDN (ACM MM 2019) and those after it repeat them"
RELATIVE = "IMDN (ACM MM 2019): the paper's form for RGB, six blocks with attention, where ours has eight without"
FIGURE = "SPAN (arXiv 2311.12770), for RGB, read off a figure"
Published = dict[str, float]
"""PSNR in dB by our name of the set, and under "SSIM" that of Set5."""
LITERATURE: dict[tuple[str, int], dict[str, Published]] = {
    ("bicubic", 2): {TABLE: {"Set5": 33.66, "Set14": 30.24, "BSD100": 29.56, "SSIM": 0.9299}},
    ("bicubic", 3): {TABLE: {"Set5": 30.39}},
    ("bicubic", 4): {TABLE: {"Set5": 28.42}},
    ("ecbsr-m4c16", 2): {ETDS: {"Set5": 37.18, "Set14": 32.79, "BSD100": 31.61}},
    ("fsrcnn-56-12-4", 2): {TABLE: {"Set5": 37.00, "Set14": 32.63, "BSD100": 31.53, "SSIM": 0.9558}},
    ("fsrcnn-56-12-4", 3): {TABLE: {"Set5": 33.16}},
    ("fsrcnn-56-12-4", 4): {TABLE: {"Set5": 30.71}},
    ("imdn-light", 2): {RELATIVE: {"Set5": 38.00, "Set14": 33.63, "BSD100": 32.19, "SSIM": 0.9605}},
    ("imdn-light", 3): {RELATIVE: {"Set5": 34.36, "Set14": 30.32, "BSD100": 29.09, "SSIM": 0.9270}},
    ("imdn-light", 4): {RELATIVE: {"Set5": 32.21, "Set14": 28.58, "BSD100": 27.56, "SSIM": 0.8948}},
    ("span-48", 4): {FIGURE: {"Set14": 28.66}},
}
"""By model and scale, what a source says."""
FORMS: dict[str, Callable[..., tuple[str, str]]] = {
    r"esr-(max|tm|tr)-k(\d+)c(\d+)": lambda kind, size, count: (f"eSR-{kind.upper()}", f"K{size}_C{count}"),
    r"esr-cnn-c(\d+)d(\d+)s(\d+)": lambda count, first, second: ("eSR-CNN", f"C{count}_D{first}_S{second}"),
    r"espcn-d(\d+)s(\d+)": lambda first, second: ("ESPCN", f"D{first}_S{second}"),
    r"fsrcnn-(\d+)-(\d+)-(\d+)": lambda wide, narrow, maps: ("FSRCNN", f"D{wide}_S{narrow}_M{maps}"),
}
"""Our names of networks that the edge-SR authors trained, and what stands before and behind the scale in theirs."""
_HEAD = """# Quality

PSNR in dB on luma by `rtsr eval`; in brackets what was published for the same network, and by whom. Made by
`python -m benchmarks.quality > docs/quality.md`; do not edit.

The edge-SR authors' figures are above the usual protocol by 0.04 to 0.14 dB at x2, about 0.1 at x3 and 0.2 at x4 (their
released weights, measured by the protocol used here), so equal weights would show a little less here than in brackets.
Their bicubic, misaligned at x3 (29.24 dB on Set5), is left out. Networks published for RGB see luma here.
Parameters are counted as the papers do, MACs (multiply-accumulates) are those of the shipped form per output pixel.

All pictures here are clean. compact-video learned from compressed video ([its own field](compressed-video.md)), and
realesr-compact to repair pictures with a worse history: it changes clean ones, and should not see any.
"""


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path, default=REFERENCE)
    with parser.parse_args().published.open() as file:
        edge = {row["model"]: row for row in csv.DictReader(file)}
    cards = list_models()
    found = {(card.name, card.scale): published(card.name, card.scale, edge) for card in cards}
    sources = dict.fromkeys(source for theirs in found.values() for source in theirs)
    marks = dict(zip(sources, "abcdefgh", strict=False))
    print(_HEAD)
    print("\n".join(f"- {mark}: {source}" for source, mark in marks.items()) + "\n")
    for scale in sorted({card.scale for card in cards}):
        rows = [_row(card, found[card.name, scale], marks) for card in cards if card.scale == scale]
        head = ["model", "parameters", "MACs per pixel", *SETS, EXTRA, "SSIM Set5"]
        print(f"## x{scale}\n\n{markdown([head, *rows])}\n")


def published(name: str, scale: int, edge: dict[str, dict[str, str]]) -> dict[str, Published]:
    """By source, what the literature has of one of our networks; `edge` are the edge-SR authors' rows by their name."""
    found: dict[str, Published] = {}
    for form, theirs in FORMS.items():
        match = re.fullmatch(form, name)
        if match is None:
            continue
        before, behind = theirs(*match.groups())
        row = edge.get(f"{before}_s{scale}_{behind}")
        if row is not None:
            found[EDGE] = {ours: float(row[f"psnr_{their}"]) for ours, their in SETS.items()}
            found[EDGE]["SSIM"] = float(row["ssim_Set5"])
    return found | LITERATURE.get((name, scale), {})


def _row(card: ModelCard, theirs: dict[str, Published], marks: dict[str, str]) -> list[str]:
    quality = {row.dataset: row for row in card.quality}

    def cell(number: str, key: str, form: str) -> str:
        others = [f"{one[key]:{form}} {marks[source]}" for source, one in theirs.items() if key in one]
        return " ".join([number, *([f"({', '.join(others)})"] if others else [])])

    def psnr(name: str) -> str:
        return cell(f"{quality[name].psnr_db:.2f}" if name in quality else "", name, ".2f")

    counts = [f"{card.parameters:,}" if card.parameters else "", f"{card.macs_per_output_pixel:,}"]
    ssim = cell(f"{quality['Set5'].ssim:.4f}" if "Set5" in quality else "", "SSIM", ".4f")
    return [card.name, *counts, *map(psnr, (*SETS, EXTRA)), ssim]


if __name__ == "__main__":
    main()
