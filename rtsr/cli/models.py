"""`rtsr models`: what networks there are."""

from typing import Any

from rtsr.cli.options import command as make_command
from rtsr.config import Models
from rtsr.jobs.table import csv_text, json_text, markdown
from rtsr.models import ModelCard, list_models

_SHOWN = "Set5"


def run(options: Models) -> None:
    """List the networks at each scale: weights, multiply-accumulates per output pixel, measured quality.

    PSNR and SSIM are of luma on Set5; CSV and JSON hold every test set. `rtsr eval` measures them again.
    """
    cards = list_models()
    if options.format == "md":
        head = ["model", "scale", "parameters", "MACs per pixel", f"{_SHOWN} PSNR dB", f"{_SHOWN} SSIM"]
        print(markdown([head, *map(_line, cards)], left=2))
    else:
        print({"csv": csv_text, "json": json_text}[options.format]([_row(card) for card in cards]))


def _line(card: ModelCard) -> list[str]:
    shown = [row for row in card.quality if row.dataset == _SHOWN]
    quality = [f"{shown[0].psnr_db:.2f}", f"{shown[0].ssim:.4f}"] if shown else ["not measured"] * 2
    return [card.name, f"x{card.scale}", f"{card.parameters:,}", f"{card.macs_per_output_pixel}", *quality]


def _row(card: ModelCard) -> dict[str, Any]:
    row: dict[str, Any] = {
        "model": card.name,
        "scale": card.scale,
        "parameters": card.parameters,
        "macs_per_output_pixel": card.macs_per_output_pixel,
        "receptive_field_px": card.receptive_field_px,
    }
    for quality in card.quality:
        dataset = quality.dataset.lower()
        row |= {f"{dataset}_psnr_db": quality.psnr_db, f"{dataset}_ssim": quality.ssim}
    return row


command = make_command("models", Models, run)
"""As click has it."""
