"""The files of a fine-tuning under way: where it stands, and the best weights so far."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search_app.encoders.open_clip_package import torch
from search_app.errors import TrainingError
from search_app.training.checkpoint import load_checkpoint, save_checkpoint


class Checkpoints:
    """A folder with a checkpoint and the weights of the epoch that it names as the best."""

    def __init__(self, folder: Path, recipe: Mapping[str, Any], every: int) -> None:
        """`recipe` decides how the training goes on; `every` is how many steps lie between two checkpoints."""
        self._folder, self._recipe, self.every = folder, recipe, every

    def load(self) -> dict[str, Any] | None:
        """Where the training stood; raises `TrainingError` as `load_checkpoint` does."""
        return load_checkpoint(self._folder / "checkpoint.pt", self._recipe)

    def save(self, state: Mapping[str, Any]) -> None:
        """Write where it stands.

        Raises `TrainingError` where that fails; the checkpoint before it is whole then.
        """
        self._write(self._folder / "checkpoint.pt", state)

    def save_best(self, epoch: int, weights: Mapping[str, torch.Tensor]) -> None:
        """Write the weights of an epoch; those before it stay until a checkpoint names this epoch."""
        self._write(self._best(epoch), {"weights": dict(weights)})

    def load_best(self, epoch: int) -> dict[str, torch.Tensor]:
        """The weights of the best epoch; raises `TrainingError` where they are damaged or gone."""
        state = load_checkpoint(self._best(epoch), self._recipe)
        if state is None:
            raise TrainingError(f"{self._best(epoch)} is gone: delete {self._folder} to begin anew")
        weights: dict[str, torch.Tensor] = state["weights"]
        return weights

    def drop_others(self, epoch: int) -> None:
        """Remove the weights of all epochs but one."""
        for path in self._folder.glob("best-*.pt"):
            if path != self._best(epoch):
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _best(self, epoch: int) -> Path:
        return self._folder / f"best-{epoch}.pt"

    def _write(self, path: Path, state: Mapping[str, Any]) -> None:
        try:
            save_checkpoint(path, self._recipe, state)
        except (OSError, RuntimeError) as error:  # torch raises the latter on a full disk
            raise TrainingError(f"{path} cannot be written ({error}); what was written before it is whole") from error
