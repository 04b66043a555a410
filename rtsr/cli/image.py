"""`rtsr image IN OUT`."""

import sys

from rtsr.cli.interrupt import stop_on_signal
from rtsr.cli.options import command as make_command
from rtsr.config import Image


def run(options: Image) -> None:
    """Enlarge a picture, or every picture of a folder: luma by the network, colours and transparency by bicubic.

    Colour profile, EXIF with orientation, transparency and the 16 bits of grey pictures are kept. PNG, TIFF, WebP and
    BMP are written without loss, JPEG at quality 95.
    """
    from rtsr.jobs.image import Enlarged, open_image

    def tell(done: Enlarged) -> None:
        sizes = " -> ".join(f"{width}x{height}" for width, height in (done.from_wh, done.to_wh))
        print(f"{done.pair.output}: {sizes}", file=sys.stderr)

    job = open_image(options)
    with stop_on_signal(job.stop):
        job.run(tell)


command = make_command("image", Image, run)
"""As click has it."""
