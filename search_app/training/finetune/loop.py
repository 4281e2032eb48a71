"""The loop of a fine-tuning: steps, epochs, early stop; it goes on where a checkpoint was written."""

import math
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from search_app.datatypes import PixelBatch
from search_app.encoders.open_clip_package import torch
from search_app.errors import TrainingError
from search_app.training.finetune.batches import Batch, one_ahead, plan_epoch
from search_app.training.finetune.checkpoints import Checkpoints
from search_app.training.finetune.loss import backward, hold_scale, loss_of, random_state, set_random_state
from search_app.training.finetune.measure import HeldOutPictures
from search_app.training.finetune.model import TrainedModel
from search_app.training.finetune.options import FinetuneOptions
from search_app.training.finetune.pixels import Pictures
from search_app.training.finetune.weights import choose_weights, make_optimizer, put_back, snapshot
from search_app.training.lite.data import Photograph
from search_app.training.log import Entry, Watch

Tensor = torch.Tensor
LISTENED_TO = ("R@10", "R@1")
"""What tells a better epoch: the first of these, and where it is the same (often 1 among few pictures) the second."""


class Finetuning:
    """One model's training and everything that decides how it goes on."""

    def __init__(
        self, model: TrainedModel, pictures: Pictures, learnt: Sequence[Photograph], options: FinetuneOptions
    ) -> None:
        """Begin; the same model, pictures and options give the same weights on the same machine, interrupted or not."""
        torch.manual_seed(options.seed)
        self.model, self._pictures, self._photographs, self._options = model, pictures, learnt, options
        self.weights = choose_weights(model.module, options.train)
        self._optimizer = make_optimizer(self.weights, options.peak_rate, options.decay)
        self._loss = loss_of(model.module)
        self._first_scale = float(model.module.logit_scale.detach())
        self.history: list[Entry] = []
        """Entry 0 is the original, before any training."""
        self._done: list[tuple[float, float]] = []
        """Loss and length of the gradient in each step of the epoch under way."""

    @property
    def best(self) -> int:
        """The epoch that is kept: the first of the best ones, 0 where none is better than the original."""
        merits = [tuple(entry[name] for name in LISTENED_TO) for entry in self.history]
        return merits.index(max(merits))

    @property
    def is_finished(self) -> bool:
        """Whether all epochs are done, or the last ones brought nothing."""
        done = len(self.history) - 1
        return done >= self._options.epochs or done - self.best >= self._options.patience

    def resume(self, checkpoints: Checkpoints) -> None:
        """Go back to where the checkpoint was written, if there is one; raises `TrainingError` as it does."""
        if state := checkpoints.load():
            put_back(self.weights, state["weights"])
            self._optimizer.load_state_dict(state["optimizer"])
            set_random_state(state["random"], self.model.device)
            self.history = list(state["history"])
            self._done = list(state["done"])

    def epochs(self, checkpoints: Checkpoints, held_out: HeldOutPictures, watch: Watch) -> Iterator[Entry]:
        """Measure the original, then run the epochs that are left; each is stored before it is given.

        Raises `TrainingError` where the loss is no number, memory is short, or a picture changed.
        """
        while not (self.history and self.is_finished):
            started = time.monotonic()
            entry = self._epoch(checkpoints, watch) if self.history else {"epoch": 0}
            self.history.append({**entry, **held_out.recall(self.model), "seconds": time.monotonic() - started})
            self._done = []
            if self.best == len(self.history) - 1 > 0:
                checkpoints.save_best(self.best, snapshot(self.weights))
            checkpoints.save(self._state())
            checkpoints.drop_others(self.best)
            yield self.history[-1]

    def _epoch(self, checkpoints: Checkpoints, watch: Watch) -> Entry:
        epoch = len(self.history)
        plan = plan_epoch(self._photographs, self._options.batch, self._options.seed, epoch)
        if not plan:
            raise TrainingError("all pictures have the same sentence: there is nothing to tell apart")
        self.model.train()
        rate = 0.0
        jobs = (partial(self._load, epoch, batch) for batch in plan[len(self._done) :])
        for pixels, tokens in one_ahead(jobs):
            rate = self._options.rate_at((epoch - 1 + (len(self._done) + 0.5) / len(plan)) / self._options.epochs)
            self._done.append(self._step(pixels, tokens, rate))
            if len(self._done) % checkpoints.every == 0 and len(self._done) < len(plan):
                checkpoints.save(self._state())
            watch.progress(f"steps of epoch {epoch}", len(self._done), len(plan))
        losses, lengths = zip(*self._done, strict=True)
        return {
            "epoch": epoch,
            "loss": math.fsum(losses) / len(losses),
            "gradient": math.fsum(lengths) / len(lengths),
            "rate": rate,
            "scale": float(self.model.module.logit_scale.detach().exp()),
        }

    def _load(self, epoch: int, batch: Batch) -> tuple[PixelBatch, Tensor]:
        files = [self._photographs[row].file for row in batch.rows]
        draws = [(self._options.seed, epoch, row) for row in batch.rows]
        return self._pictures.varied(files, self._options.least_kept, draws), self.model.tokenize(batch.texts)

    def _step(self, pixels: PixelBatch, tokens: Tensor, rate: float) -> tuple[float, float]:
        """Learn from one batch; gives its loss and the length of the gradient before it was shortened."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad()
        try:
            loss = backward(
                lambda part: self.model.encode(pixels[part], tokens[part]),
                self._loss,
                len(pixels),
                self._options.micro_batch,
                self.model.device,
            )
        except torch.OutOfMemoryError as error:
            raise TrainingError(
                f"{self._options.micro_batch} pairs at once need more memory than {self.model.device} has: "
                "lower --micro-batch, which does not change what is learnt"
            ) from error
        length = float(torch.nn.utils.clip_grad_norm_(self.weights.values(), self._options.clip))
        if not math.isfinite(loss) or not math.isfinite(length):
            raise TrainingError(
                f"epoch {len(self.history)}, step {len(self._done) + 1}: the loss is {loss} and its gradient {length} "
                "long: lower --rate"
            )
        self._optimizer.step()
        hold_scale(self.model.module, self._first_scale)
        return loss, length

    def _state(self) -> dict[str, Any]:
        return {
            "weights": snapshot(self.weights),
            "optimizer": self._optimizer.state_dict(),
            "random": random_state(self.model.device),
            "history": self.history,
            "done": self._done,
        }
