"""Entry point of `python -m scripts.bench`."""

import sys

from scripts.bench.command import main


if __name__ == "__main__":
    sys.exit(main())
