"""What `rtsr explain` draws is what the network computes."""

import numpy as np
import pytest
import torch

from rtsr.jobs.explain import choose, kernels, orientation, read_filters, spectrum_db, unfold
from rtsr.models import find_model, verified_path
from rtsr.nets import esr, open_net
from rtsr.resample import bicubic_phases
from rtsr.upscalers.openvino import open_reference

NAMES = ("esr-max-k7c3", "esr-tm-k5c2", "esr-tm-k7c4", "esr-tr-k5c2")


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", NAMES)
def test_the_filters_give_the_networks_picture(name: str, scale: int) -> None:
    card = find_model(name, scale)
    picture = np.random.default_rng(0).random((19, 23), np.float32)
    choice = choose(read_filters(card), picture)
    np.testing.assert_allclose(choice.made, open_reference(card)(picture), rtol=0, atol=1e-5)
    np.testing.assert_allclose(choice.share.sum(axis=0), 1, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["esr-tm-k7c4", "esr-tr-k5c2"])
def test_unfolding_is_that_of_the_network(name: str) -> None:
    net = open_net(verified_path(find_model(name, 2), "safetensors"))
    plain = esr.unfold(net)
    weight = plain.weight.detach().numpy().reshape(plain.shape.plain_planes, 4, *plain.weight.shape[2:])
    count = plain.shape.channels
    ours = unfold(plain.shape.kind, count, 2, net.weight.detach().numpy())
    np.testing.assert_allclose(ours.value, weight[:count], atol=1e-6)
    assert ours.key is not None
    if ours.query is None:
        templates = weight[count:] - weight[count:].mean(axis=0)
    else:
        np.testing.assert_array_equal(ours.query, weight[count : 2 * count])
        templates = weight[2 * count :]
    np.testing.assert_allclose(ours.key, templates, atol=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_kernel_is_what_one_pixel_spreads_over_the_output(scale: int) -> None:
    random = np.random.default_rng(scale)
    phases = random.random((1, scale**2, 5, 5), np.float32)
    impulse = torch.zeros(1, 1, 9, 9)
    impulse[0, 0, 4, 4] = 1
    response = torch.nn.functional.conv2d(impulse, torch.from_numpy(phases[0][:, None]), padding=2)
    spread = torch.nn.functional.pixel_shuffle(response, scale)[0, 0].numpy()
    np.testing.assert_array_equal(kernels(phases)[0], spread[2 * scale : 7 * scale, 2 * scale : 7 * scale])


def test_the_bicubic_kernel_is_symmetric_passes_low_and_stops_high_frequencies() -> None:
    phases = bicubic_phases(2, 5).reshape(1, 4, 5, 5).astype(np.float32)
    (kernel,) = kernels(phases)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-7)
    level = spectrum_db(kernel, 4.0)
    assert level[128, 128] == pytest.approx(0, abs=1e-3)
    assert level[128, 0] < -50
    assert orientation(kernel)[1] < 1e-6


@pytest.mark.parametrize("angle_deg", [0, 30, 90, 135, 170])
def test_orientation_is_that_of_the_lines(angle_deg: int) -> None:
    down, across = np.mgrid[-20:21, -20:21]
    angle = np.radians(angle_deg)
    away = across * np.sin(angle) + down * np.cos(angle)  # from a line through the middle that rises by the angle
    found_deg, clear = orientation(np.cos(away / 2).astype(np.float32))
    assert min(abs(found_deg - angle_deg), 180 - abs(found_deg - angle_deg)) < 2
    assert clear > 0.9
