"""A damaged packet of copied sound costs that packet, and not the film."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rtsr.sinks.companion import Added
from rtsr.sinks.putting import put


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A second of AAC in a transport stream, each packet with a head of its own."""
    path = tmp_path / "sound.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        for at in range(0, 48_000, 1024):
            wave = np.sin(np.arange(at, at + 1024) / 20).astype(np.float32)[None]
            block = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = 48_000, at, Fraction(1, 48_000)
            container.mux(stream.encode(block))
        container.mux(stream.encode(None))
    return path


def test_times_that_go_back_rise_again_and_are_counted(sound: Path, tmp_path: Path) -> None:
    added = Added("audio", "aac")
    with av.open(str(sound)) as came, av.open(str(tmp_path / "o.mkv"), "w") as went:
        stream = went.add_stream_from_template(came.streams[0])
        packets = [packet for packet in came.demux() if packet.size]
        for number, packet in enumerate(packets):
            packet.stream = stream
            if 10 <= number < 13:
                packet.dts, packet.pts = packets[3].dts, packets[3].pts
            assert put(went, packet, added)
    assert added.retimed == 3
    assert added.damaged == 0
    with av.open(str(tmp_path / "o.mkv")) as container:
        times = [packet.dts for packet in container.demux() if packet.size]
    assert len(times) == len(packets)
    assert times == sorted(times)


def test_what_cannot_be_parsed_is_left_out_and_counted(sound: Path, tmp_path: Path) -> None:
    added = Added("audio", "aac")
    with av.open(str(sound)) as came, av.open(str(tmp_path / "o.mkv"), "w") as went:
        stream = went.add_stream_from_template(came.streams[0])
        taken = []
        for number, packet in enumerate(packet for packet in came.demux() if packet.size):
            if number == 5:
                broken = av.Packet(b"no head of AAC here")
                broken.pts, broken.dts, broken.time_base = packet.pts, packet.dts, packet.time_base
                packet = broken
            packet.stream = stream
            taken.append(put(went, packet, added))
    assert [number for number, there in enumerate(taken) if not there] == [5]
    assert added.damaged == 1
    with av.open(str(tmp_path / "o.mkv")) as container:
        assert sum(1 for packet in container.demux() if packet.size) == len(taken) - 1
