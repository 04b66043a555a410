"""The main job on one clip, with a picture to look at: bicubic beside SR of the same frame, and a detail of both."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from rtsr.color import Color
from rtsr.config import Demo, Encode, Upscale
from rtsr.errors import SourceError, UsageError
from rtsr.frame import Frame
from rtsr.jobs.encode import EncodeJob, open_encode
from rtsr.models import find_model
from rtsr.pipeline import Pipeline
from rtsr.sinks.encoder import Encoder
from rtsr.sinks.tone import Tone
from rtsr.sinks.video import open_video
from rtsr.sources import open_source
from rtsr.swscale import RgbScaler
from rtsr.upscalers import open_upscaler
from rtsr.upscalers.bicubic import BicubicUpscaler

CLIP = "pattern:640x360?seconds=6"
_DETAIL_ZOOM = 6
_CAPTION_PX = 28


def make_clip(folder: str) -> str:
    """Encode the pattern as it is, with its tone, as a small H.264 file in `folder`; its path."""
    place = str(_folder(folder) / "clip.mp4")
    source = open_source(CLIP)
    tone = Tone(source.info.duration_s or Fraction(0), source.info.start_s)
    sink = open_video(place, source.info, Encoder("libx264", crf=20, preset="veryfast"), tone)
    Pipeline(source, BicubicUpscaler(source.info, 1, 0), sink).run()
    return place


def open_demo(clip: str, options: Demo) -> EncodeJob:
    """`rtsr encode CLIP FOLDER/STEM.MODEL.2x.SUFFIX`, ready to run."""
    find_model(options.model, Upscale().scale)  # a wrong name is refused before the clip is encoded
    source = Path(clip)
    suffix = source.suffix if source.suffix in (".mp4", ".mkv", ".mov") else ".mkv"
    output = _folder(options.folder) / f"{source.stem}.{options.model}.2x{suffix}"
    return open_encode(Encode(source=clip, output=str(output), model=options.model, overwrite=True))


def write_comparison(clip: str, options: Demo) -> Path:
    """Both ways of enlarging the middle frame of `clip`, side by side over a detail of each; a PNG in the folder."""
    source = open_source(clip)
    try:
        duration = source.info.duration_s
        source.seek(source.info.start_s + (duration or Fraction(0)) / 3)
        frame = next(source.frames(), None)
        if frame is None:
            raise SourceError(f"{clip} has no frame to show", mend="take another clip")
        panes, color = [], frame.color.for_display(frame.height)  # of the decoded size, for both
        for model in ("bicubic", options.model):
            upscaler = open_upscaler(Upscale(model=model), source.info)
            try:
                panes.append((str(upscaler.badge), _rgb(upscaler.upscale(frame), color)))
            finally:
                upscaler.close()
    finally:
        source.close()
    path = _folder(options.folder) / f"{Path(clip).stem}.comparison.png"
    _sheet(panes).save(path)
    return path


def _sheet(panes: list[tuple[str, NDArray[np.uint8]]]) -> Image.Image:
    height, width = panes[0][1].shape[:2]
    across, down = max(1, width // _DETAIL_ZOOM), max(1, height // _DETAIL_ZOOM)
    left, top = (width - across) // 2, (height - down) // 2
    box = (left, top, left + across, top + down)
    sheet = Image.new("RGB", (2 * width + 2, 2 * height + _CAPTION_PX + 2), "black")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_CAPTION_PX * 0.6)
    for column, (caption, pixels) in enumerate(panes):
        x = column * (width + 2)
        picture = Image.fromarray(pixels)
        detail = picture.crop(box).resize((width, height), Image.Resampling.NEAREST)  # pixels as they are
        ImageDraw.Draw(picture).rectangle(box, outline="yellow")
        sheet.paste(picture, (x, _CAPTION_PX))
        sheet.paste(detail, (x, _CAPTION_PX + height + 2))
        draw.text((x + 6, 4), caption, fill="white", font=font)
    return sheet


def _rgb(frame: Frame, color: Color) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 for an image file."""
    size = frame.width, frame.height
    bgra = np.ascontiguousarray(RgbScaler(size, size, color, frame.layout).bgra(frame), np.uint8).reshape(
        frame.height, frame.width, 4
    )
    return bgra[:, :, 2::-1]


def _folder(name: str) -> Path:
    place = Path(name)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder {name} cannot be made ({error.strerror})", mend="choose --folder") from error
    return place
