"""eSR-TM K5C2 on luma, 8 bit in and out, against OpenCV's cubic resize: `python -m benchmarks.luma_vs_cv2`.

The product's own OpenVINO engine; both on one thread if not said otherwise, in turns; the ratio of each
round's medians, and their median.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import closing

import cv2
import numpy as np

from benchmarks import machine
from rtsr.models import find_model
from rtsr.sources.pattern import open_pattern
from rtsr.upscalers.openvino import open_engine

TARGET = 5.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="esr-tm-k5c2")
    parser.add_argument("--size", default="960x540")
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="of ours")
    parser.add_argument("--cv2-threads", type=int, help="of OpenCV; as many as ours if not given")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=20, help="of each per round")
    options = parser.parse_args()
    with closing(open_pattern(f"pattern:{options.size}")) as source:
        luma = next(source.frames()).y
    height, width = luma.shape
    larger = (width * options.scale, height * options.scale)
    cv2_threads = options.cv2_threads or options.threads
    cv2.setNumThreads(cv2_threads)
    with closing(open_engine(find_model(options.model, options.scale), (width, height), options.threads)) as engine:

        def ours() -> None:
            engine.run(luma)

        def cubic() -> None:
            cv2.resize(luma, larger, interpolation=cv2.INTER_CUBIC)

        rounds = [
            (_median_ms(cubic, options.calls), _median_ms(ours, options.calls)) for _ in range(options.rounds + 1)
        ]
    cubic_ms, ours_ms = np.array(rounds[1:]).T  # the first one warms up
    ratios = ours_ms / cubic_ms
    print(machine.line())
    print(f"{options.size} -> {larger[0]}x{larger[1]} luma uint8, {options.rounds} rounds")
    print(f"cv2.resize INTER_CUBIC ({cv2.__version__}), {cv2_threads} thread(s): {np.median(cubic_ms):.3f} ms")
    print(f"{options.model} on OpenVINO, {options.threads} thread(s): {np.median(ours_ms):.3f} ms")
    print(f"ratio: {np.median(ratios):.2f} [{ratios.min():.2f} to {ratios.max():.2f}], target at most {TARGET:g}")


def _median_ms(call: Callable[[], None], calls: int) -> float:
    times_ms = []
    for _ in range(calls):
        began_s = time.perf_counter()
        call()
        times_ms.append((time.perf_counter() - began_s) * 1e3)
    return float(np.median(times_ms))


if __name__ == "__main__":
    main()
