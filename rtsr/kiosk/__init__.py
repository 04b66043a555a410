"""Days of running without a hand: what systemd starts, watches and starts again, and what it tells of itself."""
