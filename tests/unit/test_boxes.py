"""The index of MP4 and MOV is changed in its place, and what it points at stays what it was."""

import io
import struct
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsr.sinks.boxes import Box, read_index, write_index
from rtsr.sinks.moov import Left, Track, complete, data_tracks
from tests.system.films import Film


def film(first: str, media: bytes) -> io.BytesIO:
    """A small file: its index before or after its media, with a chunk offset that points at each byte of it."""
    head = Box(b"ftyp", b"isom" + bytes(4)).packed()
    size = 8 + 8 * 4 + 8 + len(media) * 4  # moov, four boxes around the table, its head and counts
    begin = len(head) + 8 + (size if first == "moov" else 0)
    places = struct.pack(f">II{len(media)}I", 0, len(media), *range(begin, begin + len(media)))
    table = Box(b"stbl", b"", [Box(b"stco", places)])
    moov = Box(b"moov", b"", [Box(b"trak", b"", [Box(b"mdia", b"", [Box(b"minf", b"", [table])])])])
    mdat = Box(b"mdat", media)
    both = [moov, mdat] if first == "moov" else [mdat, moov]
    whole = head + b"".join(box.packed() for box in both)
    found = whole.index(media, whole.index(b"mdat"))
    shift = found - begin
    if shift:
        fixed = struct.pack(f">II{len(media)}I", 0, len(media), *range(found, found + len(media)))
        table.boxes[0].content = fixed
        whole = head + b"".join(box.packed() for box in both)
    return io.BytesIO(whole)


@given(st.binary(min_size=1, max_size=300), st.binary(max_size=200), st.sampled_from(["moov", "mdat"]))
def test_chunk_offsets_point_at_the_same_bytes_when_the_index_grows(media: bytes, more: bytes, first: str) -> None:
    file = film(first, media)
    index = read_index(file)
    assert index is not None
    index.moov.boxes.append(Box(b"udta", b"", [Box(b"free", more)]))
    write_index(file, index)
    again = read_index(file)
    assert again is not None
    assert again.moov.boxes[-1].boxes[0].content == more
    table = again.moov.find(b"trak", b"mdia", b"minf", b"stbl", b"stco")
    assert table is not None
    places = struct.unpack(f">{len(media)}I", table.content[8:])
    content = file.getvalue()
    assert bytes(content[place] for place in places) == media


@given(st.binary(max_size=200))
def test_bytes_that_are_no_film_have_no_index(content: bytes) -> None:
    assert read_index(io.BytesIO(content)) is None or b"moov" in content


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_what_a_muxer_leaves_out_is_put_in(tmp_path: Path, suffix: str) -> None:
    path = Film(tmp_path / f"a{suffix}", title="old").write()
    tags = {"title": "new", "Größe": "ü" * 300, "com.example.k": ""}
    complete(str(path), suffix[1:], Left(tags=tags, languages={0: "deu"}))  # type: ignore[arg-type]
    with av.open(str(path)) as container:
        assert {name: container.metadata[name] for name in ("title", "Größe")} == {
            k: tags[k] for k in ("title", "Größe")
        }
        assert container.streams[0].language == "deu"
        assert sum(1 for _ in container.decode(video=0)) == 50


def test_a_film_in_fragments_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", options={"movflags": "frag_keyframe+empty_moov"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode(None))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="index"):
        complete(str(path), "mp4", Left(tags={"a": "b"}))
    assert path.read_bytes() == before


def test_tracks_of_data_are_found_with_what_describes_them(shared: Path) -> None:
    found = data_tracks(str(shared / "video/phone_1080p_hlg10_rotated_editlist.mp4"))
    assert {(one.handler, one.format) for one in found.values()} == {(b"meta", b"mebx")}
    assert all(isinstance(one, Track) and b"keys" in one.description for one in found.values())
    assert data_tracks(str(shared / "video/webcam_640x480_fullrange.mkv")) == {}
