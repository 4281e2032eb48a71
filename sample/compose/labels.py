"""The sample's labels, in the form of the Advertisement Image Dataset's annotation files."""

import json
from pathlib import Path

from sample.compose.errors import ComposeError
from sample.compose.posters import Poster
from search_app.evaluation.ads import category_queries, read_categories, read_labels


def write_labels(posters: list[Poster], topics: dict[str, list[str]], folder: Path) -> None:
    """Writes `Topics.json`, `Topics_List.txt` (UTF-16, CRLF, tab between) and `QA_test_statements.json`.

    From them it derives `topics.tsv` and `qrels.txt`: the categories as queries, in TREC's forms.

    Args:
        posters: What was composed.
        topics: For every topic number its name and its short name.
        folder: Where the files go.

    Raises:
        ComposeError: A poster names a topic that is not listed.
    """
    unknown = sorted({number for poster in posters for number in poster.topics} - topics.keys())
    if unknown:
        raise ComposeError(f"topics without a name: {', '.join(unknown)}")
    _write_json(folder / "Topics.json", {poster.path: list(poster.topics) for poster in posters})
    _write_json(folder / "QA_test_statements.json", {poster.name: list(poster.statements) for poster in posters})
    lines = [f'{number}\t"{name}" (ABBREVIATION: "{short}")' for number, (name, short) in topics.items()]
    (folder / "Topics_List.txt").write_bytes("".join(line + "\r\n" for line in lines).encode("utf-16"))
    labels = read_labels(folder / "Topics.json")
    category_queries(read_categories(folder / "Topics_List.txt"), labels, labels).write(folder)


def _write_json(path: Path, content: dict[str, list[str]]) -> None:
    lines = [f" {json.dumps(key)}: {json.dumps(content[key], ensure_ascii=False)}" for key in sorted(content)]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
