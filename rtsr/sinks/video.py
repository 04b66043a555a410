"""Encodes frames into a media file in one pass, with every time and tag as it came, beside what a companion brings."""

from __future__ import annotations

from array import array

import av
from av.error import FFmpegError

from rtsr.frame import Frame, StreamInfo
from rtsr.sinks.companion import Companion, Promise
from rtsr.sinks.encoder import Encoder, picture_for
from rtsr.sinks.failures import encoder_failed
from rtsr.sinks.muxer import Muxer, open_muxer


def open_video(path: str, info: StreamInfo, encoder: Encoder, companion: Companion) -> VideoSink:
    """Make the file `path`, write its header, and be ready for frames; see `open_muxer`."""
    return VideoSink(open_muxer(path, info, encoder, companion))


class VideoSink:
    """One media file being encoded; see `open_video`."""

    def __init__(self, muxer: Muxer) -> None:
        self._muxer = muxer

    @property
    def pts(self) -> array[int]:
        """Of every written frame, in the time base of the stream."""
        return self._muxer.pts

    @property
    def copied(self) -> Promise:
        """What went beside the frames of the video; see `rtsr.jobs.audit`."""
        return self._muxer.copied

    def write(self, frame: Frame) -> None:
        """See `Sink`."""
        self._encode(picture_for(self._muxer.stream, frame, self._muxer.shift))
        self.pts.append(frame.pts - self._muxer.shift)

    def finish(self) -> None:
        """See `Sink`."""
        self._encode(None)
        self._muxer.finish()

    def close(self) -> None:
        """See `Sink`: without `finish`, what was encoded is still made a playable file where that is possible."""
        self._muxer.close()

    def _encode(self, picture: av.VideoFrame | None) -> None:
        stream = self._muxer.stream
        try:
            packets = stream.encode(picture)
        except (FFmpegError, ValueError) as error:
            raise encoder_failed(stream.codec_context.name, len(self.pts), error) from error
        self._muxer.mux(packets)
