"""Takes frames and keeps none: for benchmarks and dry runs."""

from rtsr.frame import Frame


class NullSink:
    """Counts what it is given."""

    def __init__(self) -> None:
        self.written = 0

    def write(self, frame: Frame) -> None:
        """See `Sink`."""
        self.written += 1

    def finish(self) -> None:
        """See `Sink`."""

    def close(self) -> None:
        """See `Sink`."""
