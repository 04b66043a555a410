"""What the numbers of `rtsr eval --video` mean: flicker, cuts, PSNR of a clip, VMAF of raw files; codecs and back."""

import json
import math
import subprocess
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from rtsr.errors import BackendError, RtsrError
from rtsr.frame import Frame
from rtsr.jobs import video_metrics
from rtsr.jobs.table import json_text
from rtsr.jobs.video_metrics import (
    ClipScore,
    Vmaf,
    find_cuts,
    find_vmaf,
    measure_vmaf,
    read_lumas,
    write_luma,
)
from rtsr.sinks import roundtrip
from rtsr.sinks.roundtrip import CODECS, BitMeter, mjpeg_qscale, round_trip
from rtsr.sources import open_source

SIZE = 160, 128


def clip(count: int = 6) -> list[Frame]:
    return list(islice(open_source(f"pattern:{SIZE[0]}x{SIZE[1]}").frames(), count))


def scored(masters: list[np.ndarray], errors: list[int], cuts: frozenset[int] = frozenset()) -> ClipScore:
    score = ClipScore(cuts)
    for master, error in zip(masters, errors, strict=True):
        score.add(master, (master.astype(np.int16) + error).astype(np.uint8))
    return score


@pytest.fixture(scope="module")
def masters() -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(50, 200, (6, 24, 32), dtype=np.uint8))


def test_flicker_is_the_change_of_the_error_not_its_size(masters: list[np.ndarray]) -> None:
    assert scored(masters, [7] * 6).flicker == 0
    assert scored(masters, [3, -3] * 3).flicker == pytest.approx(6)
    assert scored(masters, [0, 0, 0, 5, 5, 5]).flicker == pytest.approx(1)


def test_flicker_is_not_measured_into_a_new_scene(masters: list[np.ndarray]) -> None:
    assert scored(masters, [0, 0, 0, 5, 5, 5], frozenset({3})).flicker == 0
    assert math.isnan(scored(masters[:1], [0]).flicker)


def test_psnr_of_a_clip_is_of_its_mean_squared_error(masters: list[np.ndarray]) -> None:
    assert scored(masters, [5] * 6).psnr_db == pytest.approx(20 * math.log10(255 / 5))
    assert scored(masters, [0, 0, 0, 0, 0, 6]).psnr_db == pytest.approx(20 * math.log10(255 / math.sqrt(6)))


def test_equal_clips_are_infinitely_good_and_valid_json(masters: list[np.ndarray]) -> None:
    score = scored(masters, [0] * 6)
    assert score.psnr_db == math.inf
    assert score.ssim == pytest.approx(1)
    assert json.loads(json_text([{"psnr_y_db": score.psnr_db}])) == [{"psnr_y_db": None}]


def test_a_cut_is_a_jump_and_neither_a_fade_nor_a_flash_of_noise() -> None:
    dark, light = np.full((16, 16), 40, np.uint8), np.full((16, 16), 160, np.uint8)
    assert find_cuts([dark, dark, light, light, dark]) == {2, 4}
    assert find_cuts(np.arange(0, 250, 10, dtype=np.uint8)[:, None, None].repeat(16, 1).repeat(16, 2)) == frozenset()
    noise = np.random.default_rng(1).integers(0, 256, (9, 16, 16), dtype=np.uint8)
    assert len(find_cuts(noise)) <= 1, "what always jumps does not cut"
    assert find_cuts([]) == frozenset()


def test_raw_files_give_the_luma_back(tmp_path: Path) -> None:
    frames = clip()
    with (tmp_path / "a.yuv").open("wb") as file:
        for frame in frames:
            write_luma(file, frame.y[:, ::1])
    assert np.array_equal(read_lumas(tmp_path / "a.yuv", SIZE), np.stack([frame.y for frame in frames]))


def test_vmaf_of_equal_clips_is_nearly_100_and_noise_costs(tmp_path: Path) -> None:
    vmaf = find_vmaf()
    if vmaf.ffmpeg is None:
        pytest.skip(f"VMAF: {vmaf.reason}")
    folder = tmp_path / "a, b: 'c'"
    folder.mkdir()
    rng = np.random.default_rng(0)
    with (folder / "truth.yuv").open("wb") as truth, (folder / "noisy.yuv").open("wb") as noisy:
        for frame in clip(10):
            write_luma(truth, frame.y)
            error = rng.integers(-60, 61, frame.y.shape)
            write_luma(noisy, (frame.y.astype(np.int16) + error).clip(0, 255).astype(np.uint8))
    same = measure_vmaf(vmaf.ffmpeg, folder / "truth.yuv", folder / "truth.yuv", SIZE)
    worse = measure_vmaf(vmaf.ffmpeg, folder / "noisy.yuv", folder / "truth.yuv", SIZE)
    assert min(same) > 95
    assert all(bad < good - 3 for bad, good in zip(worse, same, strict=True))
    assert sorted(path.name for path in folder.iterdir()) == ["noisy.yuv", "truth.yuv"]
    with pytest.raises(RtsrError, match="libvmaf failed"):
        measure_vmaf(vmaf.ffmpeg, folder / "truth.yuv", folder / "absent.yuv", SIZE)


def test_where_vmaf_is_absent_its_name_and_mend_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(command: list[str], *_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, " .. scale V->V Scale.\n", "")

    monkeypatch.setattr(video_metrics, "_run", without)
    assert find_vmaf().ffmpeg is None
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    assert find_vmaf() == Vmaf(
        None, 'imageio-ffmpeg is not installed, whose ffmpeg measures it (pip install "rtsr[eval]")'
    )


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_gives_every_frame_back_and_spends_less_when_asked(codec: str) -> None:
    frames = clip()
    coded = [round_trip(frames, Fraction(30000, 1001), codec, crf) for crf in (20, 35)]
    errors = []
    for one in coded:
        assert [frame.pts for frame in one.frames] == [frame.pts for frame in frames]
        pairs = zip(one.frames, frames, strict=True)
        errors.append(np.mean([np.square(a.y.astype(float) - b.y) for a, b in pairs]))
        assert np.mean([np.abs(a.u.astype(float) - b.u) for a, b in zip(one.frames, frames, strict=True)]) < 12
    assert coded[0].bits > coded[1].bits
    assert errors[0] < errors[1] < 400
    assert round_trip(frames, Fraction(30000, 1001), codec, 35).bits == coded[1].bits, "the same in every run"


def test_mjpeg_has_a_scale_for_each_crf() -> None:
    scales = [mjpeg_qscale(crf) for crf in range(52)]
    assert scales == sorted(scales)
    assert (scales[0], scales[28], scales[51]) == (1, 8, 31)


def test_a_busier_clip_costs_more_bits() -> None:
    spent = []
    for still in (True, False):
        frames = clip()
        meter = BitMeter(SIZE, Fraction(25), frames[0].color)
        for frame in frames:
            meter.add(frames[0].y if still else frame.y)
        spent.append(meter.finish())
    assert 0 < spent[0] < spent[1]


def test_a_codec_that_this_build_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    how = CODECS["h265"]
    monkeypatch.setitem(CODECS, "h265", roundtrip.Codec("libx266", how.decoder, how.pix_fmt, how.options, how.words))
    with pytest.raises(BackendError, match="no libx266, which h265 needs"):
        round_trip(clip(), Fraction(25), "h265", 28)
