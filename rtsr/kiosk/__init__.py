"""Days of running without a hand: unit file, watchdog and health are to come; named so that its place is decided."""
