"""A file cannot make rtsr read another file or host: playlists, lists, manifests, references, patterns."""

import re
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import av
import pytest

from rtsr.cli import main
from rtsr.demux import open_media, permit, scheme_of
from rtsr.errors import SourceError, UsageError
from tests.system.clips import made

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _no_permission() -> Iterator[None]:
    permit(None)
    yield
    permit(None)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return made(tmp_path / "secret.ts")


@pytest.fixture
def server(clip: Path) -> Iterator[tuple[str, list[str]]]:
    """Serves the clip, and lists what was asked for."""
    hits: list[str] = []
    content = clip.read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    httpd = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}", hits
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def _playlist(place: str) -> str:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{place}\n#EXT-X-ENDLIST\n"


def _manifest(place: str) -> str:
    return (
        '<?xml version="1.0"?>'
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S">'
        f'<Period><AdaptationSet mimeType="video/mp2t"><Representation id="1" bandwidth="1"><BaseURL>{place}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>"
    )


_SDP = (
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
)
_VOBSUB = "# VobSub index file, v7 (do not modify this line!)\ntimestamp: 00:00:00:000, filepos: 000000000\n"


def _encode(source: str | Path, folder: Path, *options: str) -> int:
    words = ["encode", str(source), str(folder / "o.mkv"), "--model", "bicubic", "--progress", "none", "-y", *options]
    return main(words)


@pytest.mark.parametrize("name", ["list.ffconcat", "film.mp4", "film.mkv"])
def test_a_list_of_files_to_join_is_refused_whatever_its_name(
    name: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / name
    source.write_text(f"ffconcat version 1.0\nfile {clip.name}\n")
    assert _encode(source, tmp_path) == 3
    said = capsys.readouterr().err
    assert "concat" in said
    assert "--protocols" in said
    assert not (tmp_path / "o.mkv").exists()
    assert _encode(source, tmp_path, "--protocols", "file") == 0


def test_a_playlist_is_refused_and_asks_no_host(
    server: tuple[str, list[str]], clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address, hits = server
    source = tmp_path / "film.m3u8"
    for place in (f"{address}/a.ts", clip.as_uri(), clip.name):
        source.write_text(_playlist(place))
        assert _encode(source, tmp_path) == 3
        assert "hls" in capsys.readouterr().err
    assert hits == []


def test_what_is_permitted_is_read_and_nothing_more(server: tuple[str, list[str]], tmp_path: Path) -> None:
    address, hits = server
    source = tmp_path / "film.m3u8"
    source.write_text(_playlist(f"{address}/a.ts"))
    assert _encode(source, tmp_path, "--protocols", "file") != 0
    assert hits == []
    assert _encode(source, tmp_path, "--protocols", "file,http") in (0, 4)
    assert hits
    hits.clear()
    assert _encode(source, tmp_path) == 3  # a permission ends with its command
    assert hits == []


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.mpd", _manifest("http://127.0.0.1:9/a.ts")), ("a.sdp", _SDP), ("a.idx", _VOBSUB)],
    ids=["dash", "sdp", "vobsub"],
)
def test_manifests_and_descriptions_are_refused(
    name: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "a.sub").write_bytes(bytes(2048))
    assert _encode(tmp_path / name, tmp_path) == 3
    assert "rtsr: " in capsys.readouterr().err


def test_an_address_is_refused_with_its_mend(
    server: tuple[str, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address, hits = server
    assert _encode(f"{address}/a.ts", tmp_path) == 3
    assert "--protocols file,http" in capsys.readouterr().err
    assert hits == []
    assert _encode("rtsp://127.0.0.1:9/a", tmp_path) == 3
    assert hits == []
    assert main(["view", f"{address}/a.ts", "--headless-frames", "1"]) == 3  # who asks to watch an address permits it
    assert set(hits) == {"/a.ts"}


def test_an_unknown_protocol_gets_the_nearest_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _encode("a.mp4", tmp_path, "--protocols", "file,htp") == 2
    assert "did you mean http?" in capsys.readouterr().err
    with pytest.raises(UsageError):
        permit("nonsense")


def test_a_movie_that_refers_to_another_file_does_not_show_it(tmp_path: Path) -> None:
    secret = made(tmp_path / "secret.mov")
    innocent = _referring(made(tmp_path / "film.mov"), secret)
    with av.open(str(innocent), options={"enable_drefs": "1", "use_absolute_path": "1"}) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5  # the reference is a real one
    assert _encode(innocent, tmp_path) == 3


def _referring(path: Path, other: Path) -> Path:
    """Blank the pictures of a MOV, whose index is at its end, and make its data reference an alias of `other`."""
    data = path.read_bytes()
    begin, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data = data[:begin] + bytes(end - begin) + data[end:]
    place = str(other).encode()
    place += bytes(len(place) % 2)
    record = struct.pack(">HH", 2, len(place)) + place + struct.pack(">HH", 0xFFFF, 0)
    alias = bytes(10) + bytes([4]) + b"disk".ljust(27, b"\0") + bytes(12) + bytes([1]) + b"x".ljust(63, b"\0")
    alias += bytes(16) + struct.pack(">hh", 1, 1) + bytes(16) + record
    entry = b"alis" + bytes(4) + alias
    at = data.index(b"dref") + 12
    old = struct.unpack(">I", data[at : at + 4])[0]
    new = struct.pack(">I", len(entry) + 4) + entry
    changed = bytearray(data[:at] + new + data[at + old :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        start = changed.rindex(box, 0, at) - 4
        size = struct.unpack(">I", changed[start : start + 4])[0] + len(new) - old
        changed[start : start + 4] = struct.pack(">I", size)
    path.write_bytes(changed)
    return path


def test_a_link_and_odd_names_are_plain_files(clip: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.ts"
    link.symlink_to(clip)
    for name in ("12:30.ts", "concat:a.ts", "http:x.ts", "%05d.ts"):
        (tmp_path / name).write_bytes(clip.read_bytes())
    for path in (link, *(tmp_path / name for name in ("12:30.ts", "concat:a.ts", "http:x.ts", "%05d.ts"))):
        assert _encode(path, tmp_path) == 0


def test_ffmpegs_own_ways_to_join_and_cut_are_names_that_do_not_exist(clip: Path, tmp_path: Path) -> None:
    for name in (f"concat:{clip}|{clip}", f"subfile,,start,0,end,0,,:{clip}", "data:text/plain,x", "pipe:0"):
        assert _encode(name, tmp_path) == 3


def test_schemes() -> None:
    assert [scheme_of(name) for name in ("a.mp4", "/x/a:b.mp4", "12:30.mp4", "C:/x.mp4")] == [""] * 4
    assert scheme_of("HTTPS://x/y") == "https"
    assert scheme_of("gopher://x") == "gopher"
    with pytest.raises(SourceError):
        open_media("gopher://x")


def test_no_other_place_of_the_product_opens_media_for_reading() -> None:
    opens = re.compile(r"\bav\.open\((?!.*\"w\")")
    places = [path for path in (ROOT / "rtsr").rglob("*.py") if opens.search(path.read_text())]
    names = {path.relative_to(ROOT).as_posix() for path in places}
    assert names <= {"rtsr/demux.py", "rtsr/sources/camera.py"}  # a camera is a device that the user named
