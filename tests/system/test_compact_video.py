"""The networks for compressed video keep what they promise, on clips that no training saw, and on clean pictures."""

from pathlib import Path
from statistics import fmean

import pytest

from rtsr.config import Eval
from rtsr.jobs.eval_video_report import means
from rtsr.jobs.evaluate_video import Result, open_video_eval
from rtsr.models import find_model

CLIPS = (
    "bbb_720p_2audio_srt_chapters.mkv", "bbb_960x540_60fps_vp9.webm", "bbb_800x640_anamorphic_bframes.mp4",
    "webcam_640x480_fullrange.mkv", "phone_vfr_rotated_two_tracks.mp4",
)  # fmt: skip
FLOORS = {23: (0.8, 3.5), 28: (0.5, 3.0), 33: (0.25, 2.0)}
"""By CRF of H.264: PSNR-Y in dB and VMAF-neg over bicubic, means over the clips."""
MOST_FLICKER = 1.1
"""Over bicubic's."""
CLEAN_TWINS = {"compact-video": "ecbsr-m4c16", "compact-video-plus": "ecbsr-m10c16"}
MOST_CLEAN_LOSS_DB = 0.3
"""PSNR, on each of the four test sets."""


@pytest.fixture(scope="module")
def result(shared: Path) -> Result:
    places = tuple(str(shared / "video" / name) for name in CLIPS)
    job = open_video_eval(Eval(folders=places, models=",".join(CLEAN_TWINS), crfs="23,28,33", frames=30))
    job.run(lambda _: None)
    return job.result


@pytest.mark.parametrize("crf", FLOORS)
@pytest.mark.parametrize("model", CLEAN_TWINS)
def test_it_is_above_bicubic_by_what_was_asked_and_flickers_no_more(result: Result, model: str, crf: int) -> None:
    bicubic, network = (
        next(row for row in means(result.rows) if row.crf == crf and row.model == name) for name in ("bicubic", model)
    )
    least_db, least_vmaf = FLOORS[crf]
    assert network.psnr_y_db - bicubic.psnr_y_db > least_db
    if network.vmaf_neg is not None and bicubic.vmaf_neg is not None:
        assert network.vmaf_neg - bicubic.vmaf_neg > least_vmaf
    own = {name: [row for row in result.rows if row.model == name and row.crf == crf] for name in ("bicubic", model)}
    ratios = [one.flicker / other.flicker for one, other in zip(own[model], own["bicubic"], strict=True)]
    assert fmean(ratios) < MOST_FLICKER


@pytest.mark.parametrize("model", CLEAN_TWINS)
def test_clean_pictures_lose_little(model: str) -> None:
    for video, clean in zip(find_model(model, 2).quality, find_model(CLEAN_TWINS[model], 2).quality, strict=True):
        assert video.dataset == clean.dataset
        assert video.psnr_db > clean.psnr_db - MOST_CLEAN_LOSS_DB


@pytest.mark.parametrize("model", CLEAN_TWINS)
def test_its_card_says_what_it_is_for(model: str) -> None:
    card = find_model(model, 2)
    assert card.content == "video"
    assert [crf for crf, _ in card.video_gain_db] == list(FLOORS)
