"""Cameras by the kernel's own words: modes, controls, and what tells one camera from another.

linux/videodev2.h, the structures of 64-bit Linux. Nothing here begins to capture.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rtsr.errors import SourceError, UsageError, nearest
from rtsr.sources.devices import list_cameras
from rtsr.sources.modes import FORMATS, Mode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CAPTURE = 1
"""V4L2_BUF_TYPE_VIDEO_CAPTURE."""
_FORMAT = struct.Struct("=III32sII12x")
_SIZE = struct.Struct("=III6I8x")
_INTERVAL = struct.Struct("=5I6I8x")
_CONTROL = struct.Struct("=II32siiiiI8x")
_MENU = struct.Struct("=II32s4x")
_VALUE = struct.Struct("=Ii")
_ENUM_FMT, _ENUM_SIZES, _ENUM_INTERVALS = 0xC0405602, 0xC02C564A, 0xC034564B
_QUERY_CONTROL, _QUERY_MENU, _GET_CONTROL, _SET_CONTROL = 0xC0445624, 0xC02C5625, 0xC008561B, 0xC008561C
_NEXT = 0x80000000
"""V4L2_CTRL_FLAG_NEXT_CTRL."""
_INTEGER, _BOOLEAN, _MENU_KIND, _INTEGER_MENU = 1, 2, 3, 9
_DISABLED, _READ_ONLY = 0x1, 0x4
_DISCRETE = 1
_Rates = tuple[tuple[Fraction, ...], Literal["nothing", "anything"]]
_MOST = 256
"""Entries of any list: some drivers never end theirs."""


def camera_modes(device: str) -> list[Mode]:
    """What the camera offers in formats that can be read; empty where it does not tell, or may not be opened."""
    modes: list[Mode] = []
    try:
        with _opened(device) as camera:
            for index in range(_MOST):
                told = _asked(camera, _ENUM_FMT, _FORMAT, index, _CAPTURE, 0, b"", 0, 0)
                if told is None:
                    break
                code = told[4]
                name = FORMATS.get(code.to_bytes(4, "little").decode("latin-1").strip())
                if name is not None:
                    modes += [Mode(name, *size, *_rates(camera, code, size)) for size in _sizes(camera, code)]
    except OSError:
        return []
    return list(dict.fromkeys(modes))


def _sizes(camera: int, code: int) -> Iterator[tuple[int, int]]:
    for index in range(_MOST):
        told = _asked(camera, _ENUM_SIZES, _SIZE, index, code, 0, *[0] * 6)
        if told is None:
            return
        if told[2] == _DISCRETE:
            yield told[3], told[4]
        else:  # a range: its ends, and what people ask for
            least_w, most_w, step_w, least_h, most_h, step_h = told[3:9]
            usual = ((320, 240), (640, 360), (640, 480), (1280, 720), (1920, 1080), (3840, 2160))
            for width, height in ((least_w, least_h), *usual, (most_w, most_h)):
                inside = least_w <= width <= most_w and least_h <= height <= most_h
                if inside and not (width - least_w) % (step_w or 1) and not (height - least_h) % (step_h or 1):
                    yield width, height
            return


def _rates(camera: int, code: int, size: tuple[int, int]) -> _Rates:
    rates: list[Fraction] = []
    for index in range(_MOST):
        told = _asked(camera, _ENUM_INTERVALS, _INTERVAL, index, code, *size, 0, *[0] * 6)
        if told is None:
            break
        pairs = [told[5:7]] if told[4] == _DISCRETE else [told[5:7], told[7:9]]
        rates += [Fraction(down, up) for up, down in pairs if up and down]
        if told[4] != _DISCRETE:
            return tuple(sorted(set(rates), reverse=True)), "anything"
    return tuple(sorted(set(rates), reverse=True)), "nothing"


@dataclass(frozen=True, slots=True)
class Control:
    """One knob of a camera."""

    id: int
    name: str
    """As v4l2-ctl writes it: small letters and underscores."""
    least: int
    most: int
    step: int
    usual: int
    menu: tuple[tuple[int, str], ...] = ()
    """Number and name of each choice, where it is one of several."""
    fixed: bool = False
    """Whether it can only be read."""

    def value_of(self, words: str) -> int:
        """The number that `words` mean: a number, a choice by its name, or yes and no.

        Raises:
            UsageError: they mean none, or one out of range.
        """
        names = {name.lower(): number for number, name in self.menu} or (
            {"yes": 1, "no": 0, "on": 1, "off": 0} if (self.least, self.most) == (0, 1) else {}
        )
        if words.lower() in names:
            return names[words.lower()]
        if not re.fullmatch(r"-?\d{1,10}", words):
            raise UsageError(f"--control {self.name}={words} makes no sense", mend=self._offered())
        number = int(words)
        if not self.least <= number <= self.most or (self.menu and number not in dict(self.menu)):
            raise UsageError(f"--control {self.name}={words} is not possible", mend=self._offered())
        return number

    def _offered(self) -> str:
        if self.menu:
            return f"write one of {', '.join(name for _, name in self.menu)}"
        return f"write a number from {self.least} to {self.most}"


def camera_controls(device: str) -> list[Control]:
    """What can be set; empty where nothing can."""
    controls: list[Control] = []
    try:
        with _opened(device) as camera:
            told = _asked(camera, _QUERY_CONTROL, _CONTROL, _NEXT, 0, b"", 0, 0, 0, 0, 0)
            while told is not None and len(controls) < _MOST:
                number, kind, name, least, most, step, usual, flags = told
                if kind in (_INTEGER, _BOOLEAN, _MENU_KIND, _INTEGER_MENU) and not flags & _DISABLED:
                    menu = _menu(camera, number, least, most, kind) if kind in (_MENU_KIND, _INTEGER_MENU) else ()
                    fixed = bool(flags & _READ_ONLY)
                    controls.append(Control(number, _plain(_text(name)), least, most, step, usual, menu, fixed))
                told = _asked(camera, _QUERY_CONTROL, _CONTROL, number | _NEXT, 0, b"", 0, 0, 0, 0, 0)
    except OSError:
        return []
    return controls


def set_controls(device: str, wishes: Sequence[tuple[str, str]]) -> None:
    """Set them in the order of `wishes`: some, as exposure, can be set only after another, as its automatic, is off.

    Raises:
        UsageError: there is no such control, or the value makes no sense.
        SourceError: the camera refuses.
    """
    known = {control.name: control for control in camera_controls(device)} if wishes else {}
    for name, words in wishes:
        control = known.get(name)
        if control is None or control.fixed:
            what = "cannot be set" if control is not None else "is not there"
            others = [one.name for one in known.values() if not one.fixed]
            mend = nearest(name, others) if others else "this camera has nothing to set"
            raise UsageError(f"--control {name} {what} on {device}", mend=mend)
        value = control.value_of(words)
        try:
            with _opened(device) as camera:
                fcntl.ioctl(camera, _SET_CONTROL, _VALUE.pack(control.id, value))
        except OSError as error:
            raise SourceError(
                f"{device} refuses {name}={words} ({(error.strerror or str(error)).lower()})",
                mend="an automatic that governs it must be off first: name that --control before it",
            ) from error


def control_value(device: str, name: str) -> int:
    """What a control stands at. Raises KeyError or OSError."""
    control = {one.name: one for one in camera_controls(device)}[name]
    with _opened(device) as camera:
        answer = bytearray(_VALUE.pack(control.id, 0))
        fcntl.ioctl(camera, _GET_CONTROL, answer)
    return int(_VALUE.unpack(answer)[1])


def _menu(camera: int, control: int, least: int, most: int, kind: int) -> tuple[tuple[int, str], ...]:
    choices = []
    for index in range(least, min(most, least + _MOST) + 1):
        told = _asked(camera, _QUERY_MENU, _MENU, control, index, b"")
        if told is not None:
            raw: bytes = told[2]
            name = _text(raw) if kind == _MENU_KIND else str(int.from_bytes(raw[:8], "little", signed=True))
            choices.append((index, name))
    return tuple(choices)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Identity:
    """What stays the same of a camera when it is plugged in again, perhaps elsewhere."""

    name: str
    serial: str
    """Empty where it has none, as many cheap ones."""
    port: str
    """Where it is plugged in."""


def identity_of(device: str) -> Identity | None:
    """Of `/dev/videoN`; None where sysfs does not know it."""
    told = Path("/sys/class/video4linux", os.path.basename(os.path.realpath(device)))
    try:
        hardware = (told / "device").resolve(strict=True)
        name = (told / "name").read_text().strip()
    except OSError:
        return None
    serial = ""
    for place in (hardware, hardware.parent):  # a USB camera's interface, and the camera itself
        if (place / "serial").is_file():
            serial = (place / "serial").read_text(errors="replace").strip()
            break
    return Identity(name, serial, str(hardware))


def find_again(identity: Identity, device: str) -> str:
    """The camera that is `identity` now: by serial, then by port, then by name where only one has it; else `device`."""
    here = {place: found for place, _ in list_cameras() if (found := identity_of(place)) is not None}
    if identity.serial:
        same = [
            place for place, found in here.items() if (found.name, found.serial) == (identity.name, identity.serial)
        ]
        return same[0] if same else device
    for place, found in here.items():
        if (found.name, found.port) == (identity.name, identity.port):
            return place
    named = [place for place, found in here.items() if found.name == identity.name]
    return named[0] if len(named) == 1 else device


@contextmanager
def _opened(device: str) -> Iterator[int]:
    descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _asked(camera: int, request: int, form: struct.Struct, *told: int | bytes) -> tuple[Any, ...] | None:
    """The driver's answer; None where there is no more of it, or it has none."""
    answer = bytearray(form.pack(*told))
    try:
        fcntl.ioctl(camera, request, answer)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTTY, errno.ENODATA):
            return None
        raise
    return form.unpack(answer)
