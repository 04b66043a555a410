"""Which encoder is taken, and what is refused before anything is encoded."""

from dataclasses import replace
from fractions import Fraction

import pytest

from rtsr.color import Siting
from rtsr.config import Encode
from rtsr.errors import BackendError, UsageError
from rtsr.frame import PixelLayout, StreamInfo
from rtsr.hdr import ContentLight, Hdr, MasteringDisplay
from rtsr.sinks.choice import Chosen, choose_encoder
from rtsr.sinks.codecs import CODECS, HARDWARE, carriers
from rtsr.sinks.hardware import refusal
from tests.deep import LAYOUTS, info_of, noise

XY = Fraction(1, 2), Fraction(1, 3)
STATIC = Hdr(MasteringDisplay((XY, XY, XY), XY, (Fraction(1, 100), Fraction(1000))), ContentLight(1000, 200))


def info(layout: PixelLayout = LAYOUTS[0], size: tuple[int, int] = (128, 96), hdr: Hdr | None = None) -> StreamInfo:
    told = replace(info_of(noise(8, 8, layout)), width=size[0], height=size[1])
    return replace(told, hdr=hdr or Hdr())


def chosen(told: StreamInfo, form: str = "matroska", **options: object) -> Chosen:
    return choose_encoder(Encode(source="a", output="b.mkv", **options), told, form)  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_without_a_word_the_pictures_stay_what_they_are(layout: PixelLayout) -> None:
    made = chosen(info(layout))
    assert made.encoder.layout == layout
    assert made.encoder.codec == ("libx264" if layout.bits <= 10 else "libx265")
    assert bool(made.notes) == (layout != LAYOUTS[0])  # whatever is not the usual is said


def test_8_bit_4_2_0_is_libx264_as_ever_and_nothing_is_said() -> None:
    assert chosen(info()) == Chosen(chosen(info()).encoder, ())
    assert chosen(info()).encoder.options() == {}


def test_a_container_that_cannot_hold_it_gets_what_it_holds() -> None:
    made = chosen(info(), "webm")
    assert made.encoder.codec == "libsvtav1"
    assert "go into webm" in made.notes[0]


@pytest.mark.parametrize(
    ("codec", "layout", "words"),
    [
        ("libsvtav1", PixelLayout(10, 1, 0), "take -c:v libx264 or .*-pix_fmt yuv420p10le"),
        (
            "libx264",
            PixelLayout(12),
            "take -c:v libx265 or -c:v ffv1; or convert \\(depth is lost\\): -pix_fmt yuv420p10le",
        ),
        ("prores_ks", PixelLayout(), "-pix_fmt yuv422p10le"),
        ("libvpx-vp9", PixelLayout(10), "-pix_fmt yuv420p"),
    ],
)
def test_a_layout_that_is_not_taken_is_refused_with_those_that_take_it(
    codec: str, layout: PixelLayout, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        chosen(info(layout), codec=codec)


def test_a_conversion_that_is_asked_for_is_done_and_said() -> None:
    made = chosen(info(PixelLayout(10, 1, 0)), codec="libsvtav1", pix_fmt="yuv420p")
    assert made.encoder.layout == PixelLayout()
    assert "depth is lost and chroma is lost" in made.notes[0]
    assert "nothing is lost" in chosen(info(), codec="prores_ks", pix_fmt="yuv422p10").notes[0].replace(
        "chroma is resampled", "nothing is lost"
    )
    with pytest.raises(UsageError, match="did you mean yuv420p10le"):
        chosen(info(), pix_fmt="yuv42010")
    with pytest.raises(UsageError, match="no YCbCr"):
        chosen(info(), pix_fmt="rgb24")


@pytest.mark.parametrize(
    ("codec", "size"), [("libx264", (16388, 64)), ("libsvtav1", (64, 8800)), ("libx265", (48, 64))]
)
def test_a_size_that_the_encoder_does_not_take_is_refused(codec: str, size: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match=rf"{codec} takes .* and the output is {size[0]}x{size[1]}"):
        chosen(info(size=size), codec=codec)


@pytest.mark.parametrize("codec", [name for name in CODECS if name not in HARDWARE])
def test_hdr10_is_carried_or_refused_unless_it_may_go(codec: str) -> None:
    layout = next(
        layout for layout in (PixelLayout(10), PixelLayout(10, 1, 0), PixelLayout()) if layout in carriers(codec)
    )
    told = info(layout, hdr=STATIC)
    if codec in ("libx264", "libx265", "libsvtav1"):
        assert not [note for note in chosen(told, codec=codec).notes if "lost" in note]
        return
    with pytest.raises(UsageError, match="--allow-loss hdr"):
        chosen(told, codec=codec)
    assert "mastering display" in " ".join(chosen(told, codec=codec, allow_loss="hdr").notes)


def test_metadata_of_single_frames_is_refused_unless_it_may_go() -> None:
    told = info(PixelLayout(10), hdr=replace(STATIC, dovi=True, hdr10plus=True))
    with pytest.raises(UsageError, match=r"Dolby Vision and HDR10\+ .*--allow-loss dovi,hdr10plus"):
        chosen(told)
    with pytest.raises(UsageError, match="carries Dolby Vision metadata"):
        chosen(told, allow_loss="hdr10plus")
    assert sum("metadata is lost" in note for note in chosen(told, allow_loss="dovi, hdr10plus").notes) == 2
    with pytest.raises(UsageError, match="did you mean dovi"):
        chosen(told, allow_loss="dov")


def test_a_siting_without_a_word_is_said() -> None:
    told = info()
    centred = replace(told, color=replace(told.color, siting=Siting.CENTER))
    assert chosen(centred).notes == ()
    assert "no word for center" in chosen(centred, codec="libsvtav1").notes[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"codec": "ffv1", "crf": 3.0}, "it is lossless"),
        ({"codec": "libvpx-vp9", "preset": "slow"}, "has no -preset"),
        ({"codec": "ffv1", "bitrate": "4M"}, "of no use to ffv1"),
        ({"bitrate": "4M", "crf": 20.0}, "leave one of the two out"),
        ({"bitrate": "4MB"}, "no number of bits"),
        ({"encoder_options": ("tun=grain",)}, "did you mean tune"),
        ({"encoder_options": ("grain",)}, "no KEY=VALUE"),
        ({"encoder_options": ("crf=3",)}, "use -crf"),
        ({"x265_params": "aq-mode=3"}, "of no use to libx264"),
    ],
)
def test_an_option_without_use_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        chosen(info(), **options)


def test_options_go_through() -> None:
    made = chosen(info(), codec="libx265", bitrate="2.5M", encoder_options=("tune=grain",), x265_params="aq-mode=3")
    assert dict(made.encoder.extra) == {"b": "2.5M", "tune": "grain", "x265-params": "aq-mode=3"}


def test_hardware_is_named_and_runs_or_is_refused_and_auto_always_finds_something() -> None:
    for name in HARDWARE:
        reason = refusal(name, "yuv420p")
        if reason is None:
            assert chosen(info(size=(256, 256)), codec=name).encoder.codec == name
            continue
        with pytest.raises(BackendError, match="cannot encode 256x256 8-bit 4:2:0 here"):
            chosen(info(size=(256, 256)), codec=name)
    made = chosen(info(size=(256, 256)), codec="auto")
    works = [name for name in HARDWARE if refusal(name, "yuv420p") is None]
    assert made.encoder.codec == (works[0] if works else "libx264")
    assert made.encoder.codec in made.notes[0]
    assert chosen(info(PixelLayout(12), (256, 256)), codec="auto").encoder.codec == "libx265"
