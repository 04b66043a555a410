"""Decoding by a GPU: who is given what, and that the CPU takes over. No GPU is here: its decoder runs on the CPU."""

import logging
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.packet import Packet
from av.video.stream import VideoStream

from rtsr.cli import main
from rtsr.compose import compose
from rtsr.config import Encode, Upscale
from rtsr.errors import BackendError
from rtsr.frame import Frame, PixelLayout
from rtsr.planes import planes_of
from rtsr.sinks.null import NullSink
from rtsr.sources import open_source
from rtsr.sources.decode import headers_of
from rtsr.sources.hwdec import CardDecoder, CardError, absent, accelerate, differing, refusal, unfit
from rtsr.sources.opening import first_video, open_container
from rtsr.sources.part import ALL
from rtsr.sources.probe import probe
from rtsr.sources.reader import Pictures, Reader
from rtsr.sources.reading import AS_IT_IS, Reading, reading_of
from rtsr.upscalers.swap import SwappingUpscaler, open_at_once
from tests.doubles.gpu_machine import GpuMachine
from tests.films import film

HERE = absent(0)
needs_none = pytest.mark.skipif(HERE is None, reason="this machine has an NVIDIA GPU, and this is about one without")
FILMS = {
    "h264": ("libx264", {"g": "12", "bf": "3"}),
    "hevc": ("libx265", {"x265-params": "log-level=error:keyint=12:bframes=4"}),
    "vp8": ("libvpx", {"g": "15", "cpu-used": "8"}),
    "vp9 with hidden frames": (
        "libvpx-vp9",
        {"g": "15", "cpu-used": "8", "lag-in-frames": "12", "auto-alt-ref": "1"},
    ),
}
Shown = list[tuple[int, list[bytes]]]


def on_cpu(stream: VideoStream) -> CardDecoder:
    """What stands beside the container's decoder, without a GPU: the same plumbing, the CPU's pictures."""
    return CardDecoder(stream, None)


class Failing(CardDecoder):
    """What cannot be made to happen here: it stops working at one packet."""

    def __init__(self, stream: VideoStream, after: int) -> None:
        super().__init__(stream, None)
        self._left = after

    def decode(self, packet: Packet) -> list[av.VideoFrame]:
        self._left -= 1
        if self._left < 0:
            raise CardError("the driver has gone")
        return super().decode(packet)


def shown(pictures: Pictures | None) -> Shown:
    assert pictures is not None
    return [(one.pts, [plane.tobytes() for plane in planes_of(one.thing)]) for one in pictures]


def reader(path: Path) -> Reader:
    return Reader(probe(str(path), ALL, AS_IT_IS).coded, None)


