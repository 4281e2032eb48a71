"""`python -m search_app COMMAND`."""

import sys

from search_app.cli.program import start

if __name__ == "__main__":
    raise SystemExit(start(sys.argv[1:]))
