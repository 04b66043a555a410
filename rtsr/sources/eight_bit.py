"""Sources for what measures or learns from pictures as they are: 8-bit 4:2:0, and none that a filter has made."""

from typing import TYPE_CHECKING

from rtsr.errors import SourceError
from rtsr.frame import YUV420P
from rtsr.sources import kind_of, open_source
from rtsr.stages import Source

if TYPE_CHECKING:
    from rtsr.sources.interlace import Fields


def open_eight_bit(uri: str) -> Source:
    """Open `uri` as `open_source` does.

    Raises:
        SourceError: as `open_source`, or its pictures are not 8-bit 4:2:0, or interlaced.
    """
    if kind_of(uri) == "file" and (fields := _fields_of(uri)).order != "progressive":
        raise SourceError(
            f"{uri} is {fields}, and whole pictures are wanted here",
            mend=f"deinterlace it first: ffmpeg -i {uri} -vf bwdif -c:v ffv1 progressive.mkv",
        )
    source = open_source(uri)
    if source.info.layout != YUV420P:
        source.close()
        raise SourceError(
            f"{uri} holds {source.info.layout} video, and 8-bit 4:2:0 is wanted here",
            mend=f"convert it first, which loses that: ffmpeg -i {uri} -c:v ffv1 -pix_fmt yuv420p eight-bit.mkv",
        )
    return source


def _fields_of(uri: str) -> "Fields":
    from rtsr.sources.interlace import look_at

    return look_at(uri.removeprefix("file://"))
