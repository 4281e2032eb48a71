"""A saved model is whole, has its own card, and stays so whatever happens while it is replaced."""

import random
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from search_app.encoders.adapter_head import MANIFEST, adapted_names, read_head, read_manifest
from search_app.errors import TrainingError
from search_app.training.adapter.save import licences_of, require_free_name
from search_app.training.card import CARD, read_card
from tests.conftest import ROOT, clean_environment
from tests.training.adapter_victim import NAME, card, head, save

KILLS = 12


def test_a_model_is_written_with_its_card(tmp_path):
    folder = save(1, tmp_path)
    manifest = read_manifest(folder)
    np.testing.assert_array_equal(read_head(folder, manifest).residual, head(1).residual)
    assert (manifest.base, manifest.base_fingerprint) == ("lite", "base 1")
    assert replace(read_card(folder), created="") == replace(card(1), created="")
    text = (folder / "README.md").read_text()
    assert all(part in text for part in ("# lite+mine", "SEARCH_MODEL=lite+mine", "train adapter", "| figures |"))
    assert adapted_names(tmp_path) == [NAME]


def test_the_same_model_has_the_same_fingerprint_and_another_one_another(tmp_path):
    first, again, other = (read_manifest(save(number, tmp_path)).fingerprint for number in (1, 1, 2))
    assert first == again != other


def test_an_earlier_model_is_replaced_without_a_rest(tmp_path):
    save(1, tmp_path)
    folder = save(2, tmp_path)
    assert {path.name for path in folder.iterdir()} == {MANIFEST, read_manifest(folder).arrays, CARD, "README.md"}
    assert read_card(folder).seed == 2


def test_killed_at_any_moment_it_is_the_old_model_or_the_new_one_and_never_has_the_card_of_another(tmp_path):
    save(1, tmp_path)
    chance = random.Random(7)
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-m", "tests.training.adapter_victim", str(tmp_path)],
            stdout=subprocess.PIPE,
            env=clean_environment(),
            cwd=ROOT,
        ) as victim:
            assert victim.stdout.readline()
            time.sleep(chance.uniform(0, 0.1))
            victim.kill()
        folder = tmp_path / NAME
        manifest = read_manifest(folder)
        number = int(manifest.sharpness)
        np.testing.assert_array_equal(read_head(folder, manifest).residual, head(number).residual)
        if (folder / CARD).exists():
            assert read_card(folder).seed == number
    save(2, tmp_path)
    assert {path.name for path in (tmp_path / NAME).glob("head-*")} == {read_manifest(tmp_path / NAME).arrays}


def test_arrays_that_a_kill_left_halfway_go_with_the_next_save(tmp_path):
    left = save(1, tmp_path) / "head-0123456789abcdef.npz.new"
    left.write_bytes(b"half")
    save(2, tmp_path)
    assert not left.exists()


@pytest.mark.parametrize("name", ["lite", "stub", "", "a/b", "../up", ".hidden", "white space", "x" * 65])
def test_names_that_mean_something_else_are_refused(tmp_path, name):
    with pytest.raises(TrainingError, match="is no name for a model"):
        require_free_name(tmp_path, name)


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / NAME).mkdir()
    require_free_name(tmp_path, NAME)
    (tmp_path / NAME / "photo.jpg").touch()
    with pytest.raises(TrainingError, match="holds something else"):
        save(1, tmp_path)
    assert [path.name for path in (tmp_path / NAME).iterdir()] == ["photo.jpg"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="cannot be written"):
        save(1, tmp_path / "file")


@pytest.mark.parametrize("content", ["", "[]", '{"name": "x"}'])
def test_a_damaged_card_is_told(tmp_path, content):
    folder = save(1, tmp_path)
    (folder / CARD).write_text(content)
    with pytest.raises(TrainingError, match=r"card\.json"):
        read_card(folder)


def test_the_licence_of_the_base_is_told():
    assert "MODEL_CARD.md" in licences_of("lite")[0]
    assert licences_of("ViT-B-32/openai")[0].endswith("MIT")
    assert "not known here" in licences_of("ViT-B-32/home/weights.pt")[0]
