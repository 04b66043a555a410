"""Small whole media files to be damaged: made here with libav, and the shared clips cut to their first packets."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

SHARED = Path(__file__).parents[2] / "shared" / "data" / "video"
_SIZE_WH = 96, 64
_FRAMES = 12
_RATE_HZ = 48_000
_MADE = {  # name: video codec, pixel format, options, audio codec
    "h264.mp4": ("libx264", "yuv420p", {"bf": "2", "g": "6"}, "aac"),
    "hdr.mp4": ("libx265", "yuv420p10le", {"x265-params": "log-level=error:keyint=6"}, "aac"),
    "prores.mov": ("prores_ks", "yuv422p10le", {}, "pcm_s16le"),
    "h264.mkv": ("libx264", "yuv420p", {"g": "6"}, "flac"),
    "ffv1.mkv": ("ffv1", "yuv444p", {}, None),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"deadline": "realtime"}, "libopus"),
    "vp8.webm": ("libvpx", "yuv420p", {"deadline": "realtime"}, None),
    "av1.mkv": ("libsvtav1", "yuv420p", {"preset": "12"}, None),
    "mpeg2.ts": ("mpeg2video", "yuv420p", {}, "mp2"),
    "h264.ts": ("libx264", "yuv420p", {}, "aac"),
    "mpeg4.avi": ("mpeg4", "yuv420p", {}, "mp2"),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}, None),
    "raw.nut": ("rawvideo", "yuv420p", {}, "pcm_s16le"),
    "h264.nut": ("libx264", "yuv420p", {}, None),
    "raw.y4m": ("wrapped_avframe", "yuv420p", {}, None),
}
_CUT = {  # name: packets of its video that are kept
    "camera_768x432_traffic_aac.mp4": 10,
    "webcam_640x480_fullrange.mkv": 10,
    "phone_720p_rotated.mp4": 4,
    "phone_vfr_rotated_two_tracks.mp4": 4,
    "bbb_800x640_anamorphic_bframes.mp4": 8,
    "bbb_960x540_60fps_vp9.webm": 6,
    "bbb_720p_2audio_srt_chapters.mkv": 4,
    "bbb_480i_tff_anamorphic.ts": 8,
    "nasa_multi_stream_mov_text.mp4": 4,
    "clip_pgs_bitmap_subs_ac3.mkv": 8,
}
"""Of the two in 1080p and HDR, each frame of which takes a second, their like is made above."""


def seeds(folder: Path) -> list[Path]:
    """Every seed that can be had here, written to `folder`; without the shared clips those that are made."""
    made = [_made(folder / name, *how) for name, how in _MADE.items()]
    return made + [_cut(SHARED / name, folder / name, packets) for name, packets in _CUT.items() if SHARED.is_dir()]


def _made(path: Path, codec: str, pix_fmt: str, options: dict[str, str], audio: str | None) -> Path:
    rng = np.random.default_rng(len(path.name))
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=25, options=options)
        assert isinstance(video, VideoStream)  # noqa: S101 - a script, and for the type
        (video.width, video.height), video.pix_fmt = _SIZE_WH, pix_fmt
        sound = container.add_stream(audio, rate=_RATE_HZ, layout="mono") if audio else None
        container.metadata["title"] = "a film to be damaged"
        for number in range(_FRAMES):
            picture = av.VideoFrame(*_SIZE_WH, pix_fmt)
            for plane in picture.planes:
                row = np.arange(plane.buffer_size, dtype=np.uint32) * (number + 3) // 7 + rng.integers(0, 9)
                plane.update((row % 200 + 20).astype(np.uint8).tobytes())
            picture.pts, picture.time_base = number, Fraction(1, 25)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        if isinstance(sound, AudioStream):
            _sing(container, sound)
    return path


def _sing(container: av.container.OutputContainer, sound: AudioStream) -> None:
    form = sound.codec_context.format.name
    wave = np.sin(np.arange(_RATE_HZ * _FRAMES // 25) / 20) * 0.3
    if form.startswith("flt"):
        samples = wave.astype(np.float32)
    elif form.startswith("s32"):
        samples = (wave * (1 << 30)).astype(np.int32)
    else:
        samples = (wave * (1 << 14)).astype(np.int16)
    size = 1024
    for at in range(0, len(samples) - size + 1, size):
        block = av.AudioFrame.from_ndarray(samples[None, at : at + size], format=form, layout="mono")
        block.sample_rate, block.pts, block.time_base = _RATE_HZ, at, Fraction(1, _RATE_HZ)
        container.mux(sound.encode(block))
    container.mux(sound.encode(None))


def _cut(source: Path, path: Path, packets: int) -> Path:
    """The first `packets` of the first video, and what comes with them, in the same container."""
    with av.open(str(source)) as came, av.open(str(path), "w") as went:
        streams = [stream for stream in came.streams if stream.type in ("video", "audio", "subtitle")]
        copies = {stream.index: went.add_stream_from_template(stream) for stream in streams}
        first = streams[0] if streams[0].type == "video" else next(s for s in streams if s.type == "video")
        went.metadata.update(came.metadata)
        went.set_chapters(came.chapters())
        for packet in came.demux(streams):
            if packet.stream.index == first.index:
                packets -= 1
            if packets < 0:
                break
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                went.mux(packet)
    return path
