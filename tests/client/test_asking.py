"""Every method against the real application over real HTTP, in both clients."""

import inspect
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from search_app.client import AsyncSearchClient, ProblemError, SearchClient, Term
from search_app.client.calls import BATCH
from search_app.client.pictures import SENT_SIDE, picture_bytes
from search_app.client.values import Explanation, Hit, ScoredId, SearchAnswer
from tests.conftest import ROOT
from tests.search.colours import COLOURS

RED, GREEN, BLUE = 1, 2, 3
ORIENTATION = 0x0112


def test_both_clients_have_the_same_methods_and_arguments() -> None:
    def forms(client: type) -> dict[str, list[str]]:
        own = {name: each for name, each in vars(client).items() if callable(each) and not name.startswith("_")}
        return {name: [str(one) for one in inspect.signature(each).parameters.values()] for name, each in own.items()}

    assert forms(SearchClient) == forms(AsyncSearchClient)
    assert {"search", "ids", "batch", "similar", "image", "thumbnail", "explain", "info", "ready"} <= set(
        forms(SearchClient)
    )


def test_search_answers_with_frozen_values(client: Any) -> None:
    answer = client.search("a red thing", limit=2)
    assert isinstance(answer, SearchAnswer)
    assert (answer.query, answer.model, len(answer.hits)) == ("a red thing", "colours", 2)
    best = answer.hits[0]
    assert isinstance(best, Hit)
    assert (best.id, best.path, best.width, best.height) == (RED, "red/a picture.png", 640, 400)
    assert set(answer.took_ms) == {"encode", "search", "fetch", "total"}
    with pytest.raises(AttributeError):
        best.id = 7


def test_the_whole_grammar_is_understood_by_the_service(client: Any) -> None:
    options = {
        "limit": 3,
        "offset": 1,
        "words": "fused",
        "understand": True,
        "filter": {"folder": ["yellow", "purple", "black"], "width": {"gte": 100}, "not": {"format": "GIF"}},
        "facets": ("folder",),
        "like": (BLUE,),
        "unlike": (GREEN,),
        "terms": [Term(text="purple", weight=0.5), Term(id=RED, weight=-0.5)],
        "min_relevance": 0.0,
        "min_score": -1.0,
        "diversity": 0.1,
        "sort": "",
        "fold": False,
    }
    answer = client.search("red without green", **options)
    assert answer.understood.without == ("green",)
    assert len(answer.hits) == 2, "three pass the filter, one is passed over"
    assert set(answer.facets) == {"folder"}


def test_facets_are_values_with_counts(client: Any) -> None:
    counts = client.search("red", facets=["folder"]).facets["folder"]
    assert (counts[0].value, counts[0].count) in {("red", 1), ("yellow", 1), ("purple", 1)}


def test_options_that_are_none_are_left_to_the_service(client: Any) -> None:
    assert client.search("red", min_score=None).hits == client.search("red").hits


def test_a_misspelt_option_is_refused_before_anything_is_sent(client: Any) -> None:
    with pytest.raises(TypeError, match="no option 'limt'"):
        client.search("red", limt=3)
    with pytest.raises(TypeError, match="no option 'facets'"):
        client.ids("red", facets=["folder"])


def as_bytes(image: Image.Image, folder: Path) -> bytes:
    return as_path(image, folder).read_bytes()


def as_path(image: Image.Image, folder: Path) -> Path:
    path = folder / "blue.png"
    image.save(path)
    return path


def as_text(image: Image.Image, folder: Path) -> str:
    return str(as_path(image, folder))


def as_itself(image: Image.Image, _folder: Path) -> Image.Image:
    return image


def as_cmyk(image: Image.Image, _folder: Path) -> Image.Image:
    return image.convert("CMYK")


@pytest.mark.parametrize("given", [as_bytes, as_path, as_text, as_itself, as_cmyk])
def test_a_picture_is_a_path_bytes_or_an_image_of_pillow(client: Any, given: Any, tmp_path: Path) -> None:
    picture = given(Image.new("RGB", (64, 48), COLOURS["blue"]), tmp_path)
    assert client.search(image=picture).hits[0].id == BLUE
    assert client.search(terms=[Term(image=picture)]).hits[0].id == BLUE


