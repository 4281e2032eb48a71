"""Fine-tunes an open_clip model: `python -m search_app train finetune --pairs FOLDER --captions captions.json ...`."""

from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from search_app.encoders.open_clip_model import build_model
from search_app.encoders.torch_device import Device
from search_app.errors import MissingDependency, TrainingError
from search_app.training.card import ModelCard
from search_app.training.finetune.checkpoints import Checkpoints
from search_app.training.finetune.data import PairCollection
from search_app.training.finetune.loop import Finetuning
from search_app.training.finetune.measure import HeldOutPictures, compare
from search_app.training.finetune.model import TrainedModel
from search_app.training.finetune.options import FinetuneOptions
from search_app.training.finetune.pixels import CheckedPairs, Pictures
from search_app.training.finetune.save import (
    FinetuneReport,
    licences_of,
    read_finished,
    write_documents,
    write_finished,
    write_weights,
)
from search_app.training.finetune.weights import interpolate, put_back
from search_app.training.log import TrainingLog, Watch, draw_curves

CURVES = {"loss": ("loss",), "recall on the held-out pictures": ("R@1", "R@5", "R@10"), "rate": ("rate",)}
DRAWN_BESIDE = 60.0
"""Seconds: an epoch that took longer is worth the second that a picture takes."""


@dataclass(frozen=True, slots=True)
class FinetunePlan:
    """From what, how and where to a model is made."""

    base: str
    """As `SEARCH_MODEL` spells it."""
    pictures: Path
    """Folder of the pictures."""
    out: Path
    options: FinetuneOptions
    command: str
    """For the card."""
    device: Device = "auto"
    max_pixels: int = 178_956_970
    """Larger pictures are skipped."""
    checkpoint_every: int = 200
    """Steps; each epoch ends with a checkpoint besides."""

    def __post_init__(self) -> None:
        if self.checkpoint_every < 1:
            raise TrainingError(f"--checkpoint-every {self.checkpoint_every}: it is 1 or more")


def finetune(pairs: PairCollection, plan: FinetunePlan, watch: Watch | None = None) -> FinetuneReport:
    """Train, and measure the written file on the held-out pictures.

    Can be killed at any time: called again it goes on, and what is finished is not done again. Raises `EncoderError`
    where the base cannot be had, `TrainingError` where pairs, options or an earlier run's files do not fit, and
    `MissingDependency` where a package that training needs is not installed.
    """
    watch = watch or Watch()
    if find_spec("matplotlib") is None:  # said before hours of work, not behind them
        raise MissingDependency("the curves of a training need matplotlib: pip install -r requirements-train.txt")
    make_folder(plan.out)
    model = TrainedModel.open(plan.base, plan.device)
    with Pictures(plan.pictures, model.transform, plan.max_pixels) as pictures:
        checked = pictures.check(pairs, watch)
        recipe = {
            **asdict(plan.options),
            "base": model.fingerprint,
            "data": checked.digest,
            "device": model.device.type,
            "precision": model.precision,
        }
        if report := read_finished(plan.out, recipe):
            return report
        checkpoints = Checkpoints(plan.out / "checkpoints", recipe, plan.checkpoint_every)
        held_out = HeldOutPictures(pictures, checked.pairs.dev, plan.options.micro_batch, watch)
        training = Finetuning(model, pictures, checked.pairs.train, plan.options)
        training.resume(checkpoints)
        follow(training, plan, checkpoints, held_out, watch)
        report = finish(training, plan, checkpoints, held_out, checked)
    write_finished(plan.out, recipe, report)
    checkpoints.remove()
    return report


def make_folder(out: Path) -> None:
    """Make the folder; raises `TrainingError` where that is refused."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"{out}: cannot be made: {error.strerror}") from error


def follow(
    training: Finetuning, plan: FinetunePlan, checkpoints: Checkpoints, held_out: HeldOutPictures, watch: Watch
) -> None:
    """Run the epochs that are left, with a line in log.jsonl for each, and their curves beside long ones."""
    log = TrainingLog(plan.out / "log.jsonl", training.history, watch)
    for entry in training.epochs(checkpoints, held_out, watch):
        log.add(entry)
        if entry["seconds"] > DRAWN_BESIDE:
            draw_curves(plan.out / "curves.png", training.history, CURVES)


def finish(
    training: Finetuning,
    plan: FinetunePlan,
    checkpoints: Checkpoints,
    held_out: HeldOutPictures,
    checked: CheckedPairs,
) -> FinetuneReport:
    """Write the best weights, mixed with the original's where that was asked for, their card and their curves."""
    model, options = training.model, plan.options
    original = build_model(model.checkpoint).state_dict()
    tuned = original
    if training.best:
        put_back(training.weights, checkpoints.load_best(training.best))
        tuned = {name: tensor.cpu() for name, tensor in model.module.state_dict().items()}
    path = write_weights(interpolate(original, tuned, options.interpolate), plan.out)
    model.module.load_state_dict(original)
    before = held_out.ranks(model)
    served_as = f"{model.checkpoint.architecture}/{path}"
    after = held_out.ranks(model.written(served_as))
    report = FinetuneReport(
        served_as=served_as,
        figures=compare(before, after, held_out.owners),
        pictures=len(checked.pairs.dev),
        sentences=len(held_out.owners),
        epochs=len(training.history) - 1,
        best=training.best,
        learnt=sum(parameter.numel() for parameter in training.weights.values()),
        weights=sum(parameter.numel() for parameter in model.module.parameters()),
        skipped=checked.skipped,
        note=model.note,
    )
    write_documents(plan.out, card_of(report, plan, checked), report)
    draw_curves(plan.out / "curves.png", training.history, CURVES)
    return report


def card_of(report: FinetuneReport, plan: FinetunePlan, checked: CheckedPairs) -> ModelCard:
    """What there is to say about the model."""
    pairs = checked.pairs
    sentences = sum(len(photograph.captions) for photograph in pairs.train)
    return ModelCard(
        name=plan.out.resolve().name,
        base=plan.base,
        data=f"{pairs.origin}: {len(pairs.train)} pictures with {sentences} sentences; figures on {report.pictures} "
        f"other ones with {report.sentences}; {len(checked.skipped)} pictures could not be used",
        seed=plan.options.seed,
        command=plan.command,
        figures={**report.figures, "best epoch": report.best, "epochs": report.epochs},
        licences=licences_of(plan.base),
    )
