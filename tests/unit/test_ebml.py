"""The shape of pictures is put into Matroska and WebM where the muxer leaves it out, and nothing else changes."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from rtsr.sinks.ebml import PADDING, set_shapes
from rtsr.sinks.encoder import Encoder, add_video
from tests.conftest import make_info
from tests.system.films import picture


def film(path: Path, codec: str, options: dict[str, str] | None = None) -> Path:
    with av.open(str(path), "w", container_options=options or {}) as container:
        container.metadata["title"] = "T"
        container.set_chapters([
            {"id": 1, "start": 0, "end": 1, "time_base": Fraction(1), "metadata": {"title": "One"}}
        ])  # fmt: skip
        stream = add_video(container, replace(make_info(64, 48), sar=Fraction(64, 45)), Encoder(codec))
        stream.codec_context.gop_size = 10
        if path.suffix == ".mkv":
            container.add_attachment("cover.jpg", "image/jpeg", picture())
        for number in range(60):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("codec", "suffix"), [("libvpx-vp9", ".webm"), ("libvpx-vp9", ".mkv"), ("ffv1", ".mkv")])
def test_the_shape_is_there_and_everything_else_still(tmp_path: Path, codec: str, suffix: str) -> None:
    path = film(tmp_path / f"a{suffix}", codec, PADDING)
    size = path.stat().st_size
    for shape in (Fraction(64, 45), Fraction(1001, 999)):
        set_shapes(str(path), {0: shape})
        assert path.stat().st_size == size
        with av.open(str(path)) as container:
            assert container.streams.video[0].sample_aspect_ratio == shape
            assert container.metadata["title"] == "T"
            assert [one["metadata"]["title"] for one in container.chapters()] == ["One"]
            assert len(container.streams) == (2 if suffix == ".mkv" else 1)
            assert sum(1 for _ in container.decode(video=0)) == 60
            container.seek(1_600_000)  # by the cues, which the seek head tells of
            assert next(container.decode(video=0)).time > 1


def test_a_file_without_room_is_left_as_it_is(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", "ffv1")
    before = path.read_bytes()
    try:
        set_shapes(str(path), {0: Fraction(2)})
    except ValueError:
        assert path.read_bytes() == before
    else:  # its muxer left enough beside the seek head
        assert len(path.read_bytes()) == len(before)


@pytest.mark.parametrize("content", [b"", b"\0" * 50, b"\x1aE\xdf\xa3", bytes(range(255))])
def test_what_is_no_matroska_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mkv").write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        set_shapes(str(tmp_path / "a.mkv"), {0: Fraction(2)})
