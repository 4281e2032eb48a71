"""Trains the bundled model: `python -m search_app train lite --pairs FOLDER --captions captions.json --out DIR`."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from search_app.encoders.lite_runtime import available_cores, open_session
from search_app.encoders.lite_text import TokenTower
from search_app.training.lite_backbone import backbone_bytes, classifier, load_backbone
from search_app.training.lite_classes import ClassReplay, read_class_texts
from search_app.training.lite_data import Photograph, image_features, read_photographs, token_features
from search_app.training.lite_export import LiteModel, write_model
from search_app.training.lite_fit import LiteTraining, Photographs, fit_gate, fit_member
from search_app.training.lite_heads import ClassPart
from search_app.training.lite_measure import LiteReport, measure

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LiteSource:
    """Where the training data lies."""

    pictures: Path
    """Folder of the photographs."""
    captions: Path
    """`{"NAME.jpg": {"split": "train" or "dev", "captions": ["...", ...]}}`."""
    tokenizer: Path
    """MiniLM's tokenizer.json."""


def train_lite(source: LiteSource, out: Path, options: LiteTraining) -> LiteReport:
    """Train on the split `train`, write the model into `out`, measure what was written on the split `dev`.

    Raises `SearchAppError` where the captions cannot be used, `ImageError` where a photograph cannot be read and
    `MissingDependency` where a package that training needs is not installed.
    """
    train, dev = read_photographs(source.captions, "train"), read_photographs(source.captions, "dev")
    backbone = load_backbone()
    tokenizer = source.tokenizer.read_bytes()
    tower = TokenTower(tokenizer)
    data = collect(source.pictures, train, backbone, tower, options.views)
    write_model(fit(data, backbone, tower, options), backbone, tokenizer, out)
    report = measure(out, tower, source.pictures, dev)
    content = json.dumps({"options": asdict(options), "dev": asdict(report)}, indent=2)
    (out / "training.json").write_text(content + "\n", encoding="utf-8")
    return report


def collect(
    folder: Path, photographs: Sequence[Photograph], backbone: Any, tower: TokenTower, views: int
) -> Photographs:
    """Run both frozen networks over everything once."""
    session = open_session(backbone_bytes(backbone), available_cores(), keep_memory=True)
    files = [photograph.file for photograph in photographs]
    features = []
    for view in range(views):
        features.append(image_features(session, folder, files, view))
        logger.info("view %d of %d: %d photographs", view + 1, views, len(files))
    captions = [caption for photograph in photographs for caption in photograph.captions]
    owners = np.repeat(np.arange(len(photographs)), [len(photograph.captions) for photograph in photographs])
    return Photographs(tuple(features), token_features(tower, captions), owners)


def fit(data: Photographs, backbone: Any, tower: TokenTower, options: LiteTraining) -> LiteModel:
    """Train every member and the gate on collected features."""
    texts = read_class_texts(tower)
    vectors, mean = texts.vectors()
    part = ClassPart(vectors, options.temperature)
    weight, bias = (torch.from_numpy(value) for value in classifier(backbone))
    replay = ClassReplay(data.views[0], texts, weight, bias)
    members = []
    for member in range(options.members):
        members.append(fit_member(data, replay, part, replace(options, seed=options.seed + member)))
        logger.info("member %d of %d is trained", member + 1, options.members)
    return LiteModel(part, members, fit_gate(texts.tokens, data.captions, options), mean)
