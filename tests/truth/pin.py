"""Write the vectors that the bundled model gives on this machine: `python -m tests.truth.pin`, after `lite` changed."""

from pathlib import Path

import numpy as np

from search_app.encoders.lite import LiteEncoder
from search_app.evaluation import pins


def main() -> None:
    encoder = LiteEncoder()
    path = Path(pins.__file__).parent / "data" / "pins.npz"
    np.savez_compressed(path, **{encoder.spec.fingerprint: pins.pinned_vectors(encoder).astype(np.float16)})


if __name__ == "__main__":
    main()
