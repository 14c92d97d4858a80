"""Run the command line with `python -m whispercpp_ws`."""

import sys

from whispercpp_ws.cli import main


sys.exit(main())
