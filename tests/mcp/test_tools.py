"""What an assistant gets from each tool, with the service in this process and over HTTP."""

import base64
from io import BytesIO

import anyio
import pytest
from mcp import Client
from mcp_types import ImageContent, ListToolsResult
from PIL import Image

from search_app.client import AsyncSearchClient, Retry
from search_app.index.memory.store import MemoryStore
from search_app.mcp.places import place_of
from search_app.mcp.server import build_server
from search_app.search.service import SearchService
from tests.conftest import free_port
from tests.mcp.conftest import Assistant
from tests.search.colours import ColourEncoder

RED, GREEN, BLUE = 1, 2, 3


def listed() -> ListToolsResult:
    async def ask() -> ListToolsResult:
        async with AsyncSearchClient() as client, Client(build_server(client)) as assistant:
            return await assistant.list_tools()

    return anyio.run(ask)


def test_every_tool_says_what_it_is_for_and_that_it_only_reads() -> None:
    tools = {tool.name: tool for tool in listed().tools}
    assert set(tools) == {
        *("search_images", "similar_images", "get_image"),
        *("explain_match", "count_images", "describe_collection"),
    }
    for tool in tools.values():
        assert len(tool.description.split()) >= 10
        assert "  " not in tool.description, "the indentation of the source is not shown"
        assert tool.annotations.read_only_hint
        arguments = tool.input_schema["properties"].values()
        assert all(argument["description"] for argument in arguments)
    assert tools["search_images"].output_schema["properties"]["summary"]["description"]


def test_search_gives_structured_pictures_and_the_same_as_text(assistant: Assistant) -> None:
    result = assistant.call("search_images", query="red", limit=3)
    found = result.structured_content
    assert next(picture["id"] for picture in found["pictures"]) == RED
    assert found["pictures"][0]["path"] == "red/a picture.png"
    assert len(found["pictures"]) == 3
    assert result.content[0].text.startswith('{\n  "summary": "')


def test_every_picture_says_whether_it_matches(assistant: Assistant) -> None:
    found = assistant.answer("search_images", query="red", limit=7)
    for picture in found["pictures"]:
        assert picture["is_match"] == (picture["relevance"] >= 0.5)
    doubtful = sum(not picture["is_match"] for picture in found["pictures"])
    assert not found["no_match"]
    assert found["summary"].startswith(f"{found['matches']} matching picture")
    assert (f"{doubtful} rather do not match" in found["summary"]) == bool(doubtful)


def test_no_match_is_told_in_words(assistant: Assistant) -> None:
    found = assistant.answer("search_images", query="red", filter={"folder": ["green", "blue"]})
    assert found["no_match"]
    assert found["summary"].startswith("NO MATCH: no picture in this collection fits.")
    assert found["pictures"], "the nearest are given all the same"


def test_an_empty_answer_is_told_in_words(assistant: Assistant) -> None:
    found = assistant.answer("search_images", query="red", filter={"folder": "nowhere"})
    assert (found["no_match"], found["pictures"]) == (True, [])
    assert "none passes the filter" in found["summary"]


def test_what_was_understood_is_told(assistant: Assistant) -> None:
    summary = assistant.answer("search_images", query="red without green")["summary"]
    assert "taken as 'red' without green" in summary


def test_filters_likes_and_order_reach_the_service(assistant: Assistant) -> None:
    found = assistant.answer("search_images", query="red", filter={"not": {"folder": "red"}}, limit=7)
    assert RED not in {picture["id"] for picture in found["pictures"]}
    found = assistant.answer("search_images", like=[RED], unlike=[GREEN], limit=7)
    assert {picture["id"] for picture in found["pictures"]} == {3, 4, 5, 6, 7}
    found = assistant.answer("search_images", query="red", sort="-id")
    ids = [picture["id"] for picture in found["pictures"]]
    assert ids == sorted(ids, reverse=True)


