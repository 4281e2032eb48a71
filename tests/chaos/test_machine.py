"""The short form of `tests.chaos.machine`: any sequence of changes, index runs and kills equals a dict."""

from tests.chaos.machine import run


def test_any_sequence_of_changes_and_kills_equals_the_dict_and_the_oracle() -> None:
    run(count=2, steps=6, number=7)
