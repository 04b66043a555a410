"""`rtsr encode`: every frame at its own time, whatever the file makes of time."""

import tempfile
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.sources import open_source
from tests.boxes import set_block_times
from tests.films import film, whole
from tests.system.clips import encode, shown_s, sums

BICUBIC = ("--model", "bicubic")


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize(
    ("times", "time_base"),
    [
        (range(0, 30 * 1001, 1001), Fraction(1, 30000)),
        (range(0, 24 * 1001, 1001), Fraction(1, 24000)),
        (range(0, 20 * 2000, 2000), Fraction(1, 25000)),
        ([0, 33, 75, 108, 216, 1216, 1249, 1250, 1251, 4000], Fraction(1, 1000)),
        ([700, 733, 766, 900], Fraction(1, 1000)),
    ],
    ids=["29.97", "23.976", "12.5", "variable", "late"],
)
def test_times_are_the_inputs(tmp_path: Path, suffix: str, times: list[int], time_base: Fraction) -> None:
    options = {"bf": "3", "b-pyramid": "normal", "g": "7", "preset": "veryfast"}
    source = film(tmp_path / f"in.{suffix}", options=options, times=times, time_base=time_base)
    output = tmp_path / f"o.{suffix}"
    assert encode(source, output, *BICUBIC) == 0
    assert shown_s(output) == shown_s(source)
    assert len(shown_s(output)) == len(times)


def test_frames_that_an_edit_list_hides_stay_hidden_and_the_others_keep_their_times(
    shared: Path, tmp_path: Path
) -> None:
    source = shared / "video" / "phone_1080p_hlg10_rotated_editlist.mp4"
    output = tmp_path / "o.mkv"
    assert encode(source, output, *BICUBIC, "-t", "0.4", "-dn", "--allow-loss", "dovi") in (0, 4)
    wanted = [time_s for time_s in shown_s(source) if time_s < Fraction(4, 10)]
    assert wanted[0] == 0
    assert [round(float(time_s), 3) for time_s in shown_s(output)] == [round(float(time_s), 3) for time_s in wanted]


def test_a_negative_beginning_is_hidden_by_mp4_and_kept_whole(tmp_path: Path) -> None:
    source = film(tmp_path / "in.mp4", options={"g": "4"}, times=range(-3, 12))
    assert encode(source, tmp_path / "o.mp4", *BICUBIC) == 0
    assert shown_s(tmp_path / "o.mp4") == shown_s(source)


@pytest.mark.parametrize(
    ("broken", "repaired", "word"),
    [
        ([0, 40, 40, 120, 160, 200], [0, 40, 80, 120, 160, 200], "1 frames whose times were doubled or went back"),
        ([0, 40, 80, 20, 160, 200], [0, 40, 80, 120, 160, 200], "1 frames whose times were doubled or went back"),
        ([0, 40, 9000, 120, 160, 200], [0, 40, 80, 120, 160, 200], "1 frames whose times were doubled or went back"),
        ([20000 + 40 * n for n in range(12)] + [40 * n for n in range(12)], [40 * n for n in range(24)], "jumped back"),
    ],
    ids=["doubled", "back", "far off", "clock set back"],
)
def test_times_that_go_back_are_put_right_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: list[int], repaired: list[int], word: str
) -> None:
    source = film(tmp_path / "in.mkv", "ffv1", times=range(len(broken)), muxer={"live": "1"})
    set_block_times(source, broken)
    output = tmp_path / "o.mkv"
    assert encode(source, output, *BICUBIC) == 0
    times = [round(time_s * 1000) for time_s in shown_s(output)]
    assert [pts - times[0] for pts in times] == repaired
    assert word in caplog.text


def test_missing_times_are_counted_at_the_rate_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = film(tmp_path / "in.h264", options={"bf": "2", "g": "8"}, times=range(20))
    assert encode(source, tmp_path / "o.mkv", *BICUBIC) == 0
    assert [round(float(time_s), 3) for time_s in shown_s(tmp_path / "o.mkv")] == [round(n / 25, 3) for n in range(20)]
    assert "20 frames without a time" in caplog.text


