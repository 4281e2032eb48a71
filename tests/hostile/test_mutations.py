"""The short form of the attack with changed bytes; the long one is `python -m tests.hostile.mutations`."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT, clean_environment
from tests.hostile import mutations


def test_changed_bytes_are_a_picture_or_an_image_error() -> None:
    """In a process of its own: a crash there is told here, and its memory is its own."""
    command = [sys.executable, "-m", "tests.hostile.mutations", "--count", "600"]
    done = subprocess.run(
        command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr[-2000:])
    outcome = json.loads(done.stdout)
    assert outcome["decoded"] > 100, "most mutations are no longer pictures at all: the attack does not go deep"
    assert outcome["refused"] > 100


def test_a_mutation_can_be_made_again() -> None:
    beginnings = mutations.seeds()
    made = [mutations.mutated(beginnings, 1, number) for number in range(50)]
    assert made == [mutations.mutated(beginnings, 1, number) for number in range(50)]
    assert made != [mutations.mutated(beginnings, 2, number) for number in range(50)]


def test_what_is_no_image_error_ends_the_attack_and_names_the_mutation(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(mutations, "decode_bytes", fail)
    with pytest.raises(ZeroDivisionError) as raised:
        mutations.attack(iter([7]), 3)
    assert raised.value.__notes__ == ["mutation 7 of seed 3"]
