"""`rtsr eval --video` on a real clip: rows, columns and figures that make sense, and refusals by name."""

import csv
import io
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rtsr.cli import main
from rtsr.config import Eval
from rtsr.errors import BackendError, InterruptedRun
from rtsr.jobs import evaluate_video
from rtsr.jobs.eval_video_plan import list_clips
from rtsr.jobs.eval_video_plot import plot_video
from rtsr.jobs.eval_video_report import FORMATS, as_markdown, means
from rtsr.jobs.evaluate_video import Result, open_video_eval
from rtsr.jobs.video_metrics import Vmaf, find_vmaf
from tests.system.clips import made

CLIP = "video/camera_768x432_traffic_aac.mp4"
MODELS = ["bicubic", "lanczos", "esr-tm-k5c2"]
COLUMNS = ["clip", "scale", "codec", "crf", "model", "backend", "frames", "cuts"]
COLUMNS += ["low_kbps", "psnr_y_db", "ssim_y", "vmaf", "vmaf_neg", "flicker", "again_kbps", "master_kbps"]
COLUMNS += ["full_hd_p50_ms"]


@pytest.fixture(scope="module")
def result(shared: Path) -> Result:
    """A real clip and a synthetic one, six frames each."""
    places = (str(shared / CLIP), "pattern:256x144")
    job = open_video_eval(Eval(folders=places, models="esr-tm-k5c2", crfs="33,20", frames=6))
    times = []
    job.run(lambda frame: times.append(frame.time_s))
    assert len(times) == job.info.frame_count == 2 * 2 * 3 * 6
    assert times == sorted(times)
    return job.result


def test_rows_are_clip_by_encode_by_model(result: Result) -> None:
    assert [(row.clip, row.crf, row.model) for row in result.rows] == [
        (name, crf, model) for name in (Path(CLIP).name, "pattern:256x144") for crf in (20, 33) for model in MODELS
    ]
    assert {(row.frames, row.cuts, row.scale, row.codec) for row in result.rows} == {(6, 0, 2, "h264")}
    assert [row.backend.split()[0] for row in result.rows[:3]] == ["swscale", "Pillow", "OpenVINO"]
    assert set(result.speeds) == {(2, "bicubic"), (2, "esr-tm-k5c2")}
    assert not list(Path(tempfile.gettempdir()).glob("rtsr-eval-*"))


def test_a_coarser_encode_is_smaller_and_worse_by_every_measure(result: Result) -> None:
    for fine, coarse in zip(result.rows[:3], result.rows[3:6], strict=True):
        assert fine.low_kbps > coarse.low_kbps
        assert fine.psnr_y_db > coarse.psnr_y_db > 20
        assert 1 > fine.ssim_y > coarse.ssim_y > 0.5
        assert fine.master_kbps == coarse.master_kbps > fine.again_kbps > 0
        assert fine.flicker > 0


def test_vmaf_falls_with_the_crf_where_it_is_measured(result: Result) -> None:
    if result.vmaf.ffmpeg is None:
        pytest.skip(f"VMAF: {find_vmaf().reason}")
    for fine, coarse in zip(result.rows[:3], result.rows[3:6], strict=True):
        assert fine.vmaf is not None
        assert coarse.vmaf is not None
        assert 100 >= fine.vmaf > coarse.vmaf >= 0
        assert fine.vmaf_neg is not None
        assert fine.vmaf_neg <= fine.vmaf + 1e-6


def test_the_network_beats_bicubic_after_a_light_encode(result: Result) -> None:
    bicubic, _, network = result.rows[:3]
    assert network.psnr_y_db > bicubic.psnr_y_db


def test_tables_hold_clips_and_their_mean(result: Result) -> None:
    rows = json.loads(FORMATS["json"](result))
    assert list(rows[0]) == COLUMNS
    assert list(next(csv.DictReader(io.StringIO(FORMATS["csv"](result))))) == COLUMNS
    assert [row["clip"] for row in rows[12:]] == ["mean of 2"] * 6
    assert rows[12]["psnr_y_db"] == pytest.approx((rows[0]["psnr_y_db"] + rows[6]["psnr_y_db"]) / 2)
    table, legend = as_markdown(result).split("\n\n")
    assert len({len(line) for line in table.splitlines()}) == 1
    assert len(table.splitlines()) == 2 + 18
    for word in ("first 6 frames", "libx264 medium", "peak 255", "0 cuts", "x264 veryfast CRF 23", "1920x1080"):
        assert word in legend


def test_vmaf_that_is_absent_is_said_by_name(result: Result) -> None:
    rows = tuple(replace(row, vmaf=None, vmaf_neg=None) for row in result.rows)
    without = replace(result, rows=rows, vmaf=Vmaf(None, "imageio-ffmpeg is not installed"))
    shown = as_markdown(without)
    assert "VMAF, VMAF-neg: not measured: imageio-ffmpeg is not installed." in shown
    assert "| not measured | not measured |" in shown
    assert means(rows)[0].vmaf is None


