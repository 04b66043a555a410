import threading

import pytest

from rtsr.mailbox import Mailbox


def test_items_come_in_order_and_then_the_error() -> None:
    box: Mailbox[int] = Mailbox(3)
    for item in range(3):
        assert box.put(item)
    box.close(ValueError("after the last"))
    reader = iter(box)
    assert [next(reader), next(reader), next(reader)] == [0, 1, 2]
    with pytest.raises(ValueError, match="after the last"):
        next(reader)


def test_a_full_live_mailbox_drops_the_oldest_and_counts() -> None:
    box: Mailbox[int] = Mailbox(1, "drop_oldest")
    for item in range(5):
        box.put(item)
    box.close()
    assert list(box) == [4]
    assert box.dropped == 4


def test_a_writer_that_waits_is_let_go_when_the_reader_leaves() -> None:
    box: Mailbox[int] = Mailbox(1)
    box.put(0)
    answers: list[bool] = []
    writer = threading.Thread(target=lambda: answers.append(box.put(1)))
    writer.start()
    box.leave()
    writer.join(10)
    assert answers == [False]


def test_a_reader_that_waits_is_let_go_by_close() -> None:
    box: Mailbox[int] = Mailbox(1)
    taken: list[list[int]] = []
    reader = threading.Thread(target=lambda: taken.append(list(box)))
    reader.start()
    box.close()
    reader.join(10)
    assert taken == [[]]


def test_put_after_close_says_no() -> None:
    box: Mailbox[int] = Mailbox(1)
    box.close()
    assert not box.put(1)


def test_a_mailbox_needs_a_slot() -> None:
    with pytest.raises(ValueError, match="needs a slot"):
        Mailbox(0)