@pytest.fixture(params=FILMS)
def clip(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    codec, options = FILMS[request.param]
    return film(tmp_path / "clip.mkv", codec, options, times=range(40))


def test_a_decoder_beside_the_containers_gives_the_same_pictures(clip: Path) -> None:
    with closing(reader(clip)) as plain, closing(reader(clip)) as other:
        other.accelerate(on_cpu)
        first = shown(other.all())
        assert first == shown(plain.all())
        assert len(first) == 40
        assert shown(other.sought(Fraction(1))) == shown(plain.sought(Fraction(1)))
        assert shown(other.entered(first[20][0])) == shown(plain.entered(first[20][0])) == first[20:]
        assert shown(other.all()) == first


@pytest.mark.parametrize("after", [0, 1, 7, 25])
def test_where_it_gives_up_the_cpu_goes_on_and_no_picture_is_lost_or_doubled(
    clip: Path, caplog: pytest.LogCaptureFixture, after: int
) -> None:
    with closing(reader(clip)) as plain, closing(reader(clip)) as other:
        right = shown(plain.all())
        other.accelerate(lambda stream: Failing(stream, after))
        assert shown(other.all()) == right
        assert shown(other.entered(right[20][0])) == right[20:]
        assert other.faults == plain.faults
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "the driver has gone" in caplog.text


def test_it_may_give_up_in_the_middle_of_a_part(clip: Path) -> None:
    with closing(reader(clip)) as plain, closing(reader(clip)) as other:
        right = shown(plain.all())
        other.accelerate(lambda stream: Failing(stream, 9))
        assert shown(other.entered(right[20][0])) == right[20:]


def test_damage_is_counted_as_the_cpu_counts_it(tmp_path: Path) -> None:
    path = film(tmp_path / "clip.ts", "libx264", {"g": "12", "bf": "0"}, times=range(40))
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 3, len(content) // 2, 400):
        content[place] ^= 0xFF
    path.write_bytes(content)
    with closing(reader(path)) as plain, closing(reader(path)) as other:
        other.accelerate(on_cpu)
        assert [pts for pts, _ in shown(other.all())] == [pts for pts, _ in shown(plain.all())]
        assert other.faults == plain.faults


def test_av1_goes_to_libavs_own_decoder_which_needs_a_gpu(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = film(tmp_path / "clip.mkv", "libsvtav1", {"g": "16", "preset": "13"}, times=range(20), size=(128, 96))
    with closing(reader(path)) as plain, closing(reader(path)) as other:
        other.accelerate(on_cpu)  # it opens here, and fails at its first picture
        assert shown(other.all()) == shown(plain.all())
    assert "the GPU gave up after 0 pictures" in caplog.text


def test_the_trial_takes_what_is_the_same_and_nothing_else(tmp_path: Path) -> None:
    path = film(tmp_path / "clip.mkv", "libx264", {"g": "12", "bf": "2"})
    other = film(tmp_path / "other.mkv", "libx264", {"g": "12", "bf": "2", "crf": "40"})
    with open_container(str(path)) as container, open_container(str(other)) as foreign:
        stream = first_video(str(path), container)
        assert differing(stream, on_cpu(stream)) is None
        container.seek(0)
        assert (
            differing(stream, Foreign(first_video(str(other), foreign), packets(foreign)))
            == "its pictures are not those of the CPU"
        )


def packets(container: av.container.InputContainer) -> Iterator[Packet]:
    return container.demux(container.streams.video[0])


class Foreign(CardDecoder):
    """Decodes something else: as a card would that gets it wrong."""

    def __init__(self, stream: VideoStream, other: Iterator[Packet]) -> None:
        super().__init__(stream, None)
        self._other = other

    def decode(self, packet: Packet) -> list[av.VideoFrame]:
        return super().decode(next(self._other))


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "taken"),
    [
        ("h264", "yuv420p", True),
        ("h264", "yuvj420p", True),
        ("hevc", "yuv420p10le", True),
        ("vp9", "yuv420p", True),
        ("h264", "yuv422p", False),
        ("hevc", "yuv444p10le", False),
        ("hevc", "yuv420p12le", False),
        ("h264", None, False),
        ("hevc", "gbrp", False),
        ("mpeg2video", "yuv420p", False),
        ("mpeg4", "yuv420p", False),
        ("mjpeg", "yuvj420p", False),
        ("av1", "yuv420p", False),
    ],
)
def test_only_what_every_decoder_gives_the_same_bits_of_goes_to_a_gpu(
    codec: str, pix_fmt: str | None, taken: bool
) -> None:
    assert (unfit(codec, pix_fmt) is None) == taken


@pytest.mark.parametrize(("grain", "taken"), [("0", True), ("8", False)])
def test_av1_with_film_grain_stays_on_the_cpu(tmp_path: Path, grain: str, taken: bool) -> None:
    options = {"g": "16", "preset": "12", "svtav1-params": f"film-grain={grain}"}
    path = film(tmp_path / "clip.mkv", "libsvtav1", options, times=range(10), size=(128, 96))
    assert (unfit("av1", "yuv420p", headers_of(str(path), 0)) is None) == taken


def test_interlaced_films_and_those_that_are_deinterlaced_stay_on_the_cpu(tmp_path: Path) -> None:
    path = film(tmp_path / "clip.mkv", times=range(12))
    with closing(open_source(str(path), reading=Reading(deinterlace="yes"))) as source:
        assert "interlaced" in source.accelerate(0)  # type: ignore[attr-defined]  # a file has it


