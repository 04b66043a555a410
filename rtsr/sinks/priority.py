"""Real-time priority is nobody's to take: it is given back.

SVT-AV1, opened by root, sets the thread that opens it to SCHED_FIFO at the highest priority (as PyAV 18.1 brings it).
What that thread starts inherits it, and a program that never waits then takes a core from everything else.
"""

import os
from contextlib import suppress


def usual_priority() -> None:
    """Set every thread of this process that is SCHED_FIFO to the usual policy; nothing where the system has none."""
    if not hasattr(os, "sched_setscheduler"):
        return
    with suppress(OSError):
        for name in os.listdir("/proc/self/task"):
            with suppress(OSError):  # a thread that has ended meanwhile
                if os.sched_getscheduler(int(name)) == os.SCHED_FIFO:
                    os.sched_setscheduler(int(name), os.SCHED_OTHER, os.sched_param(0))
