"""Where a training stands: stored whole, bound to its recipe, refused in words where it cannot be used."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install -r requirements-train.txt")

import torch

from search_app.errors import TrainingError
from search_app.training.checkpoint import generator_state, load_checkpoint, restore_generator, save_checkpoint

RECIPE = {"rate": 0.001, "epochs": 3, "shares": (0.1, 0.2)}
STATE = {"weight": torch.arange(6.0).reshape(2, 3), "history": [{"epoch": 1, "loss": 0.25}], "step": 7}


def test_what_was_stored_comes_back(tmp_path):
    path = tmp_path / "deeper" / "member.pt"
    save_checkpoint(path, RECIPE, STATE)
    state = load_checkpoint(path, dict(reversed(RECIPE.items())))
    assert torch.equal(state["weight"], STATE["weight"])
    assert (state["history"], state["step"]) == (STATE["history"], 7)
    assert [file.name for file in path.parent.iterdir()] == ["member.pt"]


def test_nothing_stored_is_no_error(tmp_path):
    assert load_checkpoint(tmp_path / "member.pt", RECIPE) is None


def test_a_write_that_was_cut_off_leaves_the_old_state(tmp_path):
    path = tmp_path / "member.pt"
    save_checkpoint(path, RECIPE, STATE)
    with pytest.raises(AttributeError, match="lambda"):
        save_checkpoint(path, RECIPE, {"step": lambda: 8})
    assert load_checkpoint(path, RECIPE)["step"] == 7
    save_checkpoint(path, RECIPE, {"step": 9})
    assert load_checkpoint(path, RECIPE)["step"] == 9


@pytest.mark.parametrize("kept", [0, 1, 200, -30])
def test_a_damaged_file_is_named(tmp_path, kept):
    path = tmp_path / "member.pt"
    save_checkpoint(path, RECIPE, STATE)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(TrainingError, match=r"member\.pt is damaged .*delete it"):
        load_checkpoint(path, RECIPE)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    path = tmp_path / "member.pt"
    torch.save({"recipe": "{}", "state": {"step": RunsCode()}}, path)
    with pytest.raises(TrainingError, match="damaged"):
        load_checkpoint(path, {})


class RunsCode:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code of a checkpoint was run')",))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({**RECIPE, "rate": 0.1}, r"\(rate was 0\.001 and is 0\.1\)"),
        ({**RECIPE, "views": 3}, r"\(views was None and is 3\)"),
        ({**RECIPE, "epochs": 4, "shares": (0.1, 0.3)}, r"epochs was 3 and is 4, shares was \[0\.1, 0\.2\] and is"),
    ],
)
def test_another_recipe_is_refused_with_what_differs(tmp_path, changed, told):
    path = tmp_path / "member.pt"
    save_checkpoint(path, RECIPE, STATE)
    with pytest.raises(TrainingError, match=told):
        load_checkpoint(path, changed)


def test_a_generator_goes_on_where_it_stood():
    random = np.random.default_rng(5)
    random.random(3)
    stored = generator_state(random)
    wanted = random.random(10)
    other = np.random.default_rng(0)
    restore_generator(other, stored)
    np.testing.assert_array_equal(other.random(10), wanted)


class Bomb:
    """A pickle of it runs a command where it is opened."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.trace}",)


def test_a_checkpoint_that_holds_code_is_refused_and_not_run(tmp_path):
    torch.save({"recipe": json.dumps(RECIPE), "state": Bomb(tmp_path / "ran")}, tmp_path / "member.pt")
    with pytest.raises(TrainingError, match=r"member\.pt is damaged \(UnpicklingError\)"):
        load_checkpoint(tmp_path / "member.pt", RECIPE)
    assert not (tmp_path / "ran").exists()
