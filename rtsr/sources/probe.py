"""What is known of a video file before its first frame: by its first picture, its headers, and a sample of frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import av
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.video.stream import VideoStream

from rtsr.errors import SourceError, UsageError
from rtsr.frame import StreamInfo
from rtsr.planes import layout_of
from rtsr.sources.crop import Crop, crop_of, cropped_info
from rtsr.sources.decode import color_of, refuse_unsupported
from rtsr.sources.interlace import Fields, look_at
from rtsr.sources.opening import in_words, open_container, video_of
from rtsr.sources.part import Part
from rtsr.sources.reading import Reading
from rtsr.sources.side_data import display_matrix_of, hdr_of

_TIME_UNITS = Fraction(1, av.time_base)


@dataclass(frozen=True, slots=True)
class Probed:
    """What is known of a file before its first frame."""

    coded: StreamInfo
    """As its decoder gives it."""
    info: StreamInfo
    """As it goes on from there."""
    fields: Fields
    crop: Crop | None
    deinterlaced: bool
    """Whether fields are to become frames."""


def probe(path: str, part: Part, reading: Reading) -> Probed:
    """Look at a file. `part` counts with its `start_s` and `length_s`.

    Raises:
        SourceError: it is missing, not a video, damaged at its beginning, or holds what is not upscaled.
        UsageError: nothing is left of it in that part.
    """
    with open_container(path) as container:
        stream = video_of(path, container, reading.stream)
        picture = _first_picture(path, container, stream)
        refuse_unsupported(path, stream, picture)
        coded = _cut(_info(path, container, stream, picture), part)
        crop = crop_of(container, stream.index)
    fields = look_at(path, reading.stream)
    deinterlaced = reading.deinterlace == "yes" or (reading.deinterlace == "auto" and fields.order != "progressive")
    lossy = ("deinterlacing: every second row is made anew",) if deinterlaced else ()
    if fields.order != "progressive" and not deinterlaced:
        lossy = ("the combs of interlaced pictures are upscaled with them",)
    info = replace(coded, notes=_notes(fields, reading), lossy_steps=lossy)
    if crop is not None:
        crop = crop.whole(info.layout)
        info = cropped_info(info, crop)
    return Probed(coded, info, fields, crop, deinterlaced)


def _notes(fields: Fields, reading: Reading) -> tuple[str, ...]:
    """What is done about fields, and why, in words."""
    if reading.deinterlace == "yes" and fields.order == "progressive":
        return (f"{fields}: deinterlaced by bwdif all the same, as asked for; every second row is made anew",)
    if fields.order != "progressive" and reading.deinterlace == "no":
        return (f"{fields}: not deinterlaced, as asked for; combs are upscaled with the picture",)
    if fields.order != "progressive":
        return (f"{fields}: deinterlaced by bwdif, frame for frame; the later field is left out",)
    return (f"flagged as interlaced, and is not: {fields}",) if fields.said != "progressive" else ()


def _cut(info: StreamInfo, part: Part) -> StreamInfo:
    """`info` of the asked part; frames are counted at the average rate."""
    start_s, length_s = part.start_s, part.length_s
    if info.duration_s is None or (start_s is None and length_s is None):
        return info
    left = info.duration_s - (start_s or 0)
    if left <= 0:
        raise UsageError(
            f"{info.label} is {float(info.duration_s):.2f} s long, and nothing is left after {float(start_s or 0):g} s",
            mend="begin earlier",
        )
    duration = left if length_s is None else min(left, length_s)
    count = None if info.rate_fps is None else max(1, round(duration * info.rate_fps))
    return replace(info, duration_s=duration, frame_count=count)


def _first_picture(path: str, container: InputContainer, stream: VideoStream) -> av.VideoFrame:
    problem = "no frame of it can be decoded"
    packets = container.demux(stream)
    while True:
        try:
            for picture in next(packets).decode():
                return picture
        except StopIteration:
            break
        except InvalidDataError:
            continue  # leading damage: the reader counts it
        except FFmpegError as error:
            problem = in_words(error)
            break
    raise SourceError(f"{path} has a video stream, but {problem}", mend="copy or record it again")


def _info(path: str, container: InputContainer, stream: VideoStream, picture: av.VideoFrame) -> StreamInfo:
    time_base = Fraction(stream.time_base or _TIME_UNITS)
    start = stream.start_time * time_base if stream.start_time is not None else Fraction(0)
    rate = Fraction(stream.average_rate) if stream.average_rate else None
    duration = _announced(stream, container)
    count = stream.frames or None
    if count is None and duration is not None and rate is not None:
        count = round(duration * rate)
    sar = stream.sample_aspect_ratio
    return StreamInfo(
        label=path,
        width=picture.width,
        height=picture.height,
        time_base=time_base,
        rate_fps=rate,
        frame_count=count,
        duration_s=duration,
        start_s=start,
        color=color_of(path, stream),
        sar=Fraction(sar) if sar else None,
        layout=layout_of(picture),
        hdr=hdr_of(picture),
        display_matrix=display_matrix_of(picture),
        lossy=stream.codec_context.codec.lossy,
    )


def _announced(stream: VideoStream, container: InputContainer) -> Fraction | None:
    """How long the video says it is, in seconds; else how long the file says it is."""
    if stream.duration is not None and stream.time_base:
        return stream.duration * Fraction(stream.time_base)
    if "DURATION" in stream.metadata:  # Matroska's statistics tag, HH:MM:SS.nnnnnnnnn
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    return container.duration * _TIME_UNITS if container.duration is not None else None
