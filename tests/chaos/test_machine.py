"""The short form of `tests.chaos.machine`: any sequence of changes, index runs and kills equals a dict."""

from tests.chaos.machine import Collection, run


def test_any_sequence_of_changes_and_kills_equals_the_dict_and_the_oracle() -> None:
    run(count=2, steps=6, number=7)


def test_a_folder_that_changes_between_two_runs_of_which_one_was_killed() -> None:
    """The killed run saw nothing of a picture that is gone again: its id may go to another one."""
    machine = Collection()
    machine.begin(chance=802, number=3)
    machine.index()
    machine.add(chance=1)
    machine.kill(percent=0, kind="moment")
    machine.changed(0, "forget_last")
    machine.add(chance=9)
    machine.index()
    machine.change(chance=1)
    machine.index()
    machine.teardown()
