"""Ours beside the published figures: `python -m benchmarks.quality > docs/quality.md`.

Ours are read from the cards, where `python -m training` put what `rtsr eval` measures. The edge-SR authors' figures are
read from their 1185 published results (`shared/data/reference`), the others are literals with their source.
"""

import argparse
import csv
import re
from pathlib import Path

from rtsr.jobs.table import markdown
from rtsr.models import ModelCard, list_models

REFERENCE = Path(__file__).parents[2] / "shared/data/reference/esr_published_results.csv"
SETS = {"Set5": "Set5", "Set14": "Set14", "BSD100": "BSDS100"}
"""Our name of a set, and the edge-SR authors'."""
LITERATURE = {
    ("ecbsr-m4c16", 2): {"Set5": 37.18, "Set14": 32.79, "BSD100": 31.61},  # RGB form, ETDS (CVPR 2023), table 2
    ("fsrcnn-56-12-4", 2): {"Set5": 37.00, "Set14": 32.63, "BSD100": 31.53},  # IMDN's table
}
_HEAD = """# Quality

PSNR in dB on luma by `rtsr eval`; in brackets what was published for the same network. Made by
`python -m benchmarks.quality > docs/quality.md`; do not edit.

The edge-SR authors' figures are above the usual protocol by 0.04 to 0.14 dB at x2, about 0.1 at x3 and 0.2 at x4 (their
released weights, measured by the protocol used here), so equal weights would show a little less here than in brackets.
Kodak24 has no published figures. Networks of more than one plane are published for RGB, ours see luma.
"""


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path, default=REFERENCE)
    with parser.parse_args().published.open() as file:
        published = {row["model"]: row for row in csv.DictReader(file)}
    cards = list_models()
    print(_HEAD)
    for scale in sorted({card.scale for card in cards}):
        print(f"## x{scale}\n\n{_table([card for card in cards if card.scale == scale], published)}\n")


def _table(cards: list[ModelCard], published: dict[str, dict[str, str]]) -> str:
    rows = [["model", "parameters", "MACs per pixel", *SETS, "Kodak24", "SSIM Set5"]]
    for card in cards:
        quality = {row.dataset: row for row in card.quality}
        theirs = _published(card, published)
        cells = [f"{quality[name].psnr_db:.2f}" + (f" ({theirs[name]:.2f})" if name in theirs else "") for name in SETS]
        counts = [f"{card.parameters:,}" if card.parameters else "", f"{card.macs_per_output_pixel:,}"]
        rows.append([card.name, *counts, *cells, f"{quality['Kodak24'].psnr_db:.2f}", f"{quality['Set5'].ssim:.4f}"])
    return markdown(rows)


def _published(card: ModelCard, published: dict[str, dict[str, str]]) -> dict[str, float]:
    """What the literature has of this network, by our name of the set."""
    if (card.name, card.scale) in LITERATURE:
        return LITERATURE[card.name, card.scale]
    form = re.fullmatch(r"esr-(max|tm|tr)-k(\d+)c(\d+)", card.name)
    if form is None:
        return {}
    row = published[f"eSR-{form[1].upper()}_s{card.scale}_K{form[2]}_C{form[3]}"]
    return {ours: float(row[f"psnr_{theirs}"]) for ours, theirs in SETS.items()}


if __name__ == "__main__":
    main()
