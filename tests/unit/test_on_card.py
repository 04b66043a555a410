"""Pictures that stay on the GPU, on doubles of driver and runtime: memory, order, and what comes out of the encoder."""

import gc
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from rtsr.color import Siting
from rtsr.config import Upscale
from rtsr.device_planes import MACHINE, as_pair, as_planes, is_on_device, view_of
from rtsr.errors import BackendError
from rtsr.frame import Frame, PixelLayout
from rtsr.models import find_model
from rtsr.sinks import on_card as encoding
from rtsr.sinks.card_pictures import picture_on_card
from rtsr.sinks.encoder import Encoder
from rtsr.stages import Badge
from rtsr.swscale import Resampler
from rtsr.upscalers import tensorrt
from rtsr.upscalers.luma import LumaUpscaler
from rtsr.upscalers.on_card import OnCardUpscaler, hindrance, open_on_card
from rtsr.upscalers.openvino import open_engine
from rtsr.upscalers.typed_onnx import TypedGraph
from tests.conftest import make_frame, make_info
from tests.doubles.card_decoder import PITCH, Decoder
from tests.doubles.driver import Driver
from tests.doubles.gpu_machine import GpuMachine
from tests.doubles.trt_runtime import Api

SIZE = (70, 50)
BADGE = Badge("esr-tr-k5c2", 2, "TensorRT-RTX", "a double", "fp32", gpu=0)
OPTIONS = Upscale(model="esr-tr-k5c2", precision="fp32")


@pytest.fixture
def api(gpu_machine: GpuMachine) -> Api:
    """Plans by the real builder of TensorRT-RTX, run by the double."""
    return gpu_machine.api


@pytest.fixture
def decoder(api: Api) -> Iterator[Decoder]:
    with closing(Decoder()) as made:
        yield made


@pytest.fixture
def upscaler(api: Api, decoder: Decoder) -> Iterator[OnCardUpscaler]:
    info = make_info(*SIZE)
    with closing(open_on_card(OPTIONS, info, BADGE)) as opened:
        opened._decoded, opened._device = decoder.mark, (MACHINE, 0)
        yield opened
    gc.collect()


