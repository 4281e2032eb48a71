"""A process that stores judgements one by one and says so after each; it may be killed at any moment."""

import sys
import time
from itertools import count
from pathlib import Path

from search_app.judgements.store import JudgementStore
from tests.judgements.made import judgement

if __name__ == "__main__":
    store = JudgementStore(Path(sys.argv[1]), str)
    for number in count():
        store.add([judgement(f"{sys.argv[2]}-{number}", assessor=sys.argv[2])])
        print(f"{sys.argv[2]}-{number}", flush=True)  # noqa: T201 - the parent reads it
        time.sleep(0.002)  # or two of them would starve each other
