"""`python -m rtsr` is `rtsr`."""

from rtsr.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
