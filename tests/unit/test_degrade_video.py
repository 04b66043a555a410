"""Degradations of sequences: codecs keep what is flat, cameras move smoothly, and the contact sheet is drawn."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from rtsr.color import BT709, SMPTE170M
from rtsr.errors import UsageError
from rtsr.metrics import luma, psnr_db
from rtsr.resample import bicubic_downscale
from training.degrade.motion import Paths, View, look, make_motion
from training.degrade.plan import VideoOrder
from training.degrade.video import Clip, Coding, clip_of, degrade_video, draw_coding, film, transcode
from training.preview import command

CODECS = ("h264", "h265", "mjpeg")
STILL = VideoOrder(blur=0.0, noise=0.0)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """As training has it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(height, width, 3) uint8: noise of all sizes, as in photographs."""
    random, total = np.random.default_rng(seed), np.zeros((height, width, 3))
    for cells in (3, 9, 27, 81):
        coarse = Image.fromarray(random.integers(0, 256, (cells, cells, 3), np.uint8))
        total += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)) / 4.0
    return np.rint(128.0 + 1.5 * (total - 128.0)).clip(0, 255).astype(np.uint8)


def moving(count: int = 8, side: int = 128, **paths: object) -> np.ndarray:
    return make_motion([photo(256, 256)], count, (side, side), seeded(), Paths(cut=0.0, **paths)).frames


def test_luma_is_the_metrics_luma_rounded() -> None:
    frames = photo(33, 47)[None]
    clip = clip_of(frames)
    assert np.array_equal(clip.y[0], np.rint(luma(frames[0])))
    assert clip.u.shape == clip.v.shape == (1, 17, 24)
    white = clip_of(np.full((1, 4, 4, 3), 255, np.uint8), BT709)
    assert (white.y.max(), white.u.max(), white.v.min()) == (235, 128, 128)
    red = np.zeros((1, 4, 4, 3), np.uint8)
    red[..., 0] = 255
    assert clip_of(red, SMPTE170M).y[0, 0, 0] == 81
    assert clip_of(red, BT709).y[0, 0, 0] == 63
    assert clip_of(red, BT709).v[0, 0, 0] == 240


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size_wh", [(64, 48), (47, 33), (12, 8), (131, 70)])
@pytest.mark.parametrize("matrix", [SMPTE170M, BT709])
def test_a_flat_frame_survives_its_codec(codec: str, size_wh: tuple[int, int], matrix: int) -> None:
    width, height = size_wh
    for level in (0, 90, 255):
        clip = clip_of(np.full((5, height, width, 3), level, np.uint8), matrix)
        coded = transcode(clip, Coding(codec=codec, quality=2 if codec == "mjpeg" else 28))
        assert coded.y.shape == clip.y.shape
        assert np.abs(coded.y.astype(int) - clip.y).max() <= 1
        assert np.abs(coded.u.astype(int) - clip.u).max() <= 1
        assert coded.matrix == matrix


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("count", [1, 2, 9])
def test_as_many_frames_come_out_in_their_order(codec: str, count: int) -> None:
    levels = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.uint8(25)
    clip = clip_of(np.broadcast_to(levels, (count, 64, 64, 3)) + np.uint8(5))
    coded = transcode(clip, Coding(codec=codec, quality=4, b_frames=3, gop=5))
    assert coded.y.mean(axis=(1, 2)) == pytest.approx(clip.y.mean(axis=(1, 2)), abs=1.5)


@pytest.mark.parametrize(
    ("codec", "qualities"), [("h264", (18, 23, 29, 35)), ("h265", (18, 23, 29, 35)), ("mjpeg", (2, 5, 9, 12))]
)
def test_quality_falls_with_the_quantiser(codec: str, qualities: tuple[int, ...]) -> None:
    clip = clip_of(moving())
    found = [psnr_db(clip.y, transcode(clip, Coding(codec=codec, quality=one)).y) for one in qualities]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1] + 5.0
    assert found[0] > 38.0


@pytest.mark.parametrize("codec", CODECS)
def test_coding_twice_gives_the_same_bits(codec: str) -> None:
    clip, coding = clip_of(moving()), Coding(codec=codec, quality=10, preset="fast", b_frames=3)
    assert np.array_equal(transcode(clip, coding).y, transcode(clip, coding).y)


def test_without_blur_and_noise_the_camera_is_the_exact_bicubic() -> None:
    frames = moving(3)
    low, record = film(STILL, frames, 2, seeded())
    assert record == ()
    assert np.array_equal(low.y[1], np.rint(luma(bicubic_downscale(frames[1], 2))))


def test_a_sequence_keeps_one_strength_of_noise_with_new_grains() -> None:
    noisy = VideoOrder(blur=0.0, noise=1.0, gaussian=1.0, gaussian_sigma=(8.0, 8.0), grey=1.0)
    grey = np.full((4, 128, 128, 3), 128, np.uint8)
    low, record = film(noisy, grey, 2, seeded())
    assert record[0].numbers == {"sigma": 8.0, "shades": "grey"}
    first, second = low.y[0].astype(float) - 126.0, low.y[1].astype(float) - 126.0
    assert first.std() == pytest.approx(second.std(), rel=0.1)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.06


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_planes_come_and_go_as_pictures_do(scale: int) -> None:
    clip = clip_of(photo(24 * scale, 32 * scale)[None].repeat(3, axis=0), BT709)
    low, record = degrade_video(VideoOrder(), clip, scale, seeded(3))
    assert low.y.shape == (3, 24, 32)
    assert low.matrix == BT709
    assert record[-1].name == "codec"
    again, _ = degrade_video(VideoOrder(), clip, scale, seeded(3))
    assert np.array_equal(low.y, again.y)
    rgb, _ = degrade_video(replace(STILL, matrix="bt709"), photo(24 * scale, 32 * scale)[None], scale, seeded(3))
    assert rgb.matrix == BT709


def test_codecs_and_their_settings_come_as_often_as_the_plan_says() -> None:
    random, plan, draws = seeded(), VideoOrder(), 2500
    codings = [draw_coding(plan, random) for _ in range(draws)]
    shares = Counter(one.codec for one in codings)
    for codec, p in plan.codecs.shares.items():
        assert abs(shares[codec] / draws - p) < 4.0 * math.sqrt(p * (1.0 - p) / draws)
    crfs = {one.quality for one in codings if one.codec != "mjpeg"}
    assert crfs == set(range(18, 36))
    assert {one.quality for one in codings if one.codec == "mjpeg"} == set(range(2, 13))
    assert {one.preset for one in codings} == set(plan.presets)
    assert {one.b_frames for one in codings} == {0, 1, 2, 3}
    assert (min(one.gop for one in codings), max(one.gop for one in codings)) == (12, 120)


def test_camera_blur_and_noise_come_as_often_as_the_plan_says() -> None:
    random, plan, draws = seeded(), VideoOrder(), 1500
    frames = np.full((1, 4, 4, 3), 99, np.uint8)
    done = Counter(step.name for _ in range(draws) for step in film(plan, frames, 2, random)[1])
    for name, p in (("blur", 0.7), ("gaussian", 0.4), ("poisson", 0.4)):
        assert abs(done[name] / draws - p) < 4.0 * math.sqrt(p * (1.0 - p) / draws)


def test_wrong_planes_are_refused() -> None:
    with pytest.raises(ValueError, match="4:2:0"):
        Clip(np.zeros((2, 8, 8), np.uint8), np.zeros((2, 8, 8), np.uint8), np.zeros((2, 8, 8), np.uint8))
    with pytest.raises(ValueError, match="multiples"):
        film(STILL, np.zeros((1, 9, 8, 3), np.uint8), 2, seeded())


@pytest.mark.parametrize("step_px", [1.25, 1.5, 1.73])
@pytest.mark.parametrize("angle_rad", [0.0, 0.3])
def test_the_window_lies_where_its_view_says_to_a_fiftieth_of_a_level(step_px: float, angle_rad: float) -> None:
    """Against the pattern itself: two waves, of which every place is known."""
    y, x = np.mgrid[0:200, 0:200].astype(np.float64)

    def pattern(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 0.5 + 0.2 * np.sin(0.21 * x + 0.1 * y) + 0.2 * np.cos(0.17 * y - 0.05 * x + 1.0)

    across, down = np.meshgrid(np.arange(64) - 31.5, np.arange(48) - 23.5)
    for move in (0.0, 0.25, 0.5, 0.8):
        view = View(99.3 + move, 101.1 - 0.7 * move, step_px, angle_rad)
        seen = look(pattern(x, y)[..., None].astype(np.float32), view, (48, 64))[..., 0]
        at_x = view.x_px + step_px * (across * math.cos(angle_rad) - down * math.sin(angle_rad))
        at_y = view.y_px + step_px * (across * math.sin(angle_rad) + down * math.cos(angle_rad))
        assert np.abs(seen - pattern(at_x, at_y)).max() < 0.02 * 0.4
        slope = np.gradient(pattern(at_x, at_y), axis=1)
        shift_px = ((seen - pattern(at_x, at_y)) * slope).sum() / (slope**2).sum()
        assert abs(shift_px) < 2e-3


@pytest.mark.parametrize(
    ("step_px", "wave", "least", "most"), [(1.25, 0.3, 0.95, 1.02), (1.5, 0.4, 0.78, 1.0), (1.5, 0.62, 0.0, 0.13)]
)
def test_frames_stay_sharp_and_do_not_alias(step_px: float, wave: float, least: float, most: float) -> None:
    """`wave` is in cycles per frame pixel; above 0.5 it must not come back as another."""
    x = np.arange(300) * (2.0 * math.pi * wave / step_px)
    source = (0.5 + 0.4 * np.cos(x))[None, :, None].repeat(300, axis=0).astype(np.float32)
    for move in (0.0, 0.3, 0.5):
        seen = look(source, View(149.5 + move, 149.5, step_px), (64, 64))[32, 8:-8, 0] - 0.5
        assert least <= seen.std() * math.sqrt(2.0) / 0.4 <= most


def test_frames_follow_each_other_smoothly_and_cuts_are_told() -> None:
    photographs = [photo(300, 340, 1), photo(260, 300, 2)]
    motion = make_motion(photographs, 60, (128, 160), seeded(4), Paths(cut=0.08))
    assert motion.frames.shape == (60, 128, 160, 3)
    assert motion.starts[0]
    assert 2 <= motion.starts.sum() <= 12
    change = np.abs(np.diff(motion.frames.astype(float), axis=0)).mean(axis=(1, 2, 3))
    goes_on = ~motion.starts[1:]
    assert change[goes_on].max() < 0.7 * change[~goes_on].min()
    assert change[goes_on].min() > 0.0
    moves = np.diff([(view.x_px, view.y_px) for view in motion.views], axis=0)
    steady = goes_on[1:] & goes_on[:-1]
    assert np.abs(moves[goes_on]).max() < 6.0
    assert np.abs(np.diff(moves, axis=0)[steady]).max() < 1.0
    for view, source in zip(motion.views, motion.sources, strict=True):
        near, far = abs(math.cos(view.angle_rad)), abs(math.sin(view.angle_rad))
        reach_x = view.step_px * (160 * near + 128 * far) / 2.0
        assert reach_x - 0.51 <= view.x_px <= photographs[source].shape[1] - 0.49 - reach_x


def test_cuts_come_as_often_as_they_should() -> None:
    none = make_motion([photo(40, 40)], 50, (24, 24), seeded(), Paths(cut=0.0))
    assert none.starts.sum() == 1
    often = make_motion([photo(40, 40)], 400, (8, 8), seeded(), Paths(cut=0.3))
    assert abs((often.starts.sum() - 1) / 399 - 0.3) < 4.0 * math.sqrt(0.21 / 399)


def test_motion_repeats_with_its_seed_and_fits_tight_photographs() -> None:
    tight = [photo(64, 80)]
    motion = make_motion(tight, 6, (64, 80), seeded(1), Paths(grain_sigma=(0.0, 0.0), exposure=(0.0, 0.0)))
    again = make_motion(tight, 6, (64, 80), seeded(1), Paths(grain_sigma=(0.0, 0.0), exposure=(0.0, 0.0)))
    assert np.array_equal(motion.frames, again.frames)
    with pytest.raises(ValueError, match="smaller than a frame"):
        make_motion(tight, 6, (66, 80), seeded(1))


def test_grain_is_new_in_every_frame_and_exposure_drifts() -> None:
    flat = [np.full((80, 80, 3), 128, np.uint8)]
    paths = Paths(grain_sigma=(2.0, 2.0), exposure=(0.1, 0.1), cut=0.0)
    frames = make_motion(flat, 9, (48, 48), seeded(), paths).frames.astype(float)
    assert frames[-1].mean() / frames[0].mean() == pytest.approx(1.05 / 0.95, rel=0.01)
    assert frames[4].std() == pytest.approx(2.0, rel=0.1)
    assert abs(np.corrcoef(frames[3].ravel(), frames[4].ravel())[0, 1]) < 0.06


def test_a_camera_that_stands_still_shows_the_same_but_for_what_crosses() -> None:
    quiet = {"grain_sigma": (0.0, 0.0), "exposure": (0.0, 0.0), "cut": 0.0, "still": 1.0}
    still = make_motion([photo(128, 128)], 5, (64, 64), seeded(), Paths(**quiet))
    assert len(set(still.views)) == 1
    assert all(np.array_equal(still.frames[0], one) for one in still.frames[1:])

    paths = Paths(**quiet, object=1.0, object_pan_px=(3.0, 3.0))
    flat = [np.full((128, 128, 3), level, np.uint8) for level in (60, 180)]
    for seed in range(20):
        frames = make_motion(flat, 9, (64, 64), seeded(seed), paths).frames[..., 0]
        ground, front = sorted(np.unique(frames), key=lambda level: -(frames == level).sum())[:2]
        if {ground, front} == {60, 180}:  # else it crosses its own photograph
            break
    middles = [np.argwhere(one == front).mean(0) for one in frames[3:6]]
    steps = [np.hypot(*(after - before)) for before, after in pairwise(middles)]
    assert steps == pytest.approx([3.0] * 2, abs=0.3)
    assert len(np.unique(frames)) > 2  # a soft edge between the two


def recipe(folder: Path, degrade: str = "") -> Path:
    path = folder / "a.toml"
    path.write_text(f'scales = [2]\nfolders = ["set"]\n{degrade}', "utf-8")
    return path


def test_the_contact_sheet_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for seed in range(3):
        Image.fromarray(photo(150, 170, seed)).save(tmp_path / "set" / f"{seed}a.png")
    out = tmp_path / "sheet.png"
    chosen = [str(recipe(tmp_path, "[degrade.first]\nblur = 0.5\n")), str(out), "--data", str(tmp_path)]
    result = CliRunner().invoke(command, [*chosen, "--pictures", "2"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "2 pictures, x2" in result.output
    with Image.open(out) as sheet:
        assert sheet.width == 4 * 248 + 8
        assert sheet.height > 5 * 240


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[degrade.first]\nblurr = 0.5\n", "unknown key 'blurr'"),
        ("degrade = 3\n", "degrade = 3"),
        ("[", "cannot be read"),
    ],
)
def test_a_wrong_recipe_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(UsageError) as raised:
        CliRunner().invoke(command, [str(recipe(tmp_path, text))], catch_exceptions=False, standalone_mode=False)
    assert problem in raised.value.problem
