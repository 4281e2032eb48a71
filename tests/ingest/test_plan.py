"""The plan is a pure function: every sequence of changes to a folder ends in the index that the folder describes."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from search_app.datatypes import ImageRef, Known, Picture
from search_app.ingest.plan import Plan, plan_run

Files = dict[str, tuple[str, int]]
"""path -> (content, mtime)"""


def hash_of(content: str) -> str:
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def refs(files: Files) -> list[ImageRef]:
    return [ImageRef(path, len(content), mtime) for path, (content, mtime) in sorted(files.items())]


def apply(plan: Plan, known: list[Known], files: Files, next_id: int) -> tuple[list[Known], int]:
    """What the pipeline does with a plan, without pictures."""
    by_id = {item.id: item for item in known}
    for item in plan.relabel:
        by_id[item.id] = item
    for todo in plan.embed:
        number = todo.id
        if number is None:
            number, next_id = next_id, next_id + 1
        content, mtime = files[todo.ref.path]
        by_id[number] = Known(number, Picture(todo.ref.path, hash_of(content), len(content), mtime, 1, 1, "PNG"))
    for number in plan.remove:
        del by_id[number]
    return sorted(by_id.values(), key=lambda item: item.id), next_id


def run(files: Files, known: list[Known], next_id: int, hidden: str = "") -> tuple[Plan, list[Known], int]:
    plan = plan_run(
        refs(files),
        known,
        lambda ref: hash_of(files[ref.path][0]),
        lambda path: bool(hidden) and path.startswith(hidden),
    )
    return plan, *apply(plan, known, files, next_id)


contents = st.text("abc", min_size=1, max_size=3)
folders = st.dictionaries(st.sampled_from(["a", "b", "c", "d/e", "d/f"]), st.tuples(contents, st.integers(1, 3)))


@given(st.lists(folders, min_size=1, max_size=6))
def test_any_sequence_of_folders_ends_in_the_index_the_last_one_describes(states: list[Files]) -> None:
    known: list[Known] = []
    next_id = 1
    ever: dict[int, None] = {}
    for files in states:
        # A change that keeps size and time is invisible by design; give changed contents a new time.
        for item in known:
            if (here := files.get(item.picture.path)) and hash_of(here[0]) != item.picture.content_hash:
                files[item.picture.path] = (here[0], item.picture.mtime_ns + 10)
        before = {item.id for item in known}
        _, known, next_id = run(files, known, next_id)
        described = {path: hash_of(content) for path, (content, _) in files.items()}
        assert {item.picture.path: item.picture.content_hash for item in known} == described
        fresh = {item.id for item in known} - before
        assert not fresh & ever.keys(), "an id was given twice"
        ever.update(dict.fromkeys(item.id for item in known))
        again, _, _ = run(files, known, next_id)
        assert (again.embed, again.relabel, again.remove) == ([], [], [])
        assert again.unchanged == len(files)


def test_first_ids_follow_the_order_of_paths_and_nothing_is_read_twice() -> None:
    files: Files = {"b": ("x", 1), "a": ("y", 1), "d/e": ("z", 1)}
    plan = plan_run(refs(files), [], hash_file=lambda ref: 1 / 0)
    assert [(item.ref.path, item.id) for item in plan.embed] == [("a", None), ("b", None), ("d/e", None)]


def test_a_rename_keeps_id_and_vector() -> None:
    _, known, next_id = run({"a": ("one", 1), "b": ("two", 1)}, [], 1)
    plan, known, _ = run({"c": ("one", 1), "b": ("two", 1)}, known, next_id)
    assert (plan.renamed, plan.embed, plan.remove, plan.unchanged) == (1, [], [], 1)
    assert {item.id: item.picture.path for item in known} == {1: "c", 2: "b"}


def test_two_files_that_swap_names_swap_ids_back_to_their_contents() -> None:
    _, known, next_id = run({"a": ("one", 1), "b": ("two", 2)}, [], 1)
    plan, known, _ = run({"a": ("two", 2), "b": ("one", 1)}, known, next_id)
    assert plan.embed == []
    assert {item.id: item.picture.path for item in known} == {1: "b", 2: "a"}


def test_a_file_changed_in_place_keeps_its_id_and_is_embedded_again() -> None:
    _, known, next_id = run({"a": ("one", 1)}, [], 1)
    plan, known, _ = run({"a": ("other", 2)}, known, next_id)
    assert [(item.ref.path, item.id) for item in plan.embed] == [("a", 1)]


def test_a_new_file_time_alone_embeds_nothing() -> None:
    _, known, next_id = run({"a": ("one", 1)}, [], 1)
    plan, known, _ = run({"a": ("one", 9)}, known, next_id)
    assert (plan.embed, plan.renamed, plan.unchanged) == ([], 0, 1)
    assert known[0].picture.mtime_ns == 9


def test_a_copy_is_a_picture_of_its_own() -> None:
    _, known, next_id = run({"a": ("one", 1)}, [], 1)
    plan, known, _ = run({"a": ("one", 1), "copy": ("one", 1)}, known, next_id)
    assert [(item.ref.path, item.id) for item in plan.embed] == [("copy", None)]


def test_pictures_that_could_not_be_looked_at_are_kept() -> None:
    _, known, next_id = run({"a": ("one", 1), "d/e": ("two", 1)}, [], 1)
    plan, known, _ = run({"a": ("one", 1)}, known, next_id, hidden="d/")
    assert plan.remove == []
    assert [item.picture.path for item in known] == ["a", "d/e"]
