"""An option that the encoder does not know or use is told before the start, with the nearest name."""

import pytest

from rtsr.errors import UsageError
from rtsr.sinks.encoder import Encoder
from rtsr.sinks.encoder_trial import try_options
from tests.conftest import make_info


@pytest.mark.parametrize(
    ("codec", "extra"),
    [
        ("libx264", {"tune": "film", "g": "48", "x264-params": "ref=3:bframes=2"}),
        ("libx265", {"x265-params": "ref=3:no-sao=1"}),
        ("libsvtav1", {"svtav1-params": "tune=0:film-grain=8"}),
    ],
)
def test_good_options_pass(codec: str, extra: dict[str, str]) -> None:
    try_options(Encoder(codec, extra=tuple(extra.items())), make_info(64, 48))


@pytest.mark.parametrize(
    ("codec", "extra", "word", "mend"),
    [
        ("libx264", {"tunee": "film"}, "tunee", "did you mean tune?"),
        ("libx264", {"x264-params": "bframe=2"}, "no setting bframe", "did you mean bframes?"),
        ("libx264", {"x264-params": "bframes=x"}, "value of bframes", "give another value"),
        ("libx264", {"g": "abc"}, "g=abc", "give another value"),
        ("libx264", {"tune": "warp"}, "tune", "give another value"),
        ("libx265", {"x265-params": "log-level=error:reff=3"}, "no setting reff", "did you mean ref?"),
        ("libsvtav1", {"svtav1-params": "film-grin=8"}, "no setting film-grin", "did you mean film-grain?"),
    ],
)
def test_bad_options_are_refused(codec: str, extra: dict[str, str], word: str, mend: str) -> None:
    with pytest.raises(UsageError) as refused:
        try_options(Encoder(codec, extra=tuple(extra.items())), make_info(64, 48))
    assert word in refused.value.problem
    assert refused.value.mend == mend
