"""`--model auto`: what is chosen obeys its rule, is the best that does, and says why. Times are given, not measured."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsr.config import DEFAULT_MODEL, RULES, Encode, Image, Upscale, View
from rtsr.errors import BackendError, UsageError
from rtsr.frame import StreamInfo
from rtsr.jobs.choose import Need, best, choose, settle_pictures, settler
from rtsr.jobs.ladder import Rung, shipped_networks
from rtsr.jobs.timings import Timing, keep_timings
from tests.conftest import make_info

CLEAN = [
    Rung("small", "clean", 1.0, 2.0),
    Rung("middle", "clean", 2.0, 9.0),
    Rung("dull", "clean", 0.5, 8.0),
    Rung("large", "clean", 3.0, 400.0),
]
VIDEO = [Rung("compact", "video", 0.3, 12.0), Rung("compact-plus", "video", 0.4, 30.0)]
RUNGS = st.lists(
    st.builds(
        Rung,
        st.text("abc", min_size=1, max_size=3),
        st.sampled_from(["clean", "video"]),
        st.floats(-1, 4),
        st.floats(1e-3, 1e5),
    ),
    max_size=12,
    unique_by=lambda rung: rung.model,
)
CONTENTS = st.sampled_from([("clean",), ("video",), ("video", "clean")])


def need(job="view", quality="best", contents=("clean",), frame_ms=40.0) -> Need:
    return Need(job, quality, contents, frame_ms, lambda ms: f"{ms:.0f} ms")


@given(RUNGS, CONTENTS, st.sampled_from(list(RULES)), st.sampled_from(["fast", "balanced", "best"]), st.floats(1, 1000))
def test_what_is_chosen_obeys_its_rule_and_nothing_better_does(rungs, contents, job, quality, frame_ms):
    made = choose(rungs, need(job, quality, contents, frame_ms))
    most_ms = RULES[job][quality].most * frame_ms
    fitting = [rung for rung in rungs if rung.content in contents and rung.ms <= most_ms]
    if not fitting:
        ms = {rung.model: rung.ms for rung in rungs if rung.content in contents}
        held = bool(ms) and (job != "view" or min(ms.values()) <= 0.9 * frame_ms)
        assert (made.model != "bicubic") == held
        assert not held or ms[made.model] == min(ms.values())
        assert ("since none is within" if held else "no super-resolution") in made.sentence
        return
    (rung,) = (rung for rung in rungs if rung.model == made.model)
    assert rung in fitting
    first = next(content for content in contents if any(one.content == content for one in fitting))
    assert rung.content == first
    assert all(other.gain_db <= rung.gain_db for other in fitting if other.content == first)


@given(st.permutations(CLEAN + VIDEO), CONTENTS, st.floats(1, 500))
def test_the_order_of_the_ladder_does_not_matter(rungs, contents, most_ms):
    assert best(rungs, contents, most_ms) == best(CLEAN + VIDEO, contents, most_ms)


@given(RUNGS, CONTENTS, st.floats(1, 1000))
def test_more_quality_is_never_worse(rungs, contents, frame_ms):
    for job, rules in RULES.items():
        assert list(rules) == ["fast", "balanced", "best"]
        gains = []
        for quality in rules:
            rung = best(rungs, contents[:1], need(job, quality, frame_ms=frame_ms).most_ms)
            gains.append(rung.gain_db if rung else -9.0)
        assert gains == sorted(gains)


@pytest.mark.parametrize(
    ("job", "quality", "contents", "model"),
    [
        ("view", "fast", ("clean",), "small"),
        ("view", "balanced", ("clean",), "middle"),
        ("encode", "fast", ("clean",), "middle"),
        ("encode", "balanced", ("clean",), "middle"),
        ("encode", "best", ("clean",), "large"),
        ("view", "best", ("video", "clean"), "compact"),
        ("view", "balanced", ("video", "clean"), "middle"),  # the video nets are too slow, a clean one steps in
        ("encode", "balanced", ("video", "clean"), "compact-plus"),
        ("view", "balanced", ("video",), "compact"),  # but not where --content video was said: then the fastest
        ("view", "fast", ("video",), "compact"),
    ],
)
def test_the_rules_on_a_ladder(job, quality, contents, model):
    made = choose(CLEAN + VIDEO, need(job, quality, contents))
    assert made.model == model
    assert quality in made.sentence
    assert RULES[job][quality].words in made.sentence


def test_a_stand_in_says_why_it_is_one():
    assert "since none for compressed video is there" in choose(CLEAN, need(contents=("video", "clean"))).sentence
    slow = [*CLEAN, replace(VIDEO[0], ms=1e4)]
    assert "is quick enough" in choose(slow, need(contents=("video", "clean"))).sentence
    assert "since" not in choose(CLEAN, need()).sentence


def test_nothing_runs_or_nothing_holds_is_bicubic_and_said():
    assert "no network runs here" in choose([], need()).sentence
    made = choose(CLEAN, need(frame_ms=1.0))
    assert made.model == "bicubic"
    assert "the fastest network, small, does not hold the rate: +1.00 dB over bicubic, 2 ms" in made.sentence
    assert choose(CLEAN, need(frame_ms=3.0)).model == "small"
    assert choose(CLEAN, need("encode", "fast", frame_ms=1.0)).model == "small"
    assert "measured while the machine was busy" in choose([replace(CLEAN[0], busy=True)], need(frame_ms=1.0)).sentence


@pytest.mark.parametrize(
    ("given_options", "model"),
    [
        ({}, DEFAULT_MODEL),
        ({"quality": "fast"}, "auto"),
        ({"content": "clean"}, "auto"),
        ({"model": "auto"}, "auto"),
        ({"model": "auto", "quality": "best", "content": "clean"}, "auto"),
        ({"model": "imdn-light"}, "imdn-light"),
        ({"model": "imdn-light", "content": "auto"}, "imdn-light"),
    ],
)
@pytest.mark.parametrize("kind", [Upscale, Encode, View, Image])
def test_a_quality_or_a_content_implies_auto(kind, given_options, model):
    needed = {Upscale: {}, View: {"source": "a"}}.get(kind, {"source": "a", "output": "b"})
    assert kind(**needed, **given_options).model == model


@pytest.mark.parametrize("asked", [{"quality": "fast"}, {"content": "clean"}])
@pytest.mark.parametrize("model", [DEFAULT_MODEL, "imdn-light", "bicubic"])
def test_a_named_model_leaves_nothing_to_choose(model, asked):
    with pytest.raises(UsageError, match=f"--{next(iter(asked))} chooses a network, and --model {model} names one"):
        Upscale(model=model, **asked)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"backend": "bicubic"}, "runs no network"),
        ({"scale": 7}, "no network has scale 7"),
        ({"content": "video", "scale": 4}, "no network has learned from compressed video at x4"),
        ({"sharpness": 0.5}, "--sharpness"),
    ],
)
def test_what_cannot_be_chosen_is_refused_before_anything_is_opened(options, words):
    with pytest.raises(UsageError, match=words):
        settler(Upscale(model="auto", **options), "encode")


def recorded(backend: str = "auto", **ms: float) -> None:
    """A ladder of x2 as if measured at 960x540: these times in ms, and 10 s for every other network."""
    times = {card: ms.get(card.name.replace("-", "_"), 1e4) for card in shipped_networks(2)}
    keep_timings(
        Timing(card.name, card.onnx.sha256, 2, backend, 0, 960, 540, ms, busy=False) for card, ms in times.items()
    )


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RTSR_CACHE", str(tmp_path))
    monkeypatch.setattr("rtsr.jobs.ladder.at_size", lambda *_: pytest.fail("everything is known"))


def info(**changes: object) -> StreamInfo:
    return replace(make_info(960, 540), **{"rate_fps": Fraction(50), **changes})


@pytest.mark.usefixtures("cache")
def test_the_rate_and_the_size_of_the_source_decide():
    recorded(esr_tr_k5c2=4, ecbsr_m4c16=15)
    settle = settler(Upscale(model="auto"), "view")
    assert settle(info()).model == "esr-tr-k5c2"  # 15 of 20 ms would leave decoder and window too little
    assert settle(info(rate_fps=Fraction(25))).model == "ecbsr-m4c16"
    assert settle(info(rate_fps=None)).model == "ecbsr-m4c16"  # 30 are assumed: 15 of 33 ms
    assert settle(info(width=1920, height=1080)).why == "auto, the fastest, 0.8 of real time"  # four times the work
    assert settle(info(width=3840, height=2160)).model == "bicubic"
    assert settle(info(width=480, height=270)).model == "ecbsr-m4c16"
    assert settle(info()) is settle(info())


@pytest.mark.usefixtures("cache")
def test_a_named_backend_never_gives_way_to_bicubic():
    recorded("openvino", esr_tr_k5c2=30)
    with pytest.raises(BackendError, match="no network on openvino holds the rate of test"):
        settler(Upscale(model="auto", backend="openvino"), "view")(info())
    assert settler(Upscale(model="auto", backend="openvino"), "encode")(info()).model == "esr-tr-k5c2"


@pytest.mark.usefixtures("cache")
def test_the_choice_is_an_ordinary_named_model_with_its_reason():
    recorded(esr_tr_k5c2=4)
    settled = settler(Encode(source="a", output="b", quality="fast", threads=0), "encode")(info())
    assert (settled.model, settled.quality, settled.content) == ("esr-tr-k5c2", None, "auto")
    assert settled.why == "auto, fast, 0.2 of real time"
    assert isinstance(settled, Encode)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"frame_count": 1000}, "1000 frames in about 4 s beside the encoder"),
        ({"frame_count": 1_000_000}, "1000000 frames in about 67 min"),
        ({"frame_count": 0}, "0.2 s for a second of video"),
        ({}, "0.2 s for a second of video"),
    ],
)
def test_an_encode_is_forecast_as_far_as_its_length_is_known(changes, words, caplog):
    recorded(esr_tr_k5c2=4)
    caplog.set_level("INFO")
    settler(Upscale(model="auto"), "encode")(info(**changes))
    assert words in caplog.text


@pytest.mark.usefixtures("cache")
def test_pictures_are_clean_and_eight_views_take_eight_times_as_long(caplog):
    caplog.set_level("INFO")
    recorded(esr_tr_k5c2=4, ecbsr_m4c16=45)
    picture = Image(source="a", output="b", quality="fast")
    assert settle_pictures(picture).model == "ecbsr-m4c16"
    assert settle_pictures(replace(picture, ensemble=True)).model == "esr-tr-k5c2"
    assert "clean pictures" in caplog.text
    assert settle_pictures(Image(source="a", output="b")).model == DEFAULT_MODEL
