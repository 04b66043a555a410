"""Every real clip into every container, as docs/encode-matrix.md tells: audited, or refused with these words."""

from pathlib import Path

import pytest

from benchmarks.encode_matrix import CONTAINERS
from rtsr.cli import main

REFUSALS = {
    "bbb_720p_2audio_srt_chapters.mkv": {"mov": "audio, opus", "webm": "audio, aac"},
    "bbb_960x540_60fps_vp9.webm": {"mov": "audio, vorbis"},
    "camera_768x432_traffic_aac.mp4": {"webm": "audio, aac"},
    "clip_pgs_bitmap_subs_ac3.mkv": {
        **dict.fromkeys(("mp4", "mov"), "subtitle, hdmv_pgs_subtitle"),
        "webm": "audio, ac3",
    },
    "nasa_multi_stream_mov_text.mp4": {"webm": "audio, aac"},
    "phone_1080p_hlg10_rotated_editlist.mp4": {
        "mkv": "data, mebx",
        **dict.fromkeys(("mp4", "mov"), "Dolby Vision"),
        "webm": "audio, aac",
    },
    "phone_1080p_pq10_hdr10.mp4": {**dict.fromkeys(("mkv", "mp4", "mov"), "HDR10+"), "webm": "audio, aac"},
    "phone_720p_rotated.mp4": {"webm": "audio, aac"},
    "phone_vfr_rotated_two_tracks.mp4": {"mkv": "data, mett", "webm": "video, hevc"},
}
CLIPS = (
    "bbb_480i_tff_anamorphic.ts", "bbb_800x640_anamorphic_bframes.mp4", "webcam_640x480_fullrange.mkv", *REFUSALS,
)  # fmt: skip


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("clip", CLIPS)
def test_a_clip_goes_into_a_container_or_is_refused_as_documented(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: str, container: str
) -> None:
    output = tmp_path / f"o.{container}"
    fast = ["-c:v", "libsvtav1", "-preset", "12"] if container == "webm" else ["-preset", "ultrafast"]
    wish = ["encode", str(shared / "video" / clip), str(output), "--model", "bicubic", "-t", "0.3", *fast]
    code = main([*wish, "--progress", "none"])
    said = capsys.readouterr().err
    reason = REFUSALS.get(clip, {}).get(container)
    assert (code, output.exists()) == ((0, True) if reason is None else (2, False)), said
    assert reason is None or reason in said
    assert {path.name for path in tmp_path.iterdir()} <= {output.name}


def test_all_clips_are_here(shared: Path) -> None:
    assert sorted(CLIPS) == sorted(path.name for path in (shared / "video").iterdir() if path.suffix != ".md")
