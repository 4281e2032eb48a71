"""The real service and the real commands: a second model beside the first, switched to and back while it serves."""

import json
import shutil
import time
from pathlib import Path

from tests.conftest import SAMPLE, search_app, start_service

PATIENCE_S = 60.0


def test_a_service_follows_an_alias_to_another_model_and_back(lite_sample: Path, tmp_path: Path) -> None:
    home = shutil.copytree(lite_sample, tmp_path / "home")
    env = {"SEARCH_MODEL": "lite"}
    made = search_app("index", SAMPLE, "--into", "images-v2", cwd=home, env={"SEARCH_MODEL": "stub"})
    assert made.status == 0, made.err
    service = start_service(home, env)

    def answered_by() -> tuple[str, str]:
        answer = service.client.post("/search", json={"query": "red", "words": "off"})
        assert answer.status_code == 200, answer.text
        return answer.json()["collection"], answer.json()["model"]

    def command(*arguments: str) -> str:
        done = search_app(*arguments, cwd=home, env=env)
        assert done.status == 0, done.err
        return done.out

    try:
        listed = {one["name"]: one["model"] for one in service.client.get("/collections").json()["collections"]}
        assert (listed["images"], listed["images-v2"]) == ("lite", "stub")  # other tests may have left more
        assert service.client.get("/collections/images-v2/info").json()["model"] == "stub"
        for alias, expected in ((["switch", "images-v2"], ("images-v2", "stub")), (["back"], ("images", "lite"))):
            command("alias", *alias)
            give_up = time.monotonic() + PATIENCE_S
            while answered_by() != expected:
                assert time.monotonic() < give_up, "the alias is not followed"
            best = service.client.get("/search?query=red&limit=1").json()[0]
            [found] = json.loads(command("search", "red", "-k", "1", "--words", "off", "--json"))
            assert abs(found["score"] - best["score"]) < 1e-5, "the command follows it too"
        vectors = {}
        for model in ("lite", "stub"):
            body = {"model": model, "input": ["a red car"]}
            vectors[model] = service.client.post("/v1/embeddings", json=body).json()["data"][0]["embedding"]
        assert len(vectors["lite"]) != len(vectors["stub"])
    finally:
        out = service.stop()
    assert "Traceback" not in out
    assert "images is answered from collection images-v2 now, by model stub" in out
