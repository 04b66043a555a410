"""Which TensorRT is here: TensorRT-RTX of a desktop or laptop card, or plain TensorRT of a Jetson or a data centre.

Both have the same Python interface, so the rest of rtsr asks `Library.is_rtx` where they differ, and that is seldom.
Why RTX first: it is on the package registry, builds without a GPU, and serves every card of a generation with one
engine. Why not on a Jetson: it has none for it; JetPack brings plain TensorRT, as a package of the system.
"""

import logging
import platform
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from rtsr.errors import BackendError

log = logging.getLogger(__name__)
RTX, PLAIN = "tensorrt_rtx", "tensorrt"
RTX_CAPABILITIES = frozenset({"7.5", "8.6", "8.9", "12.0", "12.1"})
"""Compute capabilities of RTX cards; on others, those of data centres, plain TensorRT goes first where it is."""
_ERROR_CODE = re.compile(r"^.*?Error Code \d+: ")
_PLACE = re.compile(r"\s*[(.]?\s*\bIn \S+ at \S+:\d+\)?")
_SECOND_HAND = "catchCudaError"
"""In lines that only repeat an error that was told before."""


class Told:
    """The library's words: all go to the log at debug level, errors are kept for the sentence that the user sees."""

    def __init__(self) -> None:
        self._errors: list[str] = []

    def hear(self, words: str, *, is_error: bool) -> None:
        """One line of the library. From any of its threads."""
        log.debug("%s", words)
        if is_error and _SECOND_HAND not in words:
            self._errors.append(words)

    def reason(self, otherwise: str) -> str:
        """The first error since the last time, without the places in the library's own code; it is then forgotten."""
        errors, self._errors = self._errors, []
        return readable(errors[0]) if errors else otherwise


@dataclass(frozen=True, slots=True)
class Library:
    """A TensorRT that can be imported."""

    name: str
    """RTX or PLAIN."""
    version: str
    """As the library tells it, `1.5.0.114`."""
    api: Any
    """Its Python module."""
    logger: Any
    """For every `Builder`, `OnnxParser` and `Runtime`."""
    told: Told
    """What the logger heard."""

    @property
    def is_rtx(self) -> bool:
        """Whether it is TensorRT-RTX."""
        return self.name == RTX

    def __str__(self) -> str:
        return f"{'TensorRT-RTX' if self.is_rtx else 'TensorRT'} {self.version}"


def find(capability: str = "") -> Library:
    """The TensorRT to use with a GPU of `capability`, as "8.9", or with none in particular.

    Raises BackendError where there is none that can be loaded.
    """
    plain_first = _is_jetson() or (capability != "" and capability not in RTX_CAPABILITIES)
    failures: list[str] = []
    for name in (PLAIN, RTX) if plain_first else (RTX, PLAIN):
        try:
            return _loaded(name)
        except ImportError:
            continue
        except (OSError, RuntimeError, AttributeError) as error:  # it is there, and lacks a library of its own
            failures.append(f"{name} is installed and cannot be loaded: {str(error).splitlines()[0]}")
    if failures:
        raise BackendError("; ".join(failures), mend='reinstall it: pip install --force-reinstall "rtsr[tensorrt]"')
    if _is_jetson():
        raise BackendError(
            "JetPack's TensorRT cannot be seen from this Python",
            mend="sudo apt install python3-libnvinfer, and make the environment with --system-site-packages",
        )
    raise BackendError("TensorRT is not installed", mend='pip install "rtsr[tensorrt]"')


def readable(words: str) -> str:
    """A line of the library without its code's file names, numbers and closing stop."""
    return _PLACE.sub("", _ERROR_CODE.sub("", words)).strip().rstrip(".")


@cache
def _loaded(name: str) -> Library:
    """Import a TensorRT. Raises ImportError where there is none, and what a damaged one raises."""
    api = _module(name)
    told = Told()
    version = str(api.__version__)
    logger = _logger(api, told)
    api.Builder, api.Runtime, api.OnnxParser  # noqa: B018 - the registry's placeholder of plain TensorRT has none
    return Library(name, version, api, logger, told)


def _module(name: str) -> Any:  # noqa: ANN401 - TensorRT has no types
    if name == RTX:
        import tensorrt_rtx

        return tensorrt_rtx
    import tensorrt

    return tensorrt


def _logger(api: Any, told: Told) -> Any:  # noqa: ANN401
    severity = api.ILogger.Severity
    errors = (severity.ERROR, severity.INTERNAL_ERROR)

    class Logger(api.ILogger):  # type: ignore[misc]  # a class of the library that was found
        def __init__(self) -> None:
            api.ILogger.__init__(self)

        def log(self, level: Any, words: str) -> None:  # noqa: ANN401
            if level in errors or level == severity.WARNING:
                told.hear(words, is_error=level in errors)

    return Logger()


def _is_jetson() -> bool:
    return platform.machine() == "aarch64" and "tegra" in platform.release()
