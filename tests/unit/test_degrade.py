"""Degradations of stills: every operation does what it says, as often as the plan says, and the same for one seed."""

import io
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from rtsr.errors import UsageError
from training.degrade.draws import draw_weighted, happens
from training.degrade.kernels import bell, draw_blur, padded, sinc
from training.degrade.operations import (
    blur,
    gaussian_noise,
    jpeg,
    poisson_noise,
    resize,
    sharpen,
    to_8bit,
    to_float,
)
from training.degrade.order import Record, Step, degrade, first_order, make_pair
from training.degrade.plan import Degradation, Kernels, Order, read_degradation

DRAWS = 2500
KINDS = {"iso": 0.45, "aniso": 0.25, "generalized_iso": 0.12, "generalized_aniso": 0.03}
KINDS |= {"plateau_iso": 0.12, "plateau_aniso": 0.03}
SIDES = (7, 9, 11, 13, 15, 17, 19, 21)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """As training has it; more make small pictures slow."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(height, width, 3) uint8: soft blobs with some edges."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def near(count: int, of: int, probability: float) -> bool:
    """Four standard deviations: one in 16,000 would fail by chance, and with fixed seeds none does."""
    return abs(count / of - probability) <= 4.0 * math.sqrt(probability * (1.0 - probability) / of) + 1e-12


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """What was done to the same small picture with the defaults, DRAWS times."""
    random, plan, small = seeded(1), Degradation(), photo(8, 8)
    return [degrade(plan, small, 2, random)[1] for _ in range(DRAWS)]


def steps(records: list[Record], stage: str, *names: str) -> list[Step]:
    return [step for record in records for step in record if step.stage == stage and step.name in names]


@pytest.mark.parametrize("profile", ["gaussian", "generalized", "plateau"])
@pytest.mark.parametrize("side", SIDES)
def test_bells_add_up_to_one_and_are_as_symmetric_as_they_must(profile: str, side: int) -> None:
    turned = bell(side, (0.4, 2.5), 0.7, profile, 1.7)
    assert turned.sum() == pytest.approx(1.0, abs=1e-12)
    assert turned == pytest.approx(turned[::-1, ::-1], abs=1e-15)
    round_one = bell(side, (1.5, 1.5), 0.0, profile, 1.7)
    for same in (round_one.T, round_one[::-1], round_one[:, ::-1]):
        assert round_one == pytest.approx(same, abs=1e-15)


def test_a_bell_is_as_wide_as_it_says_along_the_axis_it_says() -> None:
    y, x = np.mgrid[-10:11, -10:11]
    kernel = bell(21, (2.0, 1.0), math.pi / 6)
    along = x * math.cos(math.pi / 6) + y * math.sin(math.pi / 6)
    across = y * math.cos(math.pi / 6) - x * math.sin(math.pi / 6)
    assert (kernel * along**2).sum() == pytest.approx(4.0, rel=1e-3)
    assert (kernel * across**2).sum() == pytest.approx(1.0, rel=1e-3)
    assert bell(21, (2.0, 1.0), 0.3, "generalized", 1.0) == pytest.approx(bell(21, (2.0, 1.0), 0.3), abs=1e-15)


def test_generalised_bells_grow_flat_or_pointed_and_plateaus_have_longer_tails() -> None:
    flat, gaussian, pointed = (bell(21, (2.0, 2.0), 0.0, "generalized", beta) for beta in (3.0, 1.0, 0.5))
    assert flat[10, 10] / flat[10, 11] < gaussian[10, 10] / gaussian[10, 11] < pointed[10, 10] / pointed[10, 11]
    plateau = bell(21, (2.0, 2.0), 0.0, "plateau", 1.0)
    assert plateau[10, 12] / plateau[10, 10] == pytest.approx(0.5)
    assert plateau[10, 18] > 10.0 * gaussian[10, 18]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("cutoff_rad", [math.pi / 3, 2.0, 3.0])
def test_a_sinc_adds_up_to_one_and_is_round(side: int, cutoff_rad: float) -> None:
    kernel = sinc(side, cutoff_rad)
    assert kernel.sum() == pytest.approx(1.0, abs=1e-12)
    for same in (kernel.T, kernel[::-1], kernel[:, ::-1]):
        assert kernel == pytest.approx(same, abs=1e-15)


@pytest.mark.parametrize("cutoff_rad", [math.pi / 5, math.pi / 3, 0.55 * math.pi, 0.75 * math.pi])
@pytest.mark.parametrize("direction_rad", [0.0, 0.4])
def test_a_sinc_passes_waves_below_its_cutoff_and_stops_those_above(cutoff_rad: float, direction_rad: float) -> None:
    y, x = np.mgrid[-10:11, -10:11]
    along = x * math.cos(direction_rad) + y * math.sin(direction_rad)

    def gain(wave_rad: float) -> float:
        return float((sinc(21, cutoff_rad) * np.cos(wave_rad * along)).sum())

    margin = 0.35  # of the 21 taps: a window of 10 pixels' reach blurs the edge by some pi / 10
    assert gain(max(cutoff_rad - margin, 0.0)) > 0.75
    assert abs(gain(cutoff_rad + margin)) < 0.25
    assert gain(cutoff_rad) == pytest.approx(0.5, abs=0.15)


def test_drawn_kernels_are_padded_have_their_sides_and_add_up_to_one() -> None:
    random = seeded()
    sides: Counter[float] = Counter()
    for _ in range(800):
        kernel, numbers = draw_blur(Order(), random)
        side = int(numbers["side"])
        sides[side] += 1
        edge = (21 - side) // 2
        assert kernel.shape == (21, 21)
        assert kernel.sum() == pytest.approx(1.0)
        assert edge == 0 or not kernel[:edge].any()
        least = math.pi / (3 if side < 13 else 5)
        assert numbers["kernel"] != "sinc" or least <= float(numbers["cutoff"]) <= math.pi
    assert all(near(sides[side], 800, 1 / 8) for side in SIDES)
    assert padded(bell(7, (1.0, 1.0)))[7:14, 7:14] == pytest.approx(bell(7, (1.0, 1.0)))


def test_chances_of_nought_and_one_are_sure() -> None:
    random = seeded()
    assert not any(happens(0.0, random) for _ in range(500))
    assert all(happens(1.0, random) for _ in range(500))
    assert {draw_weighted({"a": 0.0, "b": 1.0, "c": 0.0}, random) for _ in range(500)} == {"b"}


@pytest.mark.parametrize(
    ("stage", "blur_p", "sigma_px", "up", "down", "factor", "sigma", "scale"),
    [
        ("first", 1.0, (0.2, 3.0), 0.2, 0.7, (0.15, 1.5), (1.0, 30.0), (0.05, 3.0)),
        ("second", 0.8, (0.2, 1.5), 0.3, 0.4, (0.3, 1.2), (1.0, 25.0), (0.05, 2.5)),
    ],
)
def test_each_operation_comes_as_often_and_as_strong_as_the_paper_says(
    records: list[Record], stage: str, blur_p: float, sigma_px: tuple, up: float, down: float, factor: tuple,
    sigma: tuple, scale: tuple,
) -> None:  # fmt: skip
    def within(step: list[Step], key: str, span: tuple[float, float]) -> bool:
        """All in the range, and its outer tenths not empty."""
        values = [float(one.numbers[key]) for one in step]
        tenth = (span[1] - span[0]) / 10.0
        return span[0] <= min(values) < span[0] + tenth and span[1] - tenth < max(values) <= span[1]

    blurs = steps(records, stage, "blur")
    bells = [one for one in blurs if one.numbers["kernel"] != "sinc"]
    assert near(len(blurs), DRAWS, blur_p)
    assert near(len(blurs) - len(bells), len(blurs), 0.1)
    kinds = Counter(one.numbers["kernel"] for one in bells)
    assert all(near(kinds[kind], len(bells), share) for kind, share in KINDS.items())
    assert within(bells, "sx", sigma_px)
    assert within(bells, "sy", sigma_px)
    assert within([one for one in bells if "angle" in one.numbers], "angle", (-math.pi, math.pi))
    for name, span in (("generalized", (0.5, 4.0)), ("plateau", (1.0, 2.0))):
        shaped = [one for one in bells if str(one.numbers["kernel"]).startswith(name)]
        assert within(shaped, "beta", span)
        assert near(sum(float(one.numbers["beta"]) <= 1.0 for one in shaped), len(shaped), 0.5)

    resizes = steps(records, stage, "resize")
    assert len(resizes) == DRAWS
    ways = Counter(one.numbers["way"] for one in resizes)
    assert all(near(ways[way], DRAWS, p) for way, p in (("up", up), ("down", down), ("keep", 1.0 - up - down)))
    filters = Counter(one.numbers["by"] for one in resizes)
    assert all(near(filters[by], DRAWS, 1 / 3) for by in ("area", "bilinear", "bicubic"))
    assert within(resizes, "factor", factor)
    assert all((one.numbers["way"] == "keep") == (one.numbers["factor"] == 1.0) for one in resizes)

    noises = steps(records, stage, "gaussian", "poisson")
    assert len(noises) == DRAWS
    gaussians = [one for one in noises if one.name == "gaussian"]
    assert near(len(gaussians), DRAWS, 0.5)
    assert within(gaussians, "sigma", sigma)
    assert within([one for one in noises if one.name == "poisson"], "scale", scale)
    assert near(sum(one.numbers["shades"] == "grey" for one in noises), DRAWS, 0.4)

    jpegs = steps(records, stage, "jpeg")
    assert len(jpegs) == DRAWS
    assert within(jpegs, "q", (30.0, 95.0))


def test_the_end_has_both_orders_and_its_own_sinc(records: list[Record]) -> None:
    before = sum([one.name for one in record][-1] == "jpeg" for record in records)
    assert near(before, DRAWS, 0.5)
    assert len(steps(records, "end", "resize")) == DRAWS
    sincs = steps(records, "end", "sinc")
    assert near(len(sincs), DRAWS, 0.8)
    cutoffs = [float(one.numbers["cutoff"]) for one in sincs]
    assert math.pi / 3 <= min(cutoffs) < 1.1
    assert 3.1 < max(cutoffs) <= math.pi
    for record in records:
        names = [(one.stage, one.name) for one in record]
        if ("end", "sinc") in names:
            assert names.index(("end", "sinc")) == names.index(("end", "resize")) + 1


def test_noise_is_as_strong_as_it_says() -> None:
    grey = np.full((200, 200, 3), 0.5, np.float32)
    colour = gaussian_noise(grey, 12.0, "colour", seeded()) - grey
    assert colour.std() * 255.0 == pytest.approx(12.0, rel=0.02)
    assert abs(np.corrcoef(colour[..., 0].ravel(), colour[..., 1].ravel())[0, 1]) < 0.03
    same = gaussian_noise(grey, 12.0, "grey", seeded()) - grey
    assert np.array_equal(same[..., 0], same[..., 2])
    assert gaussian_noise(grey, 0.0, "colour", seeded()) == pytest.approx(grey)


def test_poisson_noise_grows_with_the_root_of_the_brightness() -> None:
    levels = np.repeat(np.arange(256, dtype=np.float32) / 255.0, 400).reshape(256, 400, 1).repeat(3, axis=2)
    noise = poisson_noise(levels, 0.5, "colour", seeded()) - levels
    for level in (32, 64, 128):  # at 256 levels a photon is 1 / 256
        expected = 0.5 * math.sqrt(level / 255.0 / 256.0)
        assert noise[level - 4 : level + 5].std() == pytest.approx(expected, rel=0.05)
    same = poisson_noise(levels, 0.5, "grey", seeded()) - levels
    assert same[:200, :, 0] == pytest.approx(same[:200, :, 1], abs=1e-6)


def test_blur_is_a_convolution_mirrored_at_the_border() -> None:
    picture = to_float(photo(30, 41))
    kernel = padded(bell(9, (0.8, 2.0), 0.5))
    direct = cv2.filter2D(picture, -1, kernel[::-1, ::-1].astype(np.float32), borderType=cv2.BORDER_REFLECT_101)
    assert blur(picture, kernel) == pytest.approx(direct, abs=2e-6)


def test_sharpening_is_real_esrgans() -> None:
    picture = photo(96, 80, 3)
    image = picture.astype(np.float32) / 255.0
    residue = image - cv2.GaussianBlur(image, (51, 51), 0)
    soft = cv2.GaussianBlur((np.abs(residue) * 255.0 > 10.0).astype(np.float32), (51, 51), 0)
    expected = soft * np.clip(image + 0.5 * residue, 0.0, 1.0) + (1.0 - soft) * image
    assert np.abs(sharpen(picture).astype(float) - expected * 255.0).max() <= 0.51


def test_jpeg_is_what_a_file_holds() -> None:
    picture = photo(37, 50)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=40, subsampling=2)
    assert np.array_equal(to_8bit(jpeg(to_float(picture), 40)), np.asarray(Image.open(file)))


@pytest.mark.parametrize("by", ["area", "bilinear", "bicubic"])
def test_resizing_moves_nothing(by: str) -> None:
    picture = to_float(np.tile(np.arange(64, dtype=np.uint8)[:, None, None], (1, 64, 3)) * 3)
    made = resize(picture, (32, 48), by)
    assert made.shape == (32, 48, 3)
    assert made.mean() == pytest.approx(picture.mean(), abs=1e-4)
    assert made[16:, :].mean() - made[:16, :].mean() == pytest.approx(32 * 3 / 255.0, abs=1e-3)


@pytest.mark.parametrize("size_hw", [(2, 2), (2, 6), (6, 10), (14, 34), (66, 50)])
def test_any_size_becomes_half(size_hw: tuple[int, int]) -> None:
    for seed in range(12):
        low, _ = degrade(Degradation(), photo(*size_hw), 2, seeded(seed))
        assert low.shape == (size_hw[0] // 2, size_hw[1] // 2, 3)
        assert low.dtype == np.uint8


@pytest.mark.parametrize("scale", [3, 4])
def test_other_scales(scale: int) -> None:
    target, low, _ = make_pair(Degradation(), photo(15 * scale, 13 * scale), scale, seeded())
    assert target.shape == (15 * scale, 13 * scale, 3)
    assert low.shape == (15, 13, 3)


def test_one_seed_gives_the_same_bits_and_another_other_ones() -> None:
    picture, plan = photo(64, 64), Degradation()
    low, record = degrade(plan, picture, 2, seeded(5))
    again, once_more = degrade(plan, picture, 2, seeded(5))
    assert np.array_equal(low, again)
    assert record == once_more
    assert not np.array_equal(low, degrade(plan, picture, 2, seeded(6))[0])
    floating, _ = degrade(plan, picture / 255.0, 2, seeded(5))
    assert np.abs(low.astype(int) - floating).max() <= 1


def test_the_first_order_alone_draws_what_the_whole_draws() -> None:
    plan, picture = Degradation(target="plain"), photo(40, 40)
    half, record = first_order(plan.first, to_float(picture), seeded(2))
    assert half.dtype == np.float32
    assert degrade(plan, picture, 2, seeded(2))[1][: len(record)] == record


@pytest.mark.parametrize(
    ("colour", "jpeg_p", "off"),
    [
        ((128, 128, 128), 0.0, 0),
        ((0, 0, 0), 0.0, 0),
        ((255, 255, 255), 0.0, 0),
        ((200, 30, 90), 0.0, 0),
        ((128, 128, 128), 1.0, 0),  # JPEG's own middle
        ((0, 0, 0), 1.0, 2),  # at q 30 JPEG keeps the mean of a block to 27 / 8 / 2
        ((200, 30, 90), 1.0, 5),  # and chroma no better, which counts 1.77 times in blue
    ],
)
def test_without_noise_flat_stays_flat(colour: tuple[int, int, int], jpeg_p: float, off: int) -> None:
    plan = Degradation()
    first, second = (replace(order, noise=0.0, jpeg=jpeg_p) for order in (plan.first, plan.second))
    plan = replace(plan, first=first, second=second)
    flat = np.full((48, 48, 3), colour, np.uint8)
    for seed in range(25):
        target, low, _ = make_pair(plan, flat, 2, seeded(seed))
        assert np.array_equal(target, flat)
        assert np.abs(low.astype(int) - colour).max() <= off
        assert np.ptp(low.reshape(-1, 3), axis=0).max() == 0


def test_what_is_switched_off_does_not_come() -> None:
    off = Order(blur=0.0, resize_up=0.0, resize_down=0.0, noise=0.0, jpeg=0.0, resize_filters=("area",))
    plan = Degradation(first=off, second=off, final_sinc=0.0, target="plain")
    picture = photo(32, 32)
    low, record = degrade(plan, picture, 2, seeded())
    assert {one.name for one in record} == {"resize"}
    means = picture.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
    assert np.abs(low - means).max() <= 0.51
    _, record = degrade(Degradation(second_order=0.0), picture, 2, seeded())
    assert [one.name for one in record if one.stage == "second"] == ["jpeg"]


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (7, 8, 3), (0, 8, 3)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must be \(H, W, 3\)"):
        degrade(Degradation(), np.zeros(shape, np.uint8), 2, seeded())


def test_a_table_changes_what_it_names_and_keeps_the_rest() -> None:
    plan = read_degradation(
        {
            "target": "plain",
            "first": {"jpeg_quality": [60, 90], "kernels": {"iso": 1}, "gaussian_sigma": [1, 10]},
            "second": {"blur": 0.2, "resize_filters": ["area"]},
            "video": {"crf": [20, 30], "codecs": {"mjpeg": 0.0}},
        }
    )
    assert plan.target == "plain"
    assert plan.first == Order(jpeg_quality=(60, 90), kernels=Kernels(iso=1.0), gaussian_sigma=(1.0, 10.0))
    assert plan.second == replace(Degradation().second, blur=0.2, resize_filters=("area",))
    assert plan.video.codecs.shares == {"h264": 0.5, "h265": 0.35, "mjpeg": 0.0}
    assert read_degradation({}) == Degradation()


@pytest.mark.parametrize(
    ("table", "problem", "mend"),
    [
        ({"frist": {}}, "[degrade] has the unknown key 'frist'", "did you mean first?"),
        ({"first": {"blurr": 1.0}}, "[degrade.first] has the unknown key 'blurr'", "did you mean blur?"),
        ({"first": 3}, "[degrade] first = 3", "it is a table: [degrade.first]"),
        ({"first": {"blur": "x"}}, "[degrade.first] blur = 'x'", "it is of type float"),
        ({"first": {"blur": 1.5}}, "[degrade.first] blur = 1.5", "probability"),
        ({"first": {"sigma_px": [3, 1]}}, "sigma_px = [3.0, 1.0]", "smaller number first"),
        ({"first": {"sigma_px": [3]}}, "sigma_px = [3]", "[from, to]"),
        ({"first": {"jpeg_quality": [0, 95]}}, "jpeg_quality = [0, 95]", "1 or more"),
        ({"first": {"jpeg_quality": [30.5, 95]}}, "jpeg_quality = 30.5", "type int"),
        ({"first": {"kernel_sides": [8]}}, "kernel_sides = [8]", "odd"),
        ({"first": {"kernels": {"iso": -1}}}, "kernels = ", "0 or more"),
        ({"first": {"resize_filters": ["cubic"]}}, "resize_filters = 'cubic'", "did you mean bicubic?"),
        ({"second": {"resize_up": 0.7}}, "resize_up + resize_down = 1.1", "1 at most"),
        ({"second": {"resize_range": [1.1, 1.2]}}, "resize_range", "holds 1"),
        ({"target": "sharp"}, "[degrade] target = 'sharp'", "known are plain, usm"),
        ({"video": {"crf": [18, 60]}}, "[degrade.video] crf = [18, 60]", "51 or less"),
        ({"video": {"noise": float("nan")}}, "noise = nan", "probability"),
        ({"first": {"gaussian_sigma": [1, float("inf")]}}, "gaussian_sigma", "range"),
        ({"first": {"kernel_sides": []}}, "kernel_sides = []", "list"),
    ],
)
def test_a_wrong_table_is_refused_with_a_mend(table: dict, problem: str, mend: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_degradation(table)
    assert problem in raised.value.problem
    assert mend in raised.value.mend
