"""A part of a file, from one time to another, is exactly those frames of the whole."""

from itertools import pairwise
from pathlib import Path

import av
import pytest

from rtsr.errors import RtsrError
from rtsr.sources import open_source
from rtsr.sources.entry import packets_from
from rtsr.sources.keyframes import keyframe_times
from rtsr.sources.opening import first_video, open_container
from tests.films import film, shown, whole

CLIPS = [
    "bbb_480i_tff_anamorphic.ts",
    "bbb_720p_2audio_srt_chapters.mkv",
    "bbb_800x640_anamorphic_bframes.mp4",
    "bbb_960x540_60fps_vp9.webm",
    "camera_768x432_traffic_aac.mp4",
    "clip_pgs_bitmap_subs_ac3.mkv",
    "nasa_multi_stream_mov_text.mp4",
    "phone_1080p_hlg10_rotated_editlist.mp4",
    "phone_1080p_pq10_hdr10.mp4",
    "phone_720p_rotated.mp4",
    "phone_vfr_rotated_two_tracks.mp4",
    "webcam_640x480_fullrange.mkv",
]
X265 = "log-level=error:keyint=9:min-keyint=9:scenecut=0:bframes=4:b-pyramid=1"
VPX = {"g": "15", "cpu-used": "8", "lag-in-frames": "12", "auto-alt-ref": "1"}
MADE = {
    "h265 open gop": ("o.mkv", "libx265", {"x265-params": f"{X265}:open-gop=1"}),
    "h265 open gop in mp4": ("o.mp4", "libx265", {"x265-params": f"{X265}:open-gop=1"}),
    "h265 closed gop in ts": ("o.ts", "libx265", {"x265-params": f"{X265}:open-gop=0"}),
    "h264 open gop pyramid": ("o.mkv", "libx264", {"g": "9", "bf": "4", "b-pyramid": "normal", "flags": "-cgop"}),
    "h264 open gop in mp4": ("o.mp4", "libx264", {"g": "9", "bf": "4", "flags": "-cgop"}),
    "h264 open gop in ts": ("o.ts", "libx264", {"g": "9", "bf": "4", "flags": "-cgop"}),
    "h264 intra refresh": ("o.mkv", "libx264", {"g": "12", "intra-refresh": "1"}),
    "h264 intra refresh in ts": ("o.ts", "libx264", {"g": "12", "intra-refresh": "1"}),
    "h264 without times": ("o.h264", "libx264", {"g": "9", "bf": "3"}),
    "mpeg2 in ts": ("o.ts", "mpeg2video", {"g": "9", "bf": "2"}),
    "mpeg2 program": ("o.mpg", "mpeg2video", {"g": "9", "bf": "2"}),
    "mpeg4 in avi": ("o.avi", "mpeg4", {"g": "9"}),
    "mpeg4 with B in mp4": ("o.mp4", "mpeg4", {"g": "9", "bf": "2"}),
    "vp9 with hidden frames": ("o.webm", "libvpx-vp9", VPX),
    "vp8 with hidden frames": ("o.webm", "libvpx", VPX),
    "av1": ("o.mkv", "libsvtav1", {"g": "16", "preset": "13"}),
    "ffv1": ("o.mkv", "ffv1", {"g": "5"}),
    "motion jpeg": ("o.avi", "mjpeg", {"strict": "unofficial"}),
}  # fmt: skip


def whole_or_skip(path: Path) -> list[tuple[int, int, int]]:
    try:
        return whole(path)
    except RtsrError as error:
        pytest.skip(f"not upscaled: {error.problem}")


def cuts(path: Path, frames: list[tuple[int, int, int]]) -> list[int]:
    """Keyframes, the time after one, and a few others."""
    keys = [int(pts) for pts in keyframe_times(str(path))]
    some = [*keys[:2], *keys[-2:], *(pts + 1 for pts in keys[1:2]), frames[len(frames) // 2][0], frames[-1][0]]
    return sorted(set(some))


def same_parts(path: Path) -> None:
    frames = whole_or_skip(path)
    for begin in cuts(path, frames):
        assert list(shown(open_source(str(path), begin_pts=begin))) == [one for one in frames if one[0] >= begin]
    edges = [None, *cuts(path, frames)[1:], None]
    joined = []
    for begin, end in pairwise(edges):
        joined += shown(open_source(str(path), begin_pts=begin, end_pts=end))
    assert joined == frames


@pytest.mark.parametrize("name", CLIPS)
def test_parts_of_a_clip_are_its_frames(shared: Path, name: str) -> None:
    same_parts(shared / "video" / name)


@pytest.mark.parametrize("kind", MADE)
def test_parts_are_the_frames_whatever_the_codec_begins_with(tmp_path: Path, kind: str) -> None:
    name, codec, options = MADE[kind]
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no {codec}")
    same_parts(film(tmp_path / name, codec, options))


@pytest.mark.parametrize(
    ("kind", "enters_at"),
    [
        ("h265 open gop", 1080),  # in its own units, that of the keyframe asked for
        ("h264 open gop pyramid", 1080),
        ("h264 intra refresh", 0),  # no later picture is exact
        ("vp9 with hidden frames", 1200),
        ("ffv1", 1200),
    ],
)
def test_no_more_is_decoded_than_exactness_asks_for(tmp_path: Path, kind: str, enters_at: int) -> None:
    name, codec, options = MADE[kind]
    path = film(tmp_path / name, codec, options)
    with open_container(str(path)) as container:
        stream = first_video(str(path), container)
        packets = packets_from(container, stream, 1200)
        assert packets is not None
        assert next(packets).pts == enters_at


def test_a_part_behind_the_end_is_empty_and_times_can_be_asked_for_twice(tmp_path: Path) -> None:
    path = film(tmp_path / "o.mp4")
    assert list(shown(open_source(str(path), begin_pts=10**9))) == []
    assert keyframe_times(str(path)).tolist() == keyframe_times(str(path)).tolist() == [0]
    film(path, options={"g": "10"})  # another file of that name is read anew
    assert len(keyframe_times(str(path))) == 6


def test_a_file_without_times_has_no_keyframe_times(tmp_path: Path) -> None:
    assert len(keyframe_times(str(film(tmp_path / "o.h264", options={"g": "9"})))) == 0
