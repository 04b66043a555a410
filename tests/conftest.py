"""What every test may ask for: the shared clips and pictures, small frames, and stage doubles that are real."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rtsr.color import BT709, Color, Range, Siting
from rtsr.frame import Frame, StreamInfo, chroma_shape
from rtsr.sinks.priority import usual_priority
from tests.doubles.driver import Driver, _compiled, gpu_double  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from tests.doubles.gpu_machine import GpuMachine

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The evaluation sets, training pictures and real clips beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"the shared data is not beside this checkout: {SHARED} is missing")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_mine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whoever runs the tests may have imported models and measured them; no test sees that, or adds to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RTSR_MODELS", str(tmp_path_factory.mktemp("models")))
        patch.setenv("RTSR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _no_real_time_priority() -> Iterator[None]:
    """A test that opens SVT-AV1 by itself, as root, leaves its thread with a priority that starves the others."""
    yield
    usual_priority()


def make_frame(width: int, height: int, *, seed: int = 0, pts: int = 0, siting: Siting = Siting.LEFT) -> Frame:
    """A frame of soft noise: busy, without being nothing but aliasing."""
    rng = np.random.default_rng(seed)

    def plane(rows: int, columns: int) -> np.ndarray:
        noise = rng.integers(40, 216, (rows + 2, columns + 2)).astype(np.uint16)
        soft = (noise[:-2, :-2] + noise[1:-1, 1:-1] * 2 + noise[2:, 2:]) // 4
        return soft.astype(np.uint8)

    half = chroma_shape(width, height)
    color = Color(BT709, BT709, BT709, Range.LIMITED, siting)
    return Frame(plane(height, width), plane(*half), plane(*half), pts, Fraction(1, 25), color, duration=1)


def make_info(width: int, height: int, *, live: bool = False, frames: int | None = None) -> StreamInfo:
    """What a source of `make_frame`s would say."""
    color = make_frame(2, 2).color
    return StreamInfo("test", width, height, Fraction(1, 25), Fraction(25), frames, color=color, live=live)


@pytest.fixture
def frame() -> Frame:
    return make_frame(64, 48)


@pytest.fixture
def gpu_machine(gpu_double: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "GpuMachine":  # noqa: F811
    """A machine with one NVIDIA GPU, whose driver and TensorRT runtime are doubles."""
    from tests.doubles.gpu_machine import gpu_machine_with

    return gpu_machine_with(gpu_double, tmp_path, monkeypatch)


class ListSource:
    """A real `Source` of frames made beforehand."""

    def __init__(self, frames: list[Frame], *, live: bool = False) -> None:
        first = frames[0] if frames else make_frame(64, 48)
        self.info = make_info(first.width, first.height, live=live, frames=len(frames))
        self.losses: tuple[str, ...] = ()
        self.closed = 0
        self._frames = frames

    def frames(self) -> Iterator[Frame]:
        yield from self._frames

    def seek(self, time_s: Fraction) -> None:
        del time_s

    def close(self) -> None:
        self.closed += 1


class ListSink:
    """A real `Sink` that keeps what it is given."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.finished = self.closed = 0

    def write(self, frame: Frame) -> None:
        self.frames.append(frame)

    def finish(self) -> None:
        self.finished += 1

    def close(self) -> None:
        self.closed += 1
