"""How long a farm needs for an archive, what travels, and what failures cost: a small seeded simulation.

    python -m benchmarks.scale NODE.json --model esr-tr-k5c2 --size 1920x1080 --hours 10000 --nodes 50,100

NODE.json is what `rtsr bench --json` wrote on one node of the farm; several files are nodes of several kinds, in equal
parts. A node takes a segment, reads it from the storage while it works on it, writes the result, and takes the next.
All nodes share one link to the storage: reads queue for it, and what was written was taken from it. Nodes fail at
random and come back; what a node was at is lost, noticed after a while, and given to another. A scheduler that dies
costs what all nodes are at.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path

H_S, DAY_S = 3600.0, 86400.0
_SPREAD = (0.5, 1.5)
"""Segments are between half as long and half as long again as the mean one: cut at keyframes, 5 to 15 s of 10."""


@dataclass(frozen=True, slots=True)
class Farm:
    """What is simulated; every time in seconds unless its name tells."""

    speeds: tuple[float, ...]
    """Of each kind of node: seconds of video that it encodes in a second."""
    nodes: int
    segment_s: float
    start_s: float
    """Before the first frame of a segment: opening the input, compiling the network."""
    read_bps: float
    write_bps: float
    """Of a second of video, by and from the node that encodes it."""
    beside_bps: float
    """And what else of it crosses the link, by who coordinates: keyframes, sound, stitching."""
    link_bps: float
    mtbf_h: float
    """Mean time between two failures of one node."""
    repair_h: float
    scheduler_mtbf_h: float
    notice_s: float
    """Until a node that has gone is missed."""


@dataclass(slots=True)
class Told:
    """What came out."""

    elapsed_s: float = 0.0
    busy_s: float = 0.0
    wasted_s: float = 0.0
    """Of nodes, on segments that were lost."""
    failures: int = 0
    lost: int = 0
    """Segments."""
    moved_bits: float = 0.0
    waited_s: float = 0.0
    """Of nodes, for the link."""


@dataclass(slots=True)
class _Node:
    speed: float
    fails_s: float
    length_s: float = 0.0
    """Of the segment that it is at; 0: none."""
    began_s: float = 0.0
    since: int = 0
    """How often it was given something, so that what is out of date is known."""


@dataclass(slots=True)
class Simulation:
    """One farm and one archive; `run` it once."""

    farm: Farm
    rng: random.Random
    told: Told = field(default_factory=Told)
    _lost: list[float] = field(default_factory=list)
    _events: list[tuple[float, int, str, float]] = field(default_factory=list)
    _link_free_s: float = 0.0

    def run(self, archive_s: float) -> Told:
        """Encode so many seconds of video."""
        farm, fresh = self.farm, self._lengths(archive_s)
        nodes = [_Node(farm.speeds[number % len(farm.speeds)], self._next(farm.mtbf_h)) for number in range(farm.nodes)]
        left_s = archive_s
        idle = list(range(farm.nodes))
        self._push(self._next(farm.scheduler_mtbf_h), -1, "scheduler", 0)
        now_s = 0.0
        while left_s > 1e-6:
            while idle and (length_s := self._lost.pop() if self._lost else next(fresh, 0.0)):
                self._give(nodes, idle.pop(), length_s, now_s)
            now_s, number, what, mark = heapq.heappop(self._events)
            if what == "scheduler":
                idle += self._lose_all(nodes, now_s)
            elif what == "back":
                idle.append(number)
            elif what == "missed":
                self._lost.append(mark)
            elif nodes[number].since == mark and what == "failed":
                self._fail(nodes[number], number, now_s)
            elif nodes[number].since == mark and what == "done":
                node = nodes[number]
                left_s -= node.length_s
                self.told.busy_s += now_s - node.began_s
                self.told.moved_bits += node.length_s * (farm.write_bps + farm.beside_bps)
                node.length_s = 0.0
                idle.append(number)
        self.told.elapsed_s = now_s
        return self.told

    def _give(self, nodes: Sequence[_Node], number: int, length_s: float, now_s: float) -> None:
        node, farm = nodes[number], self.farm
        node.length_s, node.began_s, node.since = length_s, now_s, node.since + 1
        read_s = self._transfer(now_s, length_s * farm.read_bps)
        self.told.moved_bits += length_s * farm.read_bps
        made_s = now_s + farm.start_s + length_s / node.speed
        done_s = max(made_s, read_s) + length_s * farm.write_bps / farm.link_bps
        self._link_free_s += length_s * (farm.write_bps + farm.beside_bps) / farm.link_bps
        self.told.waited_s += done_s - made_s
        if node.fails_s < now_s:  # while it was idle
            node.fails_s = now_s + self._next(farm.mtbf_h)
        if node.fails_s < done_s:
            self._push(node.fails_s, number, "failed", node.since)
        else:
            self._push(done_s, number, "done", node.since)

    def _fail(self, node: _Node, number: int, now_s: float) -> None:
        self.told.failures += 1
        self.told.lost += 1
        self.told.wasted_s += now_s - node.began_s
        node.since += 1
        self._push(now_s + min(self.farm.notice_s, self.farm.repair_h * H_S), number, "missed", node.length_s)
        node.length_s = 0.0
        self._push(now_s + self.farm.repair_h * H_S, number, "back", 0)
        node.fails_s = now_s + self.farm.repair_h * H_S + self._next(self.farm.mtbf_h)

    def _lose_all(self, nodes: Sequence[_Node], now_s: float) -> list[int]:
        """A scheduler was restarted: what was given out is given out again."""
        self._push(now_s + self._next(self.farm.scheduler_mtbf_h), -1, "scheduler", 0)
        freed = []
        for number, node in enumerate(nodes):
            if node.length_s:
                self.told.lost += 1
                self.told.wasted_s += now_s - node.began_s
                self._lost.append(node.length_s)
                node.length_s, node.since = 0.0, node.since + 1
                freed.append(number)
        return freed

    def _transfer(self, now_s: float, bits: float) -> float:
        self._link_free_s = max(self._link_free_s, now_s) + bits / self.farm.link_bps
        return self._link_free_s

    def _lengths(self, archive_s: float) -> Iterator[float]:
        while archive_s > 0:
            length_s = min(archive_s, self.farm.segment_s * self.rng.uniform(*_SPREAD))
            archive_s -= length_s
            yield length_s

    def _next(self, mean_h: float) -> float:
        return self.rng.expovariate(1 / (mean_h * H_S))

    def _push(self, at_s: float, number: int, what: str, mark: float) -> None:
        """`mark` is what a failed node was at, else which of a node's segments is meant."""
        heapq.heappush(self._events, (at_s, number, what, mark))


