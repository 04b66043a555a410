"""The whole way on the GPU, on doubles: from what decodes there to a file, and where it is not taken."""

import gc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtsr.compose import compose
from rtsr.config import Upscale
from rtsr.device_planes import MACHINE
from rtsr.frame import Frame
from rtsr.models import find_model
from rtsr.sinks import upscaled_info
from rtsr.sinks.encoder import Encoder
from rtsr.sinks.null import NullSink
from rtsr.sinks.tone import Tone
from rtsr.sinks.video import open_video
from rtsr.sources import open_source
from rtsr.sources.reading import Reading
from rtsr.stages import Sink, Source, Upscaler
from rtsr.swscale import Resampler
from rtsr.upscalers import cuda, on_card
from rtsr.upscalers.openvino import open_engine
from tests.doubles.card_decoder import Decoder
from tests.doubles.gpu_machine import GpuMachine
from tests.films import film

SIZE = (70, 50)
OPTIONS = Upscale(model="esr-tr-k5c2", precision="fp32")


@pytest.fixture
def decoder(gpu_machine: GpuMachine) -> Iterator[Decoder]:
    with closing(Decoder()) as made:
        yield made


def expected(frame: Frame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the CPU makes of it."""
    card = find_model("esr-tr-k5c2", 2)
    with closing(open_engine(card, SIZE, 1, frame.layout)) as engine:
        y = engine.run(frame.y)
    _, u, v = Resampler(SIZE, 2, frame.color.siting, 1).scaled(frame)
    return y, u, v


class CardSource:
    """A film whose pictures a GPU decodes into its memory, in place of NVDEC; see `Accelerable`."""

    def __init__(self, inner: Source, decoder: Decoder, last: int) -> None:
        self._inner, self._decoder, self._last = inner, decoder, last
        self.stays = False
        self.info, self.seek, self.close = inner.info, inner.seek, inner.close

    @property
    def losses(self) -> tuple[str, ...]:
        return self._inner.losses

    def accelerate(self, _ordinal: int) -> str | None:
        return None

    def stay(self, _ordinal: int) -> str | None:
        self.stays = True
        return None

    def frames(self) -> Iterator[Frame]:
        for number, frame in enumerate(self._inner.frames()):
            gave_up = number > self._last  # then the CPU's pictures follow
            yield self._decoder.frame(frame) if self.stays and not gave_up else frame


@pytest.fixture
def carried(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be here: NVDEC's stream, NVENC, and memory that PyAV would take for a GPU's."""
    monkeypatch.setattr(on_card, "CUDA", MACHINE)
    monkeypatch.setattr(cuda.Context, "mark", lambda _self, event: decoder.mark(event))
    monkeypatch.setattr("rtsr.sources.hwdec.absent", lambda _ordinal: None)
    monkeypatch.setattr("rtsr.sinks.on_card.hindrance", lambda _encoder, _info: None)
    monkeypatch.setattr("rtsr.sinks.on_card.trial", lambda *_: None)


@pytest.mark.parametrize("last", [99, 5])
def test_from_decoder_to_encoder_nothing_is_lost(
    decoder: Decoder, carried: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    path, output = film(tmp_path / "clip.mkv", times=range(12), size=SIZE), tmp_path / "out.mkv"
    encoder, badges = Encoder("libx264", crf=0), []

    def opened(uri: str, **part: Any) -> Source:
        return CardSource(open_source(uri, **part), decoder, last)

    def sink(source: Source, upscaler: Upscaler) -> Sink:
        badges.append(upscaler.badge)
        return open_video(str(output), upscaled_info(source.info, upscaler), encoder, Tone(Fraction(0), Fraction(0)))

    monkeypatch.setattr("rtsr.compose.open_source", opened)
    asked = replace(OPTIONS, backend="tensorrt")
    with_encoder = {"reading": Reading(hwdec="auto"), "encoder": lambda _info: encoder}
    compose(str(path), asked, sink, **with_encoder).run()
    gc.collect()
    assert badges[0].stays
    assert "decoder to encoder" in str(badges[0])
    with closing(open_source(str(path))) as source, closing(open_source(str(output))) as made:
        pairs = list(zip(source.frames(), made.frames(), strict=True))
    assert len(pairs) == 12
    for frame, larger in pairs:
        for one, other in zip((larger.y, larger.u, larger.v), expected(frame), strict=True):
            assert np.abs(one.astype(int) - other.astype(int))[6:-6, 6:-6].max() <= 1


def test_where_one_of_the_three_is_missing_pictures_go_by_the_machines_memory(
    gpu_machine: GpuMachine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No NVDEC is here, and no NVENC."""
    path, badges = film(tmp_path / "clip.mkv", times=range(6), size=SIZE), []

    def sink(_source: Source, upscaler: Upscaler) -> Sink:
        badges.append(upscaler.badge)
        return NullSink()

    caplog.set_level("INFO", "rtsr")
    asked = replace(OPTIONS, backend="tensorrt")
    with_encoder = {"reading": Reading(hwdec="auto"), "encoder": lambda _info: Encoder("h264_nvenc")}
    compose(str(path), asked, sink, **with_encoder).run()
    assert badges[0].gpu == 0
    assert not badges[0].stays
    assert "decoder: the CPU, not NVDEC" in caplog.text
    assert "pictures do not stay on the GPU" in caplog.text
