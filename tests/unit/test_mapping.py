"""ffmpeg's `-map` means what it means there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsr.errors import UsageError
from rtsr.sinks.mapping import Described, picked

KINDS = ("video", "audio", "audio", "subtitle", "subtitle", "data", "attachment", "cover")
STREAMS = [
    Described(n, kind, 100 + n, {"language": "eng" if n % 2 else "fra"}, frozenset({"default"} if n < 2 else ()))
    for n, kind in enumerate(KINDS)
]


@pytest.mark.parametrize(
    ("maps", "indexes"),
    [
        ([], [0, 1, 2, 3, 4, 5, 6, 7]),
        (["0"], [0, 1, 2, 3, 4, 5, 6, 7]),
        (["0:v"], [0, 7]),
        (["0:V"], [0]),
        (["0:a:1"], [2]),
        (["0:3", "0:0"], [0, 3]),
        (["0", "-0:s"], [0, 1, 2, 5, 6, 7]),
        (["-0:s"], [0, 1, 2, 5, 6, 7]),
        (["-0:s:0", "-0:d"], [0, 1, 2, 4, 6, 7]),
        (["0:v:0", "0:s:7?"], [0]),
        (["0:m:language:fra"], [0, 2, 4, 6]),
        (["0:a:m:language:fra"], [2]),
        (["0:disp:default"], [0, 1]),
        (["0:#103"], [3]),
        (["0:t"], [6]),
    ],
)
def test_maps_take_what_ffmpeg_takes(maps: list[str], indexes: list[int]) -> None:
    assert picked(maps, STREAMS) == indexes


@pytest.mark.parametrize(
    ("spec", "word"),
    [("0:a:2", "matches no stream"), ("1:v", "input 1"), ("v", "makes no sense"), ("0:q", "no stream specifier"),
     ("[x]", "makes no sense"), ("0:m", "no stream specifier")],
)  # fmt: skip
def test_nonsense_is_refused_with_its_mend(spec: str, word: str) -> None:
    with pytest.raises(UsageError, match="-map") as refused:
        picked([spec], STREAMS)
    assert word in refused.value.problem
    assert refused.value.mend


@given(st.lists(st.text("0:-?vasdt123m#", max_size=8), max_size=4))
def test_whatever_is_written_it_is_a_choice_or_a_sentence(maps: list[str]) -> None:
    try:
        taken = picked(maps, STREAMS)
    except UsageError:
        return
    assert taken == sorted(set(taken))
    assert set(taken) <= set(range(len(STREAMS)))
