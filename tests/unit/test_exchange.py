"""One upscaler gives way to another between two frames, however many frames are under way."""

from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsr.frame import Frame
from rtsr.upscalers.exchange import Exchange
from tests.unit.test_governor import FRAME, TwoAtOnce


@given(orders=st.lists(st.sampled_from(["begin", "ask", "put"]), max_size=60))
def test_results_come_from_whoever_began_them_and_all_but_the_last_are_closed(orders: list[str]) -> None:
    made = [TwoAtOnce(2, "0")]
    exchange = Exchange(made[0])
    under_way: deque[Callable[[], Frame]] = deque()
    for order in orders:
        if order == "put":
            made.append(TwoAtOnce(2, str(len(made))))
            exchange.put(made[-1])
        elif order == "begin" and len(under_way) < exchange.slots:
            exchange.turn()
            under_way.append(exchange.begin(FRAME))
        elif order == "ask" and under_way:
            assert under_way.popleft()().origin is FRAME  # what is closed early asserts, see TwoAtOnce
    while under_way:
        under_way.popleft()()
    exchange.turn()
    assert exchange.now is made[-1]
    assert not exchange.changing
    assert [one.closed for one in made] == [True] * (len(made) - 1) + [False]
    exchange.close()
    exchange.close()
    assert made[-1].closed


@pytest.mark.parametrize("waiting", [False, True])
def test_while_one_waits_no_second_frame_is_asked_for(waiting: bool) -> None:
    exchange = Exchange(TwoAtOnce(2, "now"))
    if waiting:
        exchange.put(TwoAtOnce(2, "next"))
    assert exchange.slots == (1 if waiting else 2)
    assert exchange.under_way == 0
    exchange.close()