def test_the_figure_has_a_pair_of_panels_for_each_measure(result: Result, tmp_path: Path) -> None:
    plot_video(result, tmp_path / "both.png")
    rows = tuple(replace(row, vmaf=None, vmaf_neg=None) for row in result.rows)
    plot_video(replace(result, rows=rows), tmp_path / "one.png")
    plot_video(replace(result, rows=result.rows + tuple(replace(r, codec="h265") for r in rows)), tmp_path / "two.png")
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "two.png") as two:
        assert two.size == (one.width, 2 * one.height)
        assert len(np.unique(np.asarray(one.convert("RGB")).reshape(-1, 3), axis=0)) > 50


def test_the_command_prints_a_table_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    made(clips / "flat.mkv", size=(130, 136), frames=7)
    (clips / "notes.txt").write_text("no clip")
    figure = tmp_path / "q.png"
    wish = ["eval", "--video", str(clips), "--models", "lanczos,bicubic", "--codec", "mjpeg,h265", "--crf", "30"]
    assert main([*wish, "--format", "json", "--plot", str(figure)]) == 0
    told = capsys.readouterr()
    rows = json.loads(told.out)
    assert [(row["clip"], row["codec"], row["model"], row["frames"]) for row in rows] == [
        ("flat.mkv", codec, model, 7) for codec in ("mjpeg", "h265") for model in ("bicubic", "lanczos")
    ]
    assert "frame 28/28" in told.err
    assert figure.stat().st_size > 1000


def test_stopping_keeps_what_was_measured_and_no_temporary_file() -> None:
    job = open_video_eval(Eval(folders=("pattern:256x144",), models="bicubic", crfs="30", frames=5))
    frames = []

    def stop_in_the_second_row(frame: object) -> None:
        frames.append(frame)
        if len(frames) == 7:
            job.stop()

    with pytest.raises(InterruptedRun, match="after 1 of 2 rows"):
        job.run(stop_in_the_second_row)
    assert [row.model for row in job.result.rows] == ["bicubic"]
    assert "not measured" in as_markdown(job.result)
    assert not list(Path(tempfile.gettempdir()).glob("rtsr-eval-*"))


def test_what_cannot_be_measured_is_refused_by_name(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short, small = made(tmp_path / "short.mkv", size=(256, 144), frames=4), made(tmp_path / "small.mkv")
    empty = tmp_path / "empty"
    empty.mkdir()
    fine = "pattern:256x144"
    for arguments, code, words in [
        ([shared / "video/bbb_480i_tff_anamorphic.ts"], 3, "is interlaced"),
        ([shared / "video/phone_1080p_pq10_hdr10.mp4"], 3, "10-bit 4:2:0"),
        ([short], 3, "short.mkv is too short to be measured: it has 4 frames"),
        ([small], 3, "both sides must reach 128 pixels"),
        ([fine, "--scale", "3"], 3, "both sides must reach 192 pixels"),
        ([tmp_path / "absent.mp4"], 3, "does not exist"),
        ([empty], 3, "there is no clip in"),
        (["/dev/video0"], 3, "is live"),
        (["pattern:256x144?live=yes"], 3, "is live"),
        ([fine, "--codec", "h263"], 2, "did you mean h26"),
        ([fine, "--codec", ","], 2, "no codec is named"),
        ([fine, "--crf", "23,x"], 2, "no list of constant qualities"),
        ([fine, "--crf", "60"], 2, "not between 0 and 51"),
        ([fine, "--frames", "3"], 2, "not between 5 and"),
        ([fine, "--models", "esr-tm-k5c"], 2, "did you mean esr-tm-k5c2"),
        ([fine, "--plot", tmp_path / "no/q.png"], 2, "cannot be written"),
    ]:
        assert main(["eval", "--video", "--frames", "5", *map(str, arguments)]) == code, words
        told = capsys.readouterr()
        assert words in told.err
        assert "Traceback" not in told.err
        assert not told.out


def test_words_of_clips_are_refused_for_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(tmp_path), "--crf", "23"]) == 2
    assert "--crf is of clips" in capsys.readouterr().err


def test_bicubic_is_not_measured_in_a_networks_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise BackendError("OpenVINO cannot be loaded", mend="pip install openvino")

    monkeypatch.setitem(__import__("rtsr.upscalers", fromlist=["BACKENDS"]).BACKENDS, "openvino", broken)
    job = open_video_eval(Eval(folders=("pattern:256x144",), models="esr-tm-k5c2", crfs="30", frames=5))
    with pytest.raises(BackendError, match=r"must not be measured in its name: .*OpenVINO cannot be loaded"):
        job.run(lambda frame: None)


def test_clips_of_one_name_are_told_apart(tmp_path: Path) -> None:
    places = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        places.append(made(tmp_path / folder / "clip.mkv", size=(128, 128)))
    assert list(list_clips([str(tmp_path / "one"), str(tmp_path / "two")])) == [str(place) for place in places]
    assert list(list_clips([str(places[0]), str(places[0])])) == ["clip.mkv"]


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(evaluate_video, "write_luma", full)
    assert main(["eval", "--video", "pattern:256x144", "--models", "bicubic"]) == 6
    assert "no room for temporary files" in capsys.readouterr().err