def expected(frame: Frame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the CPU makes of it."""
    card = find_model("esr-tr-k5c2", 2)
    with closing(open_engine(card, SIZE, 1, frame.layout)) as engine:
        y = engine.run(frame.y)
    _, u, v = Resampler(SIZE, 2, frame.color.siting, 1).scaled(frame)
    return y, u, v


def seen(frame: Frame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    y, u, v = (view_of(plane).copy() for plane in (frame.y, frame.u, frame.v))  # type: ignore[arg-type]
    return y, u, v


def test_pictures_come_out_as_the_cpu_makes_them(upscaler: OnCardUpscaler, decoder: Decoder) -> None:
    frames = [make_frame(*SIZE, seed=seed, pts=seed) for seed in range(5)]
    for frame in frames:
        given = decoder.frame(frame)
        larger = upscaler.upscale(given)
        assert (larger.width, larger.height, larger.pts) == (140, 100, frame.pts)
        assert larger.origin is given
        assert is_on_device(larger.y)
        y, u, v = seen(larger)
        right_y, right_u, right_v = expected(frame)
        assert np.abs(y.astype(int) - right_y).max() <= 1
        for one, other in ((u, right_u), (v, right_v)):
            off = np.abs(one.astype(int) - other.astype(int))
            assert off[6:-6, 6:-6].max() <= 1


def test_several_may_be_under_way_and_results_stay_as_they_are(upscaler: OnCardUpscaler, decoder: Decoder) -> None:
    frames = [make_frame(*SIZE, seed=seed) for seed in range(7)]
    waiting: list[Callable[[], Frame]] = []
    kept: list[Frame] = []
    for frame in frames:
        waiting.append(upscaler.begin(decoder.frame(frame)))
        if len(waiting) == upscaler.slots:
            kept.append(waiting.pop(0)())
    kept += [result() for result in waiting]
    assert len({as_pair(one.y, one.u, one.v)[0].address for one in kept}) == len(frames)
    for frame, larger in zip(frames, kept, strict=True):
        assert np.abs(seen(larger)[0].astype(int) - expected(frame)[0]).max() <= 1


def test_memory_that_was_let_go_is_used_again(upscaler: OnCardUpscaler, decoder: Decoder, gpu_double: Driver) -> None:
    frame = decoder.frame(make_frame(*SIZE))
    first = upscaler.upscale(frame)
    used = as_pair(first.y, first.u, first.v)[0].address
    live = gpu_double.live
    del first
    gc.collect()
    for _ in range(4):
        again = upscaler.upscale(frame)
        assert as_pair(again.y, again.u, again.v)[0].address == used
        del again
    assert gpu_double.live == live


def test_what_is_held_when_it_closes_is_freed_when_it_is_let_go(upscaler: OnCardUpscaler, decoder: Decoder) -> None:
    held = upscaler.upscale(decoder.frame(make_frame(*SIZE)))
    before = seen(held)
    upscaler.close()
    upscaler.close()
    for one, other in zip(seen(held), before, strict=True):
        assert np.array_equal(one, other)
    with pytest.raises(ValueError, match="closed"):
        upscaler.begin(held)  # and the fixture of the driver asks whether everything was freed


def test_frames_of_a_decoder_that_gave_up_are_copied_there(upscaler: OnCardUpscaler, decoder: Decoder) -> None:
    frames = [make_frame(*SIZE, seed=seed) for seed in range(6)]
    mixed = [decoder.frame(frame) if number < 3 else frame for number, frame in enumerate(frames)]
    waiting: list[Callable[[], Frame]] = []
    made: list[Frame] = []
    for frame in mixed:
        waiting.append(upscaler.begin(frame))
        if len(waiting) == upscaler.slots:
            made.append(waiting.pop(0)())
    for frame, larger in zip(frames, [*made, *(result() for result in waiting)], strict=True):
        right = expected(frame)
        for one, other in zip(seen(larger), right, strict=True):
            assert np.abs(one.astype(int) - other.astype(int))[6:-6, 6:-6].max() <= 1


def test_wrong_chroma_is_noticed_before_the_first_frame(api: Api) -> None:
    def spoil(made: np.ndarray, graph: TypedGraph) -> np.ndarray:
        return np.roll(made, 2, axis=3) if graph.model.startswith("chroma") else made

    api.spoil = spoil
    with pytest.raises(BackendError, match="wrong chroma"):
        open_on_card(OPTIONS, make_info(*SIZE), BADGE)


@pytest.mark.parametrize(
    ("info", "badge", "why"),
    [
        (make_info(*SIZE), BADGE, None),
        (make_info(*SIZE), replace(BADGE, gpu=None, backend="OpenVINO"), "machine's memory"),
        (make_info(*SIZE), replace(BADGE, backend="torch"), "machine's memory"),
        (make_info(*SIZE), replace(BADGE, tiles="in 4 tiles"), "in 4 tiles"),
        (make_info(*SIZE), replace(BADGE, resized="then Lanczos to 90x60"), "Lanczos"),
        (make_info(71, 50), BADGE, "71x50"),
        (make_info(70, 51), BADGE, "70x51"),
        (replace(make_info(*SIZE), layout=PixelLayout(10)), BADGE, "10-bit"),
        (replace(make_info(*SIZE), layout=PixelLayout(8, 0, 0)), BADGE, "4:4:4"),
    ],
)
def test_who_stays_on_the_card(info: Any, badge: Badge, why: str | None) -> None:
    found = hindrance(info, badge)
    assert found is None if why is None else why in str(found)


def test_every_siting_has_its_own_chroma(api: Api, decoder: Decoder) -> None:
    for siting in (Siting.CENTER, Siting.TOP_LEFT):
        frame = make_frame(*SIZE, siting=siting)
        info = replace(make_info(*SIZE), color=frame.color)
        with closing(open_on_card(OPTIONS, info, BADGE)) as opened:
            opened._decoded, opened._device = decoder.mark, (MACHINE, 0)
            _, u, _ = seen(opened.upscale(decoder.frame(frame)))
        right = expected(frame)[1]
        assert np.abs(u.astype(int) - right.astype(int))[6:-6, 6:-6].max() <= 1
    gc.collect()


def test_the_engine_that_takes_the_machines_memory_refuses_these(api: Api, decoder: Decoder) -> None:
    """Why the route is decided in one place: elsewhere such a plane is an error, not a wrong picture."""
    info, frame = make_info(*SIZE), decoder.frame(make_frame(*SIZE))
    engine = tensorrt.open_engine(find_model("esr-tr-k5c2", 2), SIZE, info.layout)
    chroma = Resampler(SIZE, 2, Siting.LEFT, 1)
    with closing(LumaUpscaler(engine, chroma, BADGE)) as plain, pytest.raises((TypeError, ValueError)):
        plain.upscale(frame)


def test_a_frame_of_device_planes_has_its_size(decoder: Decoder) -> None:
    frame = decoder.frame(make_frame(*SIZE))
    assert (frame.width, frame.height, frame.time_base) == (*SIZE, Fraction(1, 25))


def test_an_encoder_that_is_none_of_the_gpu_takes_no_pictures_there() -> None:
    info = make_info(140, 100)
    assert encoding.hindrance(Encoder("h264_nvenc"), info) is None
    assert "CPU" in str(encoding.hindrance(Encoder("libx264"), info))
    assert "becomes" in str(encoding.hindrance(Encoder("hevc_nvenc", layout=PixelLayout(10)), info))
    assert "padded" in str(encoding.hindrance(Encoder("h264_nvenc"), make_info(141, 100)))
    assert encoding.seated(Encoder("h264_nvenc"), BADGE).gpu is None
    assert encoding.seated(Encoder("h264_nvenc"), replace(BADGE, stays=True)).gpu == 0


def test_an_encoder_is_tried_before_the_first_frame(upscaler: OnCardUpscaler) -> None:
    found = encoding.trial(Encoder("h264_nvenc"), make_info(140, 100), upscaler.blank(), 0)
    assert found is not None  # no NVENC is here: a sentence, no exception
    gc.collect()


def test_planes_that_nvenc_could_not_find_are_refused(decoder: Decoder) -> None:
    """It is told the address of the first row alone."""
    frame = decoder.frame(make_frame(*SIZE))
    y, pairs = as_pair(frame.y, frame.u, frame.v)
    apart = as_planes(y, replace(pairs, address=pairs.address + PITCH))
    assert picture_on_card(frame).format.name == "nv12"
    with pytest.raises(ValueError, match="right below"):
        picture_on_card(replace(frame, y=apart[0], u=apart[1], v=apart[2]))
