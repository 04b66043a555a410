"""Days of running without a hand: the unit file, watchdog and health to come; named here so that its place is decided."""
