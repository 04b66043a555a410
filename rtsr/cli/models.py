"""`rtsr models`: what networks there are; `import` and `remove` of the user's own."""

from typing import Any

import click

from rtsr.cli.options import command as make_command
from rtsr.config import ImportModel, Models, RemoveModel
from rtsr.jobs.table import csv_text, json_text, markdown
from rtsr.models import ModelCard, list_models

_SHOWN = "Set5"


def run(options: Models) -> None:
    """List the networks at each scale: weights, multiply-accumulates per output pixel, measured quality.

    PSNR and SSIM are of luma on Set5; CSV and JSON hold every test set. `rtsr eval` measures them again. Your own come
    last: `rtsr models import FILE --name NAME` takes ONNX and safetensors.
    """
    cards = list_models()
    if options.format == "md":
        head = ["model", "scale", "parameters", "MACs per pixel", f"{_SHOWN} PSNR dB", f"{_SHOWN} SSIM"]
        print(markdown([head, *map(_line, cards)], left=2))
    else:
        print({"csv": csv_text, "json": json_text}[options.format]([_row(card) for card in cards]))


def run_import(options: ImportModel) -> None:
    """Make a network of yours a model that every command takes: FILE is ONNX or safetensors, NAME what it is called.

    It must take a picture of luma or colour in 0..1, of any size, and give it enlarged by 2, 3 or 4; test pictures are
    run through it before it is taken. A network of colour is run on luma. Safetensors need rtsr[import], and hold a
    network that rtsr knows or, with rtsr[spandrel], one that spandrel knows. Pickles (.pth, .pt, .ckpt) are refused:
    they run code when they are opened.

    Models lie in the folder that RTSR_MODELS names, else among your data: ~/.local/share/rtsr/models.
    """
    from rtsr.jobs.import_model import import_model

    card = import_model(options)
    field = f"sees {card.receptive_field_px}x{card.receptive_field_px} pixels"
    print(f"{card}: {card.parameters:,} parameters, {_macs(card)} MACs per pixel, {field}")
    if card.note:
        print(f"note: {card.note}")
    print(f"try:  rtsr view --model {card.name} --scale {card.scale} --source pattern:")


def run_remove(options: RemoveModel) -> None:
    """Remove a model that you imported, with its files."""
    from rtsr.jobs.import_model import remove_model

    for removed in remove_model(options):
        print(f"{removed} is removed")


def _macs(card: ModelCard) -> str:
    """0 is a number for bicubic alone: of a network it means that they grow faster than the picture."""
    return f"{card.macs_per_output_pixel}" if card.macs_per_output_pixel or card.onnx is None else "unknown"


def _line(card: ModelCard) -> list[str]:
    shown = [row for row in card.quality if row.dataset == _SHOWN]
    quality = [f"{shown[0].psnr_db:.2f}", f"{shown[0].ssim:.4f}"] if shown else ["not measured"] * 2
    return [card.name, f"x{card.scale}", f"{card.parameters:,}", _macs(card), *quality]


def _row(card: ModelCard) -> dict[str, Any]:
    row: dict[str, Any] = {
        "model": card.name,
        "scale": card.scale,
        "parameters": card.parameters,
        "macs_per_output_pixel": card.macs_per_output_pixel,
        "receptive_field_px": card.receptive_field_px,
        "content": card.content,
    }
    for quality in card.quality:
        dataset = quality.dataset.lower()
        row |= {f"{dataset}_psnr_db": quality.psnr_db, f"{dataset}_ssim": quality.ssim}
    return row


def _named(command: click.Command, name: str) -> click.Command:
    """`command` as a subcommand: made under its full name, for its own messages."""
    command.name = name
    return command


def _group() -> click.Group:
    """The list is what happens where no subcommand is named."""
    listing = make_command("models", Models, run)

    def unless_more(**given: Any) -> int:  # noqa: ANN401 - click hands over what the fields ask for
        ctx = click.get_current_context()
        return 0 if ctx.invoked_subcommand is not None else int(ctx.invoke(listing, **given) or 0)

    own: dict[str, click.Command] = {
        "import": _named(make_command("models import", ImportModel, run_import), "import"),
        "remove": _named(make_command("models remove", RemoveModel, run_remove), "remove"),
    }
    group = click.Group("models", own, invoke_without_command=True, callback=unless_more, help=listing.help)
    group.params = listing.params
    return group


command = _group()
"""As click has it."""
