"""A user's own clips as training pairs: the right frames, no cut, no comb, nothing of the end, and clear refusals."""

import dataclasses
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from rtsr.errors import SourceError, UsageError
from rtsr.jobs.video_metrics import find_cuts
from rtsr.planes import fill_plane
from rtsr.sources import open_source
from training.clips import bits_per_pixel, list_clips, open_clip
from training.data import bicubic_error
from training.own_video import Own, load_own, pairs_of, read_own
from training.recipe import CropRecipe, find_recipe, read_recipe
from training.shots import Look, read_shots, sharpness
from training.train_crops import Run, train_crops

RECIPE = CropRecipe(
    net="ecbsr", name="mine", shape={"blocks": 1, "channels": 4}, scales=(2,), start="other", folders=(".",),
    held_out=4, steps=4, batch=2, crop_px=16, check_every=2, warm_steps=0,
    own={"shots": 4, "frames": 4, "side_px": 96, "clean": 0.0, "order": {"blur": 0.0, "noise": 0.0}},
)  # fmt: skip
LOOK = Look(shots=4, frames=4, side_px=96, multiple_px=4, least_px=32, held_out=4)


def texture(seed: int, size_hw: tuple[int, int]) -> np.ndarray:
    """Soft blobs with fine grain, (H, W) uint8, within limited range."""
    random = np.random.default_rng(seed)
    coarse = random.normal(0, 30, (size_hw[0] // 8 + 2, size_hw[1] // 8 + 2)).clip(-60, 60)
    soft = np.asarray(Image.fromarray(coarse.astype(np.float32)).resize(size_hw[::-1], Image.Resampling.BICUBIC))
    return (125 + soft + random.normal(0, 4, size_hw)).clip(20, 230).astype(np.uint8)


def write(path: Path, lumas: list[np.ndarray], *, codec: str = "ffv1", **options: str) -> Path:
    """A clip of these, grey, 25 frames a second."""
    height, width = lumas[0].shape
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, luma in enumerate(lumas):
            picture = av.VideoFrame(width, height, "yuv420p")
            grey = np.full((height // 2, width // 2), 128, np.uint8)
            for plane, pixels in zip(picture.planes, (luma, grey, grey), strict=True):
                fill_plane(plane, pixels)
            picture.pts, picture.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def panned(seed: int, count: int, size_hw: tuple[int, int] = (96, 128)) -> list[np.ndarray]:
    """A window that moves over a texture, 2 pixels a frame."""
    wide = texture(seed, (size_hw[0], size_hw[1] + 2 * count))
    return [wide[:, 2 * number : 2 * number + size_hw[1]] for number in range(count)]


def levels(picture: torch.Tensor) -> np.ndarray:
    values = picture.numpy() * 255.0
    assert np.abs(values - np.rint(values)).max() < 1e-3
    return np.rint(values).astype(np.uint8)


def seed(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


@pytest.mark.parametrize("name", ["bbb_720p_2audio_srt_chapters.mkv", "bbb_960x540_60fps_vp9.webm"])
def test_a_target_is_the_frames_own_luma_and_its_input_a_coded_half_of_it(
    shared: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).symlink_to(shared / "video" / name)
    source = open_source(str(tmp_path / name))
    lumas = [frame.y.copy() for frame in source.frames()]
    source.close()
    (clip,) = load_own(RECIPE, 2, (tmp_path,), lambda _: None)
    assert clip.to_learn
    assert clip.held_out
    last_fourth = len(lumas) * 3 // 4
    for pairs, frames in ((clip.to_learn, lumas[: last_fourth + 1]), (clip.held_out, lumas[last_fourth - 1 :])):
        for pair in pairs:
            truth = levels(pair.high)
            assert truth.shape == (96, 96)
            assert pair.low.shape == (48, 48)
            assert any(lies_in(truth, luma) for luma in frames)  # of its own part of the clip, bit for bit
            assert bicubic_error(pair, 2) < 0.08**2  # the same place of the same frame


def lies_in(square: np.ndarray, luma: np.ndarray) -> bool:
    """Whether the square is a piece of the picture, exactly."""
    views = np.lib.stride_tricks.sliding_window_view(luma, 8, axis=1)
    rows, columns = np.nonzero((views == square[0, :8]).all(2))
    height, width = square.shape
    return any(
        np.array_equal(luma[row : row + height, column : column + width], square)
        for row, column in zip(rows, columns, strict=True)
    )


def test_full_range_is_made_limited(shared: Path) -> None:
    shots = read_shots(shared / "video" / "webcam_640x480_fullrange.mkv", LOOK, seed())
    assert min(shot.clip.y.min() for shot in shots) >= 16
    assert max(shot.clip.y.max() for shot in shots) <= 235


def test_no_shot_goes_over_a_cut(tmp_path: Path) -> None:
    dark, light = (
        [np.clip(one.astype(int) + by, 16, 235).astype(np.uint8) for one in panned(number, 36)]
        for number, by in ((0, -60), (1, 60))
    )
    frames = [one for number in range(6) for one in (dark, light)[number % 2][6 * number : 6 * number + 6]]
    assert sorted(find_cuts(frames)) == [6, 12, 18, 24, 30]
    shots = read_shots(write(tmp_path / "cuts.mkv", frames), LOOK, seed())
    assert len(shots) >= 3
    for shot in shots:
        assert not find_cuts(shot.clip.y)
    with pytest.raises(SourceError, match="no 7 frames in a row without a cut"):
        read_shots(tmp_path / "cuts.mkv", dataclasses.replace(LOOK, frames=7), seed())


def test_a_clip_that_says_it_is_interlaced_is_refused(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "a.ts").symlink_to(shared / "video" / "bbb_480i_tff_anamorphic.ts")
    with pytest.raises(SourceError, match=r"a\.ts is interlaced") as refused:
        load_own(RECIPE, 2, (tmp_path,), lambda _: None)
    assert "bwdif" in refused.value.mend
    assert "--skip-bad" in refused.value.mend


def test_a_clip_that_is_interlaced_and_does_not_say_so_is_refused(shared: Path, tmp_path: Path) -> None:
    with av.open(str(shared / "video" / "bbb_480i_tff_anamorphic.ts")) as container:
        lumas = [picture.to_ndarray()[: picture.height] for picture in islice(container.decode(video=0), 28)]
    lying = write(tmp_path / "lying.mkv", lumas)
    with pytest.raises(SourceError, match=r"lying\.mkv is interlaced, top field first"):
        read_shots(lying, LOOK, seed())


@pytest.mark.parametrize(
    "name",
    ["bbb_720p_2audio_srt_chapters.mkv", "camera_768x432_traffic_aac.mp4", "nasa_multi_stream_mov_text.mp4",
     "phone_720p_rotated.mp4", "phone_vfr_rotated_two_tracks.mp4", "webcam_640x480_fullrange.mkv"],
)  # fmt: skip
def test_real_progressive_clips_are_not_taken_for_interlaced(shared: Path, name: str) -> None:
    assert read_shots(shared / "video" / name, dataclasses.replace(LOOK, shots=8, side_px=320), seed())


def test_a_clip_too_short_or_too_small_and_one_of_ten_bits_are_refused_by_name(shared: Path, tmp_path: Path) -> None:
    short, small = write(tmp_path / "short.mkv", panned(0, 11)), write(tmp_path / "small.mkv", panned(0, 20, (28, 64)))
    with pytest.raises(SourceError, match=r"short\.mkv is too short: it has about 11 frames, and 16 are needed"):
        read_shots(short, LOOK, seed())
    with pytest.raises(SourceError, match=r"small\.mkv is 64x28, and less than 32 on one side is too small"):
        read_shots(small, LOOK, seed())
    with pytest.raises(SourceError, match="10-bit"):
        read_shots(shared / "video" / "phone_1080p_pq10_hdr10.mp4", LOOK, seed())


def test_a_clip_without_a_clean_frame_is_refused_by_name(tmp_path: Path) -> None:
    x = np.arange(128)[None, :] + np.zeros((96, 1))
    write(tmp_path / "blurred.mkv", [(128 + 40 * np.sin((x + n) / 50)).astype(np.uint8) for n in range(24)])
    with pytest.raises(SourceError, match=r"blurred\.mkv has no clean frame"):
        load_own(RECIPE, 2, (tmp_path,), lambda _: None)


def test_bad_clips_are_left_out_only_when_asked_and_named(shared: Path, tmp_path: Path) -> None:
    write(tmp_path / "good.mkv", panned(0, 24))
    write(tmp_path / "short.mkv", panned(0, 5))
    (tmp_path / "broken.mp4").write_bytes(b"no clip")
    (tmp_path / "notes.txt").write_text("mine")
    told: list[str] = []
    with pytest.raises(SourceError, match=r"broken\.mp4"):
        load_own(RECIPE, 2, (tmp_path,), told.append)
    told.clear()
    (clip,) = load_own(RECIPE, 2, (tmp_path,), told.append, skip_bad=True)
    assert clip.path.name == "good.mkv"
    for words in (r"notes.txt is no clip", "broken.mp4 is not a media file", "short.mkv is too short", "2 of 3 clips"):
        assert any(words in line for line in told), words
    (tmp_path / "good.mkv").unlink()
    with pytest.raises(SourceError, match="none of 2 clips can be used"):
        load_own(RECIPE, 2, (tmp_path,), told.append, skip_bad=True)


def test_a_lossless_clip_is_a_clean_master_and_of_another_only_sharp_frames_are_learned(tmp_path: Path) -> None:
    frames = panned(0, 48)
    blurred = [
        np.asarray(Image.fromarray(one).reduce(4).resize((128, 96), Image.Resampling.BICUBIC)) if number % 2 else one
        for number, one in enumerate(frames)
    ]
    clean, coded = tmp_path / "clean", tmp_path / "coded"
    for folder in (clean, coded):
        folder.mkdir()
    write(clean / "a.mkv", blurred)
    write(coded / "a.mkv", blurred, codec="libx264", crf="20")
    recipe = dataclasses.replace(RECIPE, own={**RECIPE.own, "clean_bpp": 1000.0})
    (whole,), (part,) = (load_own(recipe, 2, (folder,), lambda _: None) for folder in (clean, coded))
    assert whole.kind == "clean master, lossless"
    assert part.kind.endswith("its sharpest 50%")
    assert min(sharpness(levels(pair.high)) for pair in whole.to_learn) < 50
    assert min(sharpness(levels(pair.high)) for pair in part.to_learn) > 100


def test_x264_without_loss_is_known_by_its_profile(tmp_path: Path) -> None:
    assert bits_per_pixel(write(tmp_path / "a.mkv", panned(0, 4), codec="libx264", qp="0")) == np.inf
    assert bits_per_pixel(write(tmp_path / "b.mkv", panned(0, 4), codec="libx264", crf="30")) < 30


def test_a_folder_of_pictures_is_a_clip(tmp_path: Path) -> None:
    for place in ("reel", "."):
        (tmp_path / place).mkdir(exist_ok=True)
        for number, luma in enumerate(panned(3, 20)):
            Image.fromarray(np.repeat(luma[..., None], 3, 2)).save(tmp_path / place / f"{number:03}.png")
    assert [one.name for one in list_clips((tmp_path,), (".",), print)] == [tmp_path.name, "reel"]
    clips = load_own(RECIPE, 2, (tmp_path,), lambda _: None)
    assert [clip.kind for clip in clips] == ["clean master, lossless"] * 2
    Image.new("RGB", (20, 20)).save(tmp_path / "reel" / "004.png")
    with pytest.raises(SourceError, match=r"004\.png is 20x20, and the pictures of a clip have one size"):
        list(open_clip(tmp_path / "reel").frames())


def test_the_same_folder_gives_the_same_pairs(tmp_path: Path) -> None:
    write(tmp_path / "a.mkv", panned(0, 40))
    order = {"blur": 0.5, "noise": 0.5}
    recipe = dataclasses.replace(RECIPE, own={**RECIPE.own, "order": order})
    once, again = (pairs_of(load_own(recipe, 2, (tmp_path,), lambda _: None)) for _ in range(2))
    for side, other in zip(once, again, strict=True):
        assert all(torch.equal(a.low, b.low) and torch.equal(a.high, b.high) for a, b in zip(side, other, strict=True))


def test_a_long_clip_is_entered_in_the_middle(tmp_path: Path) -> None:
    frames = [np.full((64, 64), 16, np.uint8) + texture(0, (64, 64)) // 4 + number // 20 for number in range(1200)]
    path = write(tmp_path / "long.mkv", frames, codec="libx264", crf="0", g="25", preset="ultrafast")
    look = dataclasses.replace(LOOK, shots=3, side_px=64)
    means = [float(shot.clip.y.mean()) for shot in read_shots(path, look, seed())]
    wanted = [float(np.mean([frame.mean() for frame in frames[at : at + 4]])) for at in (0, 892, 900)]
    assert means == pytest.approx(wanted, abs=1.0)


def test_a_network_learns_from_it(tmp_path: Path) -> None:
    write(tmp_path / "a.mkv", panned(0, 40))
    trained = train_crops(RECIPE, 2, Run((tmp_path,), tmp_path / "run"), lambda _: None)
    assert trained.finished
    assert trained.crops_learned > trained.crops_held_out > 0


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"shot": 3}, "did you mean shots"),
        ({"frames": 0}, "positive"),
        ({"side_px": 3}, "64 or more"),
        ({"sharpest": 2}, "0 to 1"),
        ({"clean_bpp": -1.0}, "0 or a positive"),
        ({"kept": 2.5}, "of type int"),
        ({"order": {"codec": 1}}, "did you mean codecs"),
    ],
)
def test_a_wrong_table_is_refused_with_its_mend(table: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_own(table)
    assert words in f"{caught.value.problem} {caught.value.mend}"


def test_clips_start_from_a_model_and_stand_alone() -> None:
    with pytest.raises(UsageError, match=r"\[own\]"):
        dataclasses.replace(RECIPE, start="")
    with pytest.raises(UsageError, match="beside another table"):
        dataclasses.replace(RECIPE, footage={})


def test_the_recipe_that_ships_is_read() -> None:
    recipe = read_recipe(find_recipe("own-video"))
    assert isinstance(recipe, CropRecipe)
    assert read_own(recipe.own or {}).order.noise == 0.0
    assert read_own({}) == Own()
