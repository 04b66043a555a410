"""Hands copied packets to a muxer so that a damaged one costs that packet, and not the film.

A muxer refuses a DTS that goes back, and bitstream filters within it refuse packets that they cannot parse; both end
the writing. Inputs that were joined badly, or were damaged, have such packets in their sound.
"""

from __future__ import annotations

from av.container import OutputContainer
from av.error import InvalidDataError
from av.packet import Packet
from av.stream import Stream

from rtsr.sinks.companion import Added


def put(output: OutputContainer, packet: Packet[Stream], added: Added) -> bool:
    """Mux `packet` of the stream `added`; whether it was taken. What was changed or left out is counted there.

    Raises:
        FFmpegError, OSError: the output cannot be written.
    """
    stamp, least = packet.dts, added.last_dts
    if stamp is not None and least is not None and stamp < least:
        packet.dts = least + 1
        packet.pts = packet.dts if packet.pts is None else max(packet.pts, packet.dts)
        added.retimed += 1
    if packet.dts is not None:
        added.last_dts = packet.dts
    try:
        output.mux_one(packet)
    except InvalidDataError:
        added.damaged += 1
        return False
    return True
