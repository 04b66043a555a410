"""Colour is exact: bars through `rtsr encode`, of every matrix, range, depth and subsampling, and HDR's own tags."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rtsr.cli import main
from rtsr.color import BT709, BT2020_NCL, SMPTE170M, UNSPECIFIED, Color, Range
from rtsr.frame import PixelLayout
from rtsr.planes import FORMS, planes_of
from rtsr.sources.side_data import hdr_of
from tests.deep import BARS, film
from tests.system.clips import encode, made

TAGS = {
    "601": (SMPTE170M, 6, 6),
    "709": (BT709, 1, 1),
    "2020": (BT2020_NCL, 14, 9),
    "untagged": (UNSPECIFIED, UNSPECIFIED, UNSPECIFIED),
}
"""Matrix, transfer, primaries."""
BAR_PX = 16


def tags_of(path: Path) -> tuple[int, int, int, int]:
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        full = (context.pix_fmt or "").startswith("yuvj")
        tags = int(context.colorspace), int(context.color_trc), int(context.color_primaries)
        return *tags, 2 if full else int(context.color_range)


def assert_bars(path: Path, layout: PixelLayout, scale: int = 2) -> None:
    """The middle of each bar has its code values, give or take one, in every frame."""
    unit = 1 << (layout.bits - 8)
    across, down = layout.block_wh
    count = 0
    with av.open(str(path)) as container:
        for picture in container.decode(video=0):
            count += 1
            assert FORMS[picture.format.name].layout == layout
            for plane, which, (wide, high) in zip(
                planes_of(picture), range(3), ((1, 1), (across, down), (across, down)), strict=True
            ):
                assert plane.shape[0] == 48 * scale // high
                for number, codes in enumerate(BARS):
                    middle = (number * BAR_PX + BAR_PX // 2) * scale // wide
                    around = plane[:, middle - scale // wide : middle + scale // wide + 1].astype(int)
                    assert np.abs(around - codes[which] * unit).max() <= 1, (number, which)
    assert count == 3


@pytest.mark.parametrize("model", ["bicubic", "esr-tr-k5c2"])
@pytest.mark.parametrize("form", ["yuv420p", "yuv420p10le", "yuv422p10le", "yuv444p", "yuv444p12le"])
@pytest.mark.parametrize("range_", [Range.LIMITED, Range.FULL])
@pytest.mark.parametrize("tags", TAGS)
def test_bars_keep_their_levels_and_tags(tmp_path: Path, tags: str, range_: Range, form: str, model: str) -> None:
    color = Color(*TAGS[tags], range_)
    source = film(tmp_path / "in.mkv", form, color=color)
    out = tmp_path / "out.mkv"
    options = ["-y", "--progress", "none", "--model", model, "-c:v", "ffv1"]
    assert main(["encode", str(source), str(out), *options]) == 0
    assert tags_of(out) == (*TAGS[tags], int(range_)) == tags_of(source)
    assert_bars(out, FORMS[form].layout)


@pytest.mark.parametrize("form", ["yuv420p", "yuv422p10le", "yuv444p10le"])
@pytest.mark.parametrize("range_", [Range.UNSPECIFIED, Range.LIMITED, Range.FULL])
@pytest.mark.parametrize("tags", TAGS)
def test_h264_without_loss_keeps_them_too(tmp_path: Path, tags: str, range_: Range, form: str) -> None:
    source = film(tmp_path / "in.mkv", form, color=Color(*TAGS[tags], range_))
    out = tmp_path / "out.mkv"
    assert encode(source, out, "--model", "bicubic", "-c:v", "libx264", "-e", "qp=0") == 0
    implied = Range.LIMITED if range_ is Range.UNSPECIFIED and tags != "untagged" else range_  # by H.264 itself
    assert tags_of(out) == (*TAGS[tags], int(implied))
    assert_bars(out, FORMS[form].layout)


@pytest.mark.parametrize(
    ("codec", "form", "suffix"),
    [
        ("libx265", "yuv420p10le", ".mp4"),
        ("libx265", "yuv422p12le", ".mkv"),
        ("libsvtav1", "yuv420p10le", ".webm"),
        ("libvpx-vp9", "yuv444p", ".webm"),
        ("prores_ks", "yuv422p10le", ".mov"),
        ("prores_ks", "yuv444p10le", ".mov"),
        ("libx264", "yuv444p", ".mov"),
    ],
)
def test_every_encoder_takes_the_layout_it_is_offered_for(tmp_path: Path, codec: str, form: str, suffix: str) -> None:
    color = Color(*TAGS["709"], Range.LIMITED)
    source = film(tmp_path / "in.mkv", form, color=color)
    out = tmp_path / f"out{suffix}"
    assert main(["encode", str(source), str(out), "-y", "--progress", "none", "--model", "bicubic", "-c:v", codec]) == 0
    with av.open(str(out)) as container:
        picture = next(container.decode(video=0))
        layout, asked = FORMS[picture.format.name].layout, FORMS[form].layout
        assert layout.block_wh == asked.block_wh
        assert layout.bits == asked.bits or codec == "prores_ks"  # FFmpeg decodes ProRes 4444 to 12 bit, whatever it is
        unit = 1 << (layout.bits - 8)
        y = planes_of(picture)[0]
        for number, codes in enumerate(BARS):
            assert abs(int(y[40, (2 * number + 1) * BAR_PX]) - codes[0] * unit) <= 4 * unit
    assert tags_of(out)[:3] == TAGS["709"]


def test_a_conversion_that_is_asked_for_keeps_levels(tmp_path: Path) -> None:
    source = film(tmp_path / "in.mkv", "yuv444p10le", color=Color(*TAGS["709"], Range.LIMITED))
    out = tmp_path / "out.mkv"
    assert encode(source, out, "--model", "bicubic", "-c:v", "libx264", "-e", "qp=0", "-pix_fmt", "yuv420p") == 0
    assert_bars(out, PixelLayout())


def test_hlg_keeps_depth_and_tags(shared: Path, tmp_path: Path) -> None:
    source, out = shared / "video/phone_1080p_hlg10_rotated_editlist.mp4", tmp_path / "out.mov"
    assert encode(source, out, "--model", "bicubic", "-t", "0.1") == 2  # Dolby Vision would be lost
    assert not out.exists()
    assert encode(source, out, "--model", "bicubic", "-t", "0.1", "--allow-loss", "dovi") == 0
    assert tags_of(out) == (9, 18, 9, 1)
    with av.open(str(out)) as container:
        assert next(container.decode(video=0)).format.name == "yuv420p10le"


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_hdr10_is_the_same_when_it_is_opened_again(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], codec: str
) -> None:
    source, out = shared / "video/phone_1080p_pq10_hdr10.mp4", tmp_path / "out.mp4"
    how = "--model", "bicubic", "-t", "0.1", "-c:v", codec
    assert encode(source, out, *how) == 2
    assert "--allow-loss hdr10plus" in capsys.readouterr().err
    assert encode(source, out, *how, "--allow-loss", "hdr10plus") == 0
    assert tags_of(out) == (9, 16, 9, 1)
    with av.open(str(source)) as before, av.open(str(out)) as after:
        told = hdr_of(next(before.decode(video=0)))
        assert told.mastering is not None
        assert told.light is not None
        assert hdr_of(next(after.decode(video=0))) == replace(told, hdr10plus=False)


def test_hdr10_in_av1_is_what_av1_can_say(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as container:
        params = {"x265-params": "log-level=error:hdr10=1:max-cll=1000,400:master-display="
                  "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"}  # fmt: skip
        stream = container.add_stream("libx265", rate=25, options=params)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p10le"
        for number in range(2):
            picture = av.VideoFrame(128, 96, "yuv420p10le")
            picture.pts, picture.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    out = tmp_path / "out.mkv"
    assert (
        main(["encode", str(source), str(out), "-y", "--progress", "none", "-c:v", "libsvtav1", "-preset", "12"]) == 0
    )
    with av.open(str(source)) as before, av.open(str(out)) as after:
        wanted, found = (hdr_of(next(one.decode(video=0))) for one in (before, after))
    assert found.light == wanted.light
    assert wanted.mastering is not None
    assert found.mastering is not None
    for one, other in zip((*wanted.mastering.primaries, wanted.mastering.white),
                          (*found.mastering.primaries, found.mastering.white), strict=True):  # fmt: skip
        assert max(abs(a - b) for a, b in zip(one, other, strict=True)) <= Fraction(1, 65536)
    assert abs(wanted.mastering.luminance[0] - found.mastering.luminance[0]) <= Fraction(1, 16384)
    assert abs(wanted.mastering.luminance[1] - found.mastering.luminance[1]) <= Fraction(1, 256)


@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_h265_in_mp4_is_called_as_apples_players_want_it(tmp_path: Path, container: str) -> None:
    output = tmp_path / f"o.{container}"
    assert encode(made(tmp_path / "in.mkv", size=(64, 64)), output, "-c:v", "libx265", "--model", "bicubic") == 0
    assert b"hvc1" in output.read_bytes()