def test_similar_pictures(assistant: Assistant) -> None:
    found = assistant.answer("similar_images", picture_id=RED, limit=6)
    assert {picture["id"] for picture in found["pictures"]} == {2, 3, 4, 5, 6, 7}
    assert found["matches"] == sum(picture["is_match"] for picture in found["pictures"])
    assert found["summary"].startswith("NO MATCH" if found["no_match"] else f"{found['matches']} of the 6 pictures")


def test_a_picture_can_be_looked_at(assistant: Assistant) -> None:
    content = assistant.call("get_image", picture_id=BLUE, size=64).content
    assert [type(part) for part in content] == [ImageContent]
    assert content[0].mime_type == "image/jpeg"
    picture = Image.open(BytesIO(base64.b64decode(content[0].data)))
    assert (picture.format, picture.size) == ("JPEG", (64, 40))
    assert picture.getpixel((30, 20))[2] > 200


def test_a_match_is_explained(assistant: Assistant) -> None:
    best = assistant.answer("search_images", query="red")["pictures"][0]
    found = assistant.answer("explain_match", picture_id=RED, query="red")
    assert found["relevance"] == best["relevance"]
    assert found["summary"].startswith(f"Picture 1 {'matches' if found['is_match'] else 'does not match'}: relevance")
    assert [(term["term"], term["weight"]) for term in found["terms"]] == [("red", 1.0)]
    assert "image" in found["terms"][0]["evidence"]


def test_matches_are_counted(assistant: Assistant) -> None:
    found = assistant.answer("count_images", query="red", fields=["folder"])
    assert sum(each["pictures"] for each in found["counts"]["folder"]) == found["matches"] > 0
    assert found["summary"] == f"{found['matches']} matching pictures, counted by folder."


def test_the_collection_is_described(assistant: Assistant) -> None:
    found = assistant.answer("describe_collection")
    assert (found["pictures"], found["folder"], found["model"]) == (7, "pictures", "colours")
    assert found["summary"] == "7 pictures of the folder 'pictures' can be searched."


def test_mistakes_come_back_as_words_that_help(assistant: Assistant) -> None:
    assert "no image has id 99" in assistant.refusal("get_image", picture_id=99)
    assert "there is no field 'nope'" in assistant.refusal("search_images", query="red", filter={"nope": 1})
    assert "say in words what the pictures should show" in assistant.refusal("search_images", query=" ")
    assert "less than or equal to 50" in assistant.refusal("search_images", query="red", limit=51)
    assert "sort is one of" in assistant.refusal("search_images", query="red", sort="beauty")


def test_an_empty_index_is_told_in_words() -> None:
    store = MemoryStore("empty")
    empty = Assistant(lambda: SearchService(ColourEncoder(), store.reader()), over_http=False)
    assert empty.answer("describe_collection")["summary"].startswith("Nothing can be searched yet")
    assert "nothing has been indexed yet" in empty.refusal("search_images", query="red")


def test_a_service_that_is_not_there_is_told_in_words() -> None:
    async def ask() -> str:
        url = f"http://127.0.0.1:{free_port()}"
        async with (
            AsyncSearchClient(url, retry=Retry(attempts=1)) as client,
            Client(build_server(client)) as assistant,
        ):
            return (await assistant.call_tool("describe_collection")).content[0].text

    assert "does not answer" in anyio.run(ask)


@pytest.mark.parametrize(
    ("hot", "words"),
    [
        ([(0, 0)], "at the top left"),
        ([(3, 3), (4, 4)], "in the middle"),
        ([(7, 0), (7, 7)], "at the bottom"),
        ([(3, 7)], "in the middle right"),
        ([], None),
    ],
)
def test_places_in_words(hot: list[tuple[int, int]], words: str | None) -> None:
    cells = [[1.0 if (row, column) in hot else 0.5 for column in range(8)] for row in range(8)]
    assert place_of(cells) == words
