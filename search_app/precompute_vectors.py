"""`python3 search_app/precompute_vectors.py [FOLDER]`: embed every picture and upsert the vectors into Qdrant.

The same code and options as `python -m search_app index`.
"""

import sys
from pathlib import Path

if not __package__:
    # Started as a file: Python put search_app/ on the path where its parent belongs.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from search_app.cli.program import start

if __name__ == "__main__":
    raise SystemExit(start(["index", *sys.argv[1:]]))
