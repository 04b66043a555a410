"""The words of the numbers."""

from rtsr.stages import Badge
from rtsr.viewer.hud import Numbers, hud_lines, side_labels

SR = Badge("esr-tm-k5c2", 2, "openvino", "CPU", "f32")
BASELINE = Badge("bicubic", 2, "swscale", "CPU", reason="no model for x5")


def test_without_a_sensor_the_power_is_not_measured_and_never_0() -> None:
    assert hud_lines(Numbers())[-1] == "power not measured (no sensor)"
    lines = "power 8.0 W (CPU package)", "power not measured (GPU board: its driver says: no)"
    assert hud_lines(Numbers(power=lines))[-2:] == list(lines)


def test_what_is_not_known_yet_is_a_dash() -> None:
    assert "source - · model - · display - fps" in hud_lines(Numbers())


def test_every_number_is_there() -> None:
    lines = hud_lines(
        Numbers(
            source_fps=60.04,
            model_fps=59.96,
            display_fps=58.0,
            frame_p50_ms=16.66,
            frame_p95_ms=18.0,
            model_p50_ms=9.1,
            latency_ms=44.4,
            dropped=3,
            badge=str(SR),
            sizes="960x540 → 1920x1080",
        )
    )
    assert lines[:-1] == [
        "SR esr-tm-k5c2 x2 · openvino f32 · CPU",
        "960x540 → 1920x1080",
        "source 60.0 · model 60.0 · display 58.0 fps",
        "frame p50 16.7 · p95 18.0 ms · model p50 9.1 ms",
        "latency 44.4 ms capture to present",
        "dropped 3",
    ]


def test_the_right_side_says_when_it_is_no_super_resolution() -> None:
    assert side_labels(SR) == {"bicubic": "bicubic", "sr": "SR esr-tm-k5c2 x2"}
    assert side_labels(BASELINE)["sr"] == "not SR: bicubic x2"
