"""The main job on one clip, with a picture to look at: bicubic beside SR of the same frame, and a detail of both."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from rtsr.color import rgb_from_ycbcr
from rtsr.config import Demo, Encode, Upscale
from rtsr.errors import SourceError, UsageError
from rtsr.frame import Frame
from rtsr.jobs.encode import EncodeJob, open_encode
from rtsr.sources import open_source
from rtsr.upscalers import open_upscaler

CLIP = "pattern:640x360?seconds=6"
_DETAIL_ZOOM = 4
_CAPTION_PX = 28


def make_clip(folder: str) -> str:
    """Encode the pattern, with its tone, as a small H.264 file in `folder`; its path."""
    place = _folder(folder) / "clip.mp4"
    clip = Encode(source=CLIP, output=str(place), model="bicubic", scale=1, crf=20.0, preset="veryfast", overwrite=True)
    open_encode(clip).run(lambda frame: None)
    return str(place)


def open_demo(clip: str, options: Demo) -> EncodeJob:
    """`rtsr encode CLIP FOLDER/STEM.MODEL.2x.SUFFIX`, ready to run."""
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
        panes = []
        for model in ("bicubic", options.model):
            upscaler = open_upscaler(Upscale(model=model), source.info)
            try:
                panes.append((str(upscaler.badge), _rgb(upscaler.upscale(frame))))
            finally:
                upscaler.close()
    finally:
        source.close()
    path = _folder(options.folder) / f"{Path(clip).stem}.comparison.png"
    _sheet(panes).save(path)
    return path


def _sheet(panes: list[tuple[str, NDArray[np.uint8]]]) -> Image.Image:
    height, width = panes[0][1].shape[:2]
    left, top = _busiest(panes[-1][1], max(1, width // _DETAIL_ZOOM), max(1, height // _DETAIL_ZOOM))
    box = (left, top, left + max(1, width // _DETAIL_ZOOM), top + max(1, height // _DETAIL_ZOOM))
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


def _busiest(pixels: NDArray[np.uint8], width: int, height: int) -> tuple[int, int]:
    """Left and top of the box of that size with the strongest edges, on a grid of half boxes."""
    luma = pixels.mean(axis=2)
    edges = np.abs(np.diff(luma, axis=0, prepend=luma[:1])) + np.abs(np.diff(luma, axis=1, prepend=luma[:, :1]))
    tops = range(0, luma.shape[0] - height + 1, max(1, height // 2))
    lefts = range(0, luma.shape[1] - width + 1, max(1, width // 2))
    places = [(edges[top : top + height, left : left + width].mean(), left, top) for top in tops for left in lefts]
    _, left, top = max(places)
    return left, top


def _rgb(frame: Frame) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 for an image file; chroma by repetition of its upscaled samples."""
    color = frame.color.for_display(frame.height)
    matrix, offset = rgb_from_ycbcr(replace(color))
    size = frame.y.shape
    chroma = [plane.repeat(2, 0).repeat(2, 1)[: size[0], : size[1]] for plane in (frame.u, frame.v)]
    ycbcr = np.stack([frame.y, *chroma], axis=2) / 255.0 - np.array(offset)
    made: NDArray[np.uint8] = np.clip(np.rint(ycbcr @ np.array(matrix).T * 255), 0, 255).astype(np.uint8)
    return made


def _folder(name: str) -> Path:
    place = Path(name)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder {name} cannot be made ({error.strerror})", mend="choose --folder") from error
    return place
