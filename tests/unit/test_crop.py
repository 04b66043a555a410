"""What a container cuts off is cut off; chroma stays where it was."""

from pathlib import Path

import av
import numpy as np
import pytest

from rtsr.errors import SourceError
from rtsr.sources import open_source
from tests.boxes import add_clean_aperture, add_pixel_crop
from tests.films import film


def _uncropped(path: Path) -> list[list[np.ndarray]]:
    with av.open(str(path)) as container:
        return [
            [
                np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width].copy()
                for plane in picture.planes
            ]
            for picture in container.decode(video=0)
        ]


@pytest.mark.parametrize("crop", [(8, 4, 6, 2), (7, 3, 5, 1), (0, 12, 0, 12)])
@pytest.mark.parametrize("kind", ["clap", "PixelCrop"])
def test_the_containers_crop_is_applied(tmp_path: Path, kind: str, crop: tuple[int, int, int, int]) -> None:
    if kind == "clap":
        path = add_clean_aperture(film(tmp_path / "o.mp4", times=range(3)), (64, 48), crop)
    else:
        path = add_pixel_crop(film(tmp_path / "o.mkv", "ffv1", times=range(3), muxer={"live": "1"}), crop)
    left, top, right, bottom = crop
    left, top = left // 2 * 2, top // 2 * 2  # no chroma sample is cut in two
    source = open_source(str(path))
    frames = list(source.frames())
    source.close()
    assert (source.info.width, source.info.height) == (64 - left - right, 48 - top - bottom)
    assert "cut off are" in source.info.notes[-1]
    for frame, (y, u, _) in zip(frames, _uncropped(path), strict=True):
        np.testing.assert_array_equal(frame.y, y[top : 48 - bottom, left : 64 - right])
        np.testing.assert_array_equal(frame.u, u[top // 2 : (48 - bottom + 1) // 2, left // 2 : (64 - right + 1) // 2])


def test_a_crop_that_leaves_nothing_is_refused(tmp_path: Path) -> None:
    path = film(tmp_path / "o.mkv", "ffv1", times=range(3), muxer={"live": "1"})
    with pytest.raises(SourceError, match="not a media file"):
        open_source(str(add_pixel_crop(path, (40, 0, 24, 0))))
