"""What libav says when writing fails, as a sentence with its mend."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from rtsr.errors import ResourceError, RtsrError, UsageError

if TYPE_CHECKING:
    from rtsr.frame import StreamInfo
    from rtsr.sinks.encoder import Encoder

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def words(error: BaseException) -> str:
    """The reason, in the middle of a sentence."""
    return (getattr(error, "strerror", None) or str(error)).lower()


def cannot_write(path: str, error: BaseException) -> RtsrError:
    """`path` could not be written: a full disk, or a place that is not ours."""
    if getattr(error, "errno", None) in NO_SPACE:
        return ResourceError(f"no room to write {path} ({words(error)})", mend="free some space, or write elsewhere")
    return UsageError(f"{path} cannot be written ({words(error)})", mend="name a place that exists and is yours")


def encoder_refuses(encoder: Encoder, form: str, info: StreamInfo, error: BaseException) -> UsageError:
    """The encoder does not open for frames as `info` tells."""
    asked = ", ".join(f"{name} {value}" for name, value in encoder.options().items())
    return UsageError(
        f"{encoder.codec} in {form} refuses {info.width}x{info.height}"
        f"{f' with {asked}' if asked else ''} ({words(error)})",
        mend="take another preset, crf, size or container; libx264 takes most",
    )


def encoder_failed(codec: str, frames: int, error: BaseException) -> RtsrError:
    """The encoder stopped after `frames`."""
    return RtsrError(f"{codec} failed after {frames} frames ({words(error)})", mend="take another -c:v")
