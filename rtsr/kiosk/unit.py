"""The systemd unit and the dedicated user, as text: pure functions of the settings and of where rtsr is installed.

What is not closed off, and why: memory that is written and executed (OpenVINO, CUDA and Mesa make their code while they
run), the network (cameras and streams), devices of the classes named below.
"""

import signal
from dataclasses import dataclass
from pathlib import PurePosixPath

from rtsr.errors import EXIT_INTERRUPTED
from rtsr.kiosk.config import Kiosk

NAME = "rtsr-kiosk"
UNIT = f"{NAME}.service"
LEFT = "left"
"""A file in the runtime folder: the chord was pressed. cage and xinit do not hand on their program's exit code."""
SETTINGS = "/etc/rtsr/kiosk.toml"
STATE, CACHE = f"/var/lib/{NAME}", f"/var/cache/{NAME}"
_STARTS, _WITHIN_S, _BETWEEN_S = 20, 600, 3
STOP_SIGNAL = signal.SIGWINCH
"""Of `systemctl stop`, to every process of the unit: the one that compositors and X servers ignore. SIGTERM would end
them first, and a window whose display has gone has no time to write down its day."""
GROUPS = ("video", "render")
"""Of the dedicated user: cameras and GPUs."""
_DEVICES = (
    "char-video4linux", "char-media", "char-drm", "char-input", "char-nv*", "char-dma_heap", "char-tty",
    "/dev/nvmap", "/dev/dma_heap/system", "/dev/tty0",
)  # fmt: skip
"""Cameras, GPUs (Jetson's have several names), keyboard, terminal. A path that is not there is left out by systemd."""
_GIVES_UP = {"stops": "none", "reboots": "reboot"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are on the machine that runs the unit."""

    python: str
    """The interpreter whose environment holds rtsr."""
    cage: str = "/usr/bin/cage"
    xinit: str = "/usr/bin/xinit"
    xorg: str = "/usr/bin/X"


def unit_text(kiosk: Kiosk, place: Place) -> str:
    """The unit. What a line means is in systemd.service(5) and systemd.exec(5)."""
    service = kiosk.service
    hidden = "read-only" if PurePosixPath(place.python).parts[1:2] in (("home",), ("root",)) else "yes"
    never = service.gives_up == "never"
    lines = [
        "# Made by `rtsr kiosk install`, which writes it anew: settings belong into " + SETTINGS,
        "[Unit]",
        "Description=rtsr kiosk",
        "Documentation=https://www.freedesktop.org/software/systemd/man/systemd.service.html",
        f"After=systemd-user-sessions.service getty@tty{service.tty}.service plymouth-quit-wait.service",
        f"Conflicts=getty@tty{service.tty}.service display-manager.service",
        "Wants=dbus.socket systemd-logind.service",
        "After=dbus.socket systemd-logind.service display-manager.service",
        f"StartLimitIntervalSec={0 if never else _WITHIN_S}",
        *([] if never else [f"StartLimitBurst={_STARTS}", f"StartLimitAction={_GIVES_UP[service.gives_up]}"]),
        "",
        "[Service]",
        "Type=notify",
        "NotifyAccess=all",
        f'ExecStart=/bin/sh -c \'{_shown(kiosk, place)}; test ! -e "$$RUNTIME_DIRECTORY/{LEFT}" || exit'
        f" {EXIT_INTERRUPTED}' {NAME} {place.python} -m rtsr kiosk run --config {SETTINGS}",
        f"TimeoutStartSec={service.start_s}",
        f"KillSignal={STOP_SIGNAL.name}",
        "TimeoutStopSec=15",
        "TimeoutAbortSec=5",
        f"WatchdogSec={service.watchdog_s}",
        "Restart=always",
        f"RestartSec={_BETWEEN_S}",
        f"RestartPreventExitStatus={EXIT_INTERRUPTED}",
        "OOMPolicy=kill",
        "",
        f"User={service.user}",
        f"Group={service.user}",
        f"SupplementaryGroups={' '.join(GROUPS)}",
        "PAMName=login",
        f"TTYPath=/dev/tty{service.tty}",
        "TTYReset=yes",
        "TTYVHangup=yes",
        "TTYVTDisallocate=yes",
        "StandardInput=tty-fail",
        "StandardOutput=journal",
        "StandardError=journal",
        f"SyslogIdentifier={NAME}",
        f"UtmpIdentifier=tty{service.tty}",
        "UtmpMode=user",
        f"StateDirectory={NAME}",
        "StateDirectoryMode=0700",
        f"CacheDirectory={NAME}",
        "CacheDirectoryMode=0700",
        f"RuntimeDirectory={NAME}",
        "RuntimeDirectoryMode=0700",
        f"Environment=HOME={STATE} RTSR_CACHE={CACHE} RTSR_MODELS={STATE}/models XDG_CACHE_HOME={CACHE}",
        "Environment=PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 XDG_SESSION_TYPE="
        + ("wayland QT_QPA_PLATFORM=wayland" if service.compositor == "cage" else "x11 QT_QPA_PLATFORM=xcb"),
        "WorkingDirectory=/",
        "",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "AmbientCapabilities=",
        "ProtectSystem=strict",
        f"ProtectHome={hidden}",
        "PrivateTmp=yes",
        "ProtectClock=yes",
        "ProtectHostname=yes",
        "ProtectControlGroups=yes",
        "ProtectKernelLogs=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelTunables=yes",
        "ProtectProc=invisible",
        "RestrictNamespaces=yes",
        "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
        "LockPersonality=yes",
        "KeyringMode=private",
        "RemoveIPC=yes",
        "UMask=0077",
        "SystemCallArchitectures=native",
        "SystemCallFilter=@system-service",
        "SystemCallErrorNumber=EPERM",
        "DevicePolicy=closed",
        *[f"DeviceAllow={device} rw" for device in (*_DEVICES, f"/dev/tty{service.tty}")],
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def user_text(kiosk: Kiosk) -> str:
    """The dedicated user, as sysusers.d(5) has it: no password, no shell."""
    user = kiosk.service.user
    joined = [f"m {user} {group}" for group in GROUPS]
    groups = [f"g {group} -" for group in GROUPS]
    return "\n".join([*groups, f'u {user} - "rtsr kiosk" {STATE} /usr/sbin/nologin', *joined]) + "\n"


def _shown(kiosk: Kiosk, place: Place) -> str:
    """The shell's words that start the compositor with the program that follows: whoever ends first ends both."""
    if kiosk.service.compositor == "cage":
        return f'{place.cage} -d -- "$$@"'  # without -s it changes to no other terminal
    server = f"{place.xorg} :0 vt{kiosk.service.tty} -nolisten tcp -nocursor -noreset -s 0 -dpms -keeptty"
    return f'{place.xinit} "$$@" -- {server}'
