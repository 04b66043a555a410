"""The systemd unit and the dedicated user, as text: pure functions of the settings and of where rtsr is installed.

Why seatd opens the screen, and not logind: pam_systemd moves the processes into a session's scope. What they notify is
not the unit's then, what is killed of the unit are not they, and its list of devices does not bind them.

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
"""A file in the runtime folder: the chord was pressed. cage does not hand on its program's exit code."""
SERVER_UNIT = f"{NAME}-x.service"
SETTINGS, X_SETTINGS = "/etc/rtsr/kiosk.toml", "/etc/rtsr/xorg.conf"
STATE, CACHE = f"/var/lib/{NAME}", f"/var/cache/{NAME}"
_STARTS, _WITHIN_S, _BETWEEN_S = 20, 600, 3
STOP_SIGNAL = signal.SIGWINCH
"""Of `systemctl stop`, to every process of the unit: the one that compositors and X servers ignore. SIGTERM would end
them first, and a window whose display has gone has no time to write down its day."""
GROUPS = ("video", "render")
"""Of the dedicated user: cameras and GPUs; seatd's socket is video's on Debian and Ubuntu."""
_DEVICES = (
    "char-video4linux", "char-media", "char-drm", "char-input", "char-nv*", "char-dma_heap", "char-tty",
    "/dev/nvmap", "/dev/dma_heap/system", "/dev/tty0",
)  # fmt: skip
"""Cameras, GPUs (Jetson's have several names), keyboard, terminal. A path that is not there is left out by systemd."""
_SCREENS = {
    "cage": ["Wants=seatd.service", "After=seatd.service"],
    "x11": [f"Requires={SERVER_UNIT}", f"After={SERVER_UNIT}"],
}
_GIVES_UP = {"stops": "none", "reboots": "reboot"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are on the machine that runs the unit."""

    python: str
    """The interpreter whose environment holds rtsr."""
    real_python: str = ""
    """What it leads to, where it is a link: an environment's is one, and may lead into somebody's home."""
    cage: str = "/usr/bin/cage"
    xorg: str = "/usr/bin/X"
    xhost: str = "/usr/bin/xhost"


def unit_text(kiosk: Kiosk, place: Place) -> str:
    """The unit. What a line means is in systemd.service(5) and systemd.exec(5)."""
    service = kiosk.service
    tops = {PurePosixPath(path).parts[1:2] for path in (place.python, place.real_python)}
    hidden = "read-only" if tops & {("home",), ("root",)} else "yes"
    never = service.gives_up == "never"
    lines = [
        "# Made by `rtsr kiosk install`, which writes it anew: settings belong into " + SETTINGS,
        "[Unit]",
        "Description=rtsr kiosk",
        "Documentation=https://www.freedesktop.org/software/systemd/man/systemd.service.html",
        *_SCREENS[service.compositor],
        f"After=plymouth-quit-wait.service getty@tty{service.tty}.service display-manager.service",
        f"Conflicts=getty@tty{service.tty}.service display-manager.service",
        f"StartLimitIntervalSec={0 if never else _WITHIN_S}",
        *([] if never else [f"StartLimitBurst={_STARTS}", f"StartLimitAction={_GIVES_UP[service.gives_up]}"]),
        "",
        "[Service]",
        "Type=notify",
        "NotifyAccess=all",
        *_starts(kiosk, place),
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
        "StandardInput=null",
        "StandardOutput=journal",
        "StandardError=journal",
        f"SyslogIdentifier={NAME}",
        f"StateDirectory={NAME}",
        "StateDirectoryMode=0700",
        f"CacheDirectory={NAME}",
        "CacheDirectoryMode=0700",
        f"RuntimeDirectory={NAME}",
        "RuntimeDirectoryMode=0700",
        f"Environment=HOME={STATE} RTSR_CACHE={CACHE} RTSR_MODELS={STATE}/models XDG_CACHE_HOME={CACHE}",
        "Environment=PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1",
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


def server_text(kiosk: Kiosk, place: Place) -> str:
    """The unit of the X server, where that shows the picture: root's, since X needs that, and with one client."""
    service = kiosk.service
    server = f"{place.xorg} :0 vt{service.tty} -config {X_SETTINGS} -nolisten tcp -nocursor -noreset -s 0 -dpms"
    lines = [
        "# Made by `rtsr kiosk install`",
        "[Unit]",
        "Description=X server of the rtsr kiosk",
        "StopWhenUnneeded=yes",
        f"After=plymouth-quit-wait.service getty@tty{service.tty}.service display-manager.service",
        f"Conflicts=getty@tty{service.tty}.service display-manager.service",
        "",
        "[Service]",
        "Environment=DISPLAY=:0",
        f"ExecStart={server}",
        f"ExecStartPost=/bin/sh -c 'until {place.xhost} +si:localuser:{service.user}; do sleep 0.2; done'",
        "TimeoutStartSec=60",
        "Restart=always",
        f"RestartSec={_BETWEEN_S}",
        "PrivateTmp=no",
    ]
    return "\n".join(lines) + "\n"


def server_settings() -> str:
    """What the X server must not do: change to another terminal, be ended by keys, or blank the screen."""
    flags = {"DontVTSwitch": "true", "DontZap": "true", "BlankTime": "0", "StandbyTime": "0", "OffTime": "0"}
    lines = ['Section "ServerFlags"', *(f'  Option "{name}" "{value}"' for name, value in flags.items()), "EndSection"]
    return "\n".join(lines) + "\n"


def _starts(kiosk: Kiosk, place: Place) -> list[str]:
    """What is run, and what it must know. cage ends with its program, but does not hand on its exit code."""
    program = f"{place.python} -m rtsr kiosk run --config {SETTINGS}"
    if kiosk.service.compositor == "x11":
        return [
            f"ExecStart={program}",
            "Environment=DISPLAY=:0 QT_QPA_PLATFORM=xcb",
            "BindReadOnlyPaths=/tmp/.X11-unix",
        ]
    shown = f'{place.cage} -d -- "$$@"'  # without -s it changes to no other terminal
    return [
        f"ExecStartPre=-+/bin/sh -c 'chvt {kiosk.service.tty}'",
        f"ExecStart=/bin/sh -c '{shown}; test ! -e \"$$RUNTIME_DIRECTORY/{LEFT}\" || exit {EXIT_INTERRUPTED}'"
        f" {NAME} {program}",
        f"Environment=LIBSEAT_BACKEND=seatd XDG_RUNTIME_DIR=/run/{NAME} QT_QPA_PLATFORM=wayland",
    ]