def test_an_image_of_pillow_goes_small_enough_and_the_right_way_up_and_stays_as_it_is() -> None:
    photograph = Image.new("RGB", (4000, 1000), COLOURS["red"])
    photograph.getexif()[ORIENTATION] = 6
    sent = Image.open(BytesIO(picture_bytes(photograph)))
    assert (sent.format, sent.size) == ("PNG", (SENT_SIDE, SENT_SIDE // 4))
    assert sent.getexif()[ORIENTATION] == 6
    assert photograph.size == (4000, 1000)


def test_ids_is_the_bare_list(client: Any) -> None:
    found = client.ids("red", limit=3, filter=["-folder:purple", "width>=100"])
    assert found[0] == ScoredId(RED, 1.0)
    assert 5 not in {one.id for one in found}
    assert len(found) == 3
    assert RED not in {one.id for one in client.ids("red", like=[RED, GREEN], fold=True, limit=7)}


def test_a_batch_of_any_size_is_answered_in_order(client: Any) -> None:
    names = [*COLOURS] * 6
    assert len(names) > BATCH
    answers = client.batch([*names, {"query": "green", "limit": 2}], limit=1)
    assert [answer.query for answer in answers] == [*names, "green"]
    assert [answer.hits[0].id for answer in answers[:7]] == [1, 2, 3, 4, 5, 6, 7]
    assert [len(answer.hits) for answer in answers] == [1] * len(names) + [2]


def test_a_batch_of_nothing_is_answered_with_nothing(client: Any) -> None:
    assert client.batch([]) == []


def test_all_relevant_hits_come_once_whatever_the_size_of_a_page(client: Any) -> None:
    everything = [hit.id for hit in client.search("red", limit=7).hits]
    assert len(everything) == 7
    for limit in (1, 2, 7, 50):
        hits = list(client.iterate("red", limit=limit, min_relevance=0.0))
        assert [hit.id for hit in hits] == everything
        pages = list(client.pages("red", limit=limit, min_relevance=0.0))
        assert [hit.id for page in pages for hit in page.hits] == everything
    relevant = list(client.iterate("red", limit=2))
    assert [hit.id for hit in relevant] == [hit.id for hit in client.search("red", limit=7, min_relevance=0.5).hits]
    assert all(hit.relevance >= 0.5 for hit in relevant)


def test_iteration_starts_where_it_is_told(client: Any) -> None:
    everything = [hit.id for hit in client.search("red", limit=7).hits]
    assert [hit.id for hit in client.iterate("red", limit=3, offset=2, min_relevance=0.0)] == everything[2:]


def test_similar_leaves_the_picture_itself_out(client: Any) -> None:
    hits = client.similar(RED, limit=6).hits
    assert {hit.id for hit in hits} == {2, 3, 4, 5, 6, 7}


def test_pictures_come_as_bytes(client: Any) -> None:
    assert Image.open(BytesIO(client.image(RED))).format == "PNG"
    small = Image.open(BytesIO(client.thumbnail(RED, size=64)))
    assert (small.format, small.size) == ("JPEG", (64, 40))


def test_explain_tells_why(client: Any) -> None:
    found = client.explain(RED, "red", like=[RED], words="off")
    assert isinstance(found, Explanation)
    assert [(term.kind, term.text, term.id) for term in found.terms] == [("text", "red", None), ("id", "", RED)]
    assert (len(found.heat.cells), len(found.heat.cells[0])) == (found.heat.rows, found.heat.columns)
    assert found.relevance > client.explain(BLUE, "red").relevance


def test_info_and_ready(client: Any) -> None:
    info = client.info()
    assert (info.model, info.dim, info.count, info.folder) == ("colours", 4, 7, "pictures")
    assert client.ready().count == 7


def test_a_problem_document_becomes_an_error_with_its_parts(client: Any) -> None:
    with pytest.raises(ProblemError, match="no image has id 99") as unknown:
        client.similar(99)
    assert (unknown.value.status, unknown.value.title, unknown.value.parameter) == (404, "Not Found", None)
    with pytest.raises(ProblemError) as wrong:
        client.search("red", limit=0)
    assert (wrong.value.status, wrong.value.parameter) == (422, "limit")
    assert wrong.value.detail == "limit must be between 1 and 50"


def test_the_client_needs_nothing_heavy() -> None:
    heavy = ("torch", "onnxruntime", "qdrant_client", "qdrant_edge", "fastapi", "starlette", "pydantic", "numpy", "PIL")
    code = f"import sys, search_app.client; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
