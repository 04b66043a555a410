"""Scripts that print ratios against real references, both measured in one run; run by hand from the repository root."""
