"""Every sink keeps the promises of `Sink`."""

import os
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from rtsr.numbering import Numbering
from rtsr.sinks.encoder import Encoder
from rtsr.sinks.null import NullSink
from rtsr.sinks.sequence import open_sequence_sink
from rtsr.sinks.tone import Tone
from rtsr.sinks.video import open_video
from rtsr.stages import Sink
from tests.conftest import make_frame, make_info

Open = Callable[[], Sink]


def _video(folder: Path) -> Sink:
    tone = Tone(Fraction(1), Fraction(0))
    return open_video(str(folder / "o.mkv"), make_info(64, 48), Encoder("libx264", preset="ultrafast"), tone)


def _sequence(folder: Path) -> Sink:
    return open_sequence_sink(Numbering(folder, "", 3, ".png"), make_info(64, 48), lambda frame, place: place)


SINKS: dict[str, Callable[[Path], Sink]] = {
    "video": _video,
    "sequence": _sequence,
    "null": lambda folder: NullSink(),
}


@pytest.fixture(params=SINKS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    return lambda: SINKS[request.param](tmp_path)


@pytest.mark.parametrize("written", [0, 1, 5])
@pytest.mark.parametrize("finished", [True, False])
def test_close_closes_twice_after_anything(opened: Open, written: int, finished: bool) -> None:
    threads, handles = threading.active_count(), len(os.listdir("/proc/self/fd"))
    sink = opened()
    for number in range(written):
        sink.write(make_frame(64, 48, pts=number))
    if finished:
        sink.finish()
    sink.close()
    sink.close()
    del sink
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == handles


def test_what_was_written_before_an_error_still_plays(tmp_path: Path) -> None:
    sink = _video(tmp_path)
    for number in range(30):
        sink.write(make_frame(64, 48, pts=number))
    sink.close()  # no finish: as after an error
    with av.open(str(tmp_path / "o.mkv")) as container:
        assert sum(1 for _ in container.decode(video=0)) > 0
