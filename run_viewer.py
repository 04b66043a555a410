"""`python run_viewer.py --source SOURCE` is `rtsr view SOURCE`."""

import sys

from rtsr.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["view", *sys.argv[1:]]))
