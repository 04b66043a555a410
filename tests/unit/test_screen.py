"""`screen:`, on an X server of our own."""

from contextlib import closing
from fractions import Fraction
from itertools import islice

import pytest

from rtsr.errors import SourceError, UsageError
from rtsr.sources import open_source
from rtsr.sources.live import Live
from rtsr.sources.reading import Reading
from rtsr.sources.returning import ReturningSource
from tests.system.test_viewer import x_server


def test_a_part_of_a_display_at_the_asked_rate() -> None:
    with (
        x_server("-noreset") as display,
        closing(open_source(f"screen:{display}?size=322x200&at=10,20&fps=20")) as source,
    ):
        assert (source.info.width, source.info.height, source.info.rate_fps) == (322, 200, Fraction(20))
        assert source.info.live
        frames = list(islice(source.frames(), 6))
    assert 0.1 < float(frames[-1].time_s) < 3


def test_it_comes_back_only_where_that_is_wanted() -> None:
    with x_server("-noreset") as display:
        for returns, kind in (("no", False), ("yes", True)):
            with closing(open_source(f"screen:{display}", reading=Reading(live=Live(returns=returns)))) as source:
                assert isinstance(source, ReturningSource) == kind


def test_the_display_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with x_server("-noreset") as display:
        monkeypatch.setenv("DISPLAY", display)
        with closing(open_source("screen:")) as source:
            assert (source.info.width, source.info.height) == (1280, 800)
    monkeypatch.delenv("DISPLAY")
    with pytest.raises(SourceError, match="there is no display"):
        open_source("screen:")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    with pytest.raises(SourceError, match="Wayland"):
        open_source("screen:")


@pytest.mark.parametrize(
    "query", ["foo=1", "size=0x4", "size=12", "fps=0", "fps=fast", "at=1", "cursor=perhaps", "size=-1x5", "fps="]
)
def test_nonsense_is_refused(query: str) -> None:
    with pytest.raises(UsageError):
        open_source(f"screen::0?{query}")


def test_what_is_not_on_a_display_is_refused() -> None:
    with x_server("-noreset") as display:
        for uri in (f"screen:{display}?size=9000x9000", "screen::987", "screen:nowhere"):
            with pytest.raises(SourceError, match="cannot be captured"):
                open_source(uri)