@needs_none
def test_without_a_gpu_auto_says_so_once_and_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = film(tmp_path / "clip.mkv", times=range(12))
    caplog.set_level(logging.DEBUG, "rtsr")
    with closing(open_source(str(path))) as source:
        accelerate(source, "auto", 0)
        accelerate(source, "auto", None)
        accelerate(source, "no", 0)
        assert len(list(source.frames())) == 12
    told = [record for record in caplog.records if "decoder" in record.message]
    assert [record.levelname for record in told] == ["INFO"]
    assert str(HERE) in told[0].message


@needs_none
def test_what_is_asked_of_a_gpu_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    path = film(tmp_path / "clip.mkv", times=range(12))
    assert refusal(str(path), None, 0) is not None
    with closing(open_source(str(path))) as source, pytest.raises(BackendError, match="no NVIDIA GPU decodes here"):
        accelerate(source, "cuda", None)


@needs_none
def test_hwdec_cuda_ends_with_exit_code_5_and_leaves_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path, output = film(tmp_path / "clip.mkv", times=range(12)), tmp_path / "out.mkv"
    asked = ["encode", str(path), str(output), "--model", "bicubic", "--progress", "none"]
    assert main([*asked, "--hwdec", "cuda"]) == 5
    told = capfd.readouterr().err
    assert "--hwdec cuda: no NVIDIA GPU decodes here" in told
    assert "Traceback" not in told
    assert not list(tmp_path.glob("out*"))
    assert main([*asked, "--hwdec", "auto"]) == 0


@needs_none
def test_the_viewer_refuses_a_gpu_that_is_not_there_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = film(tmp_path / "clip.mkv", times=range(12))
    asked = ["view", str(path), "--model", "bicubic", "--headless-frames", "2"]
    assert main([*asked, "--hwdec", "cuda"]) == 5
    assert "no NVIDIA GPU decodes here" in capfd.readouterr().err
    assert main(asked) == 0


def test_the_option_reaches_the_source() -> None:
    assert reading_of(Encode(source="in.mkv", output="out.mkv", hwdec="cuda")).hwdec == "cuda"
    assert reading_of(Encode(source="in.mkv", output="out.mkv", hwdec="no", fps="25")).hwdec == "no"


def test_a_frame_from_nv12_and_p010_is_that_of_their_code_values() -> None:
    """What NVDEC's pictures come down as."""
    rng = np.random.default_rng(1)
    for name, bits, dtype in (("nv12", 8, np.uint8), ("p010le", 10, np.uint16)):
        shift = 16 - bits if bits > 8 else 0
        y = rng.integers(0, 1 << bits, (6, 8)).astype(dtype)
        uv = rng.integers(0, 1 << bits, (3, 8)).astype(dtype)
        picture = av.VideoFrame.from_dlpack((y << shift, uv << shift), format=name)
        planes = planes_of(picture)
        frame = Frame(*planes, 0, Fraction(1, 25), layout=PixelLayout(bits))
        assert np.array_equal(frame.y, y)
        assert np.array_equal(frame.u, uv[:, 0::2])
        assert np.array_equal(frame.v, uv[:, 1::2])


def test_while_an_engine_is_built_the_gpu_that_will_run_it_may_decode(
    gpu_machine: GpuMachine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The double of the driver is not FFmpeg's: what is asked of NVDEC is seen in the log."""
    path = film(tmp_path / "clip.mkv", times=range(6))
    caplog.set_level(logging.INFO, "rtsr")
    asked = Upscale(model="esr-tr-k5c2", backend="tensorrt")
    pipeline = compose(
        str(path), asked, lambda _source, _upscaler: NullSink(), reading=Reading(hwdec="auto"), opening=open_at_once
    )
    with closing(pipeline):
        assert isinstance(pipeline.upscaler, SwappingUpscaler)
        assert pipeline.upscaler.awaited_gpu == 0
    assert "decoder:" in caplog.text