def speed_of(path: Path, options: argparse.Namespace) -> float:
    """Seconds of video that a node encodes in a second, from what `rtsr bench --json` wrote on it."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    except (OSError, ValueError, KeyError) as error:
        raise SystemExit(f"{path} is not what `rtsr bench --json` writes ({error})") from error
    for row in rows:
        if row["model"] == options.model and f"{row['width']}x{row['height']}" == options.size:
            return float(row["fps"]) * options.share / options.fps
    there = ", ".join(f"{row['model']} {row['width']}x{row['height']}" for row in rows)
    raise SystemExit(f"{path} has no row for {options.model} at {options.size}; it has {there}")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("bench", nargs="+", type=Path, help="what `rtsr bench --json` wrote on a node of each kind")
    add("--model", default="esr-tr-k5c2")
    add("--size", default="1920x1080", help="of the archive's video")
    add("--fps", type=float, default=25.0, help="of the archive's video")
    add("--share", type=float, default=0.5, help="fps of a whole encode over fps of `rtsr bench` on a node")
    add("--hours", type=float, default=10_000.0, help="of the archive")
    add("--nodes", default="50,100,200", help="comma list")
    add("--segment-s", type=float, default=10.0)
    add("--film-min", type=float, default=90.0, help="what a lost node would cost if films were not cut")
    add("--start-s", type=float, default=0.5, help="before the first frame of a segment")
    add("--read-mbps", type=float, default=8.0, help="bit rate of the archive's files")
    add("--write-mbps", type=float, default=30.0, help="bit rate of what comes out")
    add(
        "--read-times", type=float, default=3.0, help="how often an input is read: by workers, for keyframes, for sound"
    )
    add("--write-times", type=float, default=3.0, help="how often a result crosses the link: out, home, to its place")
    add("--link-gbps", type=float, default=10.0, help="of the storage, for all nodes together")
    add("--mtbf-h", type=float, default=720.0, help="mean time between two failures of one node")
    add("--repair-h", type=float, default=2.0)
    add("--scheduler-mtbf-h", type=float, default=720.0)
    add("--notice-s", type=float, default=300.0, help="until a node that has gone is missed: dask's worker-ttl")
    add("--seed", type=int, default=1)
    return parser.parse_args(given)


def simulate(options: argparse.Namespace, nodes: int, segment_s: float) -> Told:
    """One run."""
    farm = Farm(
        speeds=tuple(speed_of(path, options) for path in options.bench),
        nodes=nodes,
        segment_s=segment_s,
        start_s=options.start_s,
        read_bps=options.read_mbps * 1e6,
        write_bps=options.write_mbps * 1e6,
        beside_bps=((options.read_times - 1) * options.read_mbps + (options.write_times - 1) * options.write_mbps)
        * 1e6,
        link_bps=options.link_gbps * 1e9,
        mtbf_h=options.mtbf_h,
        repair_h=options.repair_h,
        scheduler_mtbf_h=options.scheduler_mtbf_h,
        notice_s=options.notice_s,
    )
    return Simulation(farm, random.Random(options.seed)).run(options.hours * H_S)


def line(options: argparse.Namespace, nodes: int, segment_s: float) -> str:
    """A row of the table."""
    told = simulate(options, nodes, segment_s)
    work_s = told.busy_s + told.wasted_s
    share = told.wasted_s / work_s
    traffic = told.moved_bits / told.elapsed_s / 1e9
    unit = f"{segment_s:g} s" if segment_s < 600 else f"{segment_s / 60:g} min"
    cells = [
        f"{nodes}",
        unit,
        f"{told.elapsed_s / DAY_S:.1f}",
        f"{told.failures}",
        f"{told.wasted_s / H_S:.1f} h",
        f"{share:.3%}",
        f"{told.moved_bits / 8e12:.0f}",
        f"{traffic:.2f}",
        f"{told.waited_s / work_s:.1%}",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table."""
    options = arguments()
    speeds = ", ".join(f"{path.stem} {speed_of(path, options):.2f}x" for path in options.bench)
    print(f"{options.hours:g} h of {options.size} at {options.fps:g} fps, {options.model}; real time: {speeds}\n")
    head = ["nodes", "lost with a node", "days", "failures", "work lost", "of all work", "TB moved",
            "Gbit/s", "waiting for storage"]  # fmt: skip
    print("| " + " | ".join(head) + " |")
    print("|" + "|".join(chain([" --- ", " --- "], repeat(" ---: ", len(head) - 2))) + "|")
    for nodes in (int(count) for count in options.nodes.split(",")):
        for segment_s in (options.segment_s, options.film_min * 60):
            print(line(options, nodes, segment_s), flush=True)


if __name__ == "__main__":
    main()