def test_interlaced_film_becomes_progressive(shared: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source, output = shared / "video" / "bbb_480i_tff_anamorphic.ts", tmp_path / "o.mkv"
    assert encode(source, output, *BICUBIC, "--progress", "auto") in (0, 4)
    assert "deinterlaced by bwdif" in capfd.readouterr().err
    opened = open_source(str(output))
    opened.close()
    assert opened.info.notes == ()
    with av.open(str(output)) as container:
        assert not any(picture.interlaced_frame for picture in container.decode(video=0))
    steps = [after - before for before, after in pairwise(shown_s(source))]
    made = shown_s(output)
    assert len(made) == len(steps) + 1 == 30
    assert all(abs((time_s - made[0]) - n * steps[0]) <= Fraction(1, 1000) for n, time_s in enumerate(made))


@pytest.mark.parametrize(
    ("options", "size", "sar"),
    [
        (("--scale", "1.5"), (96, 72), Fraction(4, 3)),
        (("--size", "-2x120"), (160, 120), Fraction(4, 3)),
        (("--square-pixels",), (170, 96), 1),
        (("--size", "192x100"), (192, 100), Fraction(25, 27)),
        (("--fps", "10"), (128, 96), Fraction(4, 3)),
    ],
)
def test_sizes_rates_and_sample_aspect(
    tmp_path: Path, options: tuple[str, ...], size: tuple[int, int], sar: Fraction | int
) -> None:
    source, output = film(tmp_path / "in.mkv", times=range(20), sar=Fraction(4, 3)), tmp_path / "o.mkv"
    assert encode(source, output, *options) == 0
    with av.open(str(output)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == size
        assert (stream.sample_aspect_ratio or 1) == sar
    times = shown_s(output)
    step = Fraction(1, 10) if "--fps" in options else Fraction(1, 25)
    assert times == [n * step for n in range(8 if "--fps" in options else 20)]


ROTATIONS = {
    "upright": (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30),
    "90": (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30),
    "180": (-65536, 0, 0, 0, -65536, 0, 0, 0, 1 << 30),
    "270": (0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30),
    "mirrored": (-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30),
    "upside down": (65536, 0, 0, 0, -65536, 0, 0, 0, 1 << 30),
    "mirrored and turned": (0, 65536, 0, 65536, 0, 0, 0, 0, 1 << 30),
}


@pytest.mark.parametrize("name", ROTATIONS)
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_turns_and_flips_go_through(tmp_path: Path, name: str, suffix: str) -> None:
    source, output = film(tmp_path / "in.mp4", times=range(4), matrix=ROTATIONS[name]), tmp_path / f"o.{suffix}"
    assert encode(source, output, *BICUBIC, "--scale", "1.5") == 0
    matrices = []
    for path in (source, output):
        opened = open_source(str(path))
        opened.close()
        matrices.append((opened.info.display_matrix or ROTATIONS["upright"])[:6])
    assert matrices[0] == matrices[1]
    assert whole(output)


@given(width=st.integers(2, 40), height=st.integers(2, 40), times=st.sampled_from(["2", "3", "1.5", "2.2"]))
@settings(max_examples=10, deadline=None)
def test_any_small_size_goes_through(width: int, height: int, times: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "o.mkv"
        assert encode(f"pattern:{width}x{height}?seconds=0.1", output, *BICUBIC, "--scale", times) == 0
        with av.open(str(output)) as container:
            stream = container.streams.video[0]
            assert abs(stream.width - width * Fraction(times)) <= 1
            assert abs(stream.height - height * Fraction(times)) <= 1
            assert len(list(container.decode(stream))) == 3


@pytest.mark.parametrize("options", [(), ("--fps", "12.5")], ids=["as it is", "constant rate"])
def test_sound_that_begins_late_stays_late(tmp_path: Path, options: tuple[str, ...]) -> None:
    picture, source, output = film(tmp_path / "in.mkv", times=range(50)), tmp_path / "both.mkv", tmp_path / "o.mkv"
    with av.open(str(picture)) as came, av.open(str(source), "w") as went:
        video = went.add_stream_from_template(came.streams.video[0])
        sound = went.add_stream("flac", rate=48000, layout="mono")
        for packet in came.demux(came.streams.video[0]):
            if packet.size:
                packet.stream = video
                went.mux(packet)
        block = av.AudioFrame.from_ndarray(np.zeros((1, 48000), np.int16), format="s16", layout="mono")
        block.sample_rate, block.pts, block.time_base = 48000, 24000, Fraction(1, 48000)
        went.mux(sound.encode(block))
        went.mux(sound.encode(None))
    assert encode(source, output, *BICUBIC, *options) == 0
    assert sums(output, "audio") == sums(source, "audio")
    assert sums(output, "audio")[0][0][0] == 0.5
    assert shown_s(output)[0] == 0
    assert shown_s(output)[-1] == (Fraction(24, 25) * 2 if options else Fraction(49, 25))
