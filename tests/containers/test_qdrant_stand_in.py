"""The stand-in answers a real client over HTTP as the engine behind it does."""

from collections.abc import Iterator

import numpy as np
import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from tests.containers.qdrant_stand_in import serving

VECTORS = np.eye(4, dtype=np.float32)


def connect(url: str) -> QdrantClient:
    # The check of versions runs in a thread that may outlive the server.
    return QdrantClient(url=url, timeout=10, check_compatibility=False)


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    with serving() as url:
        connected = connect(url)
        connected.create_collection(
            "pictures",
            models.VectorParams(size=4, distance=models.Distance.COSINE),
            metadata={"model": "lite"},
        )
        points = [models.PointStruct(id=i + 1, vector=v.tolist(), payload={"n": i}) for i, v in enumerate(VECTORS)]
        connected.upsert("pictures", points, wait=True)
        yield connected
        connected.close()


def test_queries_come_back_best_first_alone_and_in_a_batch(client: QdrantClient) -> None:
    asked = [0.9, 0.1, 0.3, 0.2]
    alone = client.query_points("pictures", asked, limit=3, with_payload=True).points
    assert [(hit.id, hit.payload) for hit in alone] == [(1, {"n": 0}), (3, {"n": 2}), (4, {"n": 3})]
    batch = client.query_batch_points("pictures", [models.QueryRequest(query=asked, limit=2, offset=1)])
    assert [hit.id for hit in batch[0].points] == [3, 4]
    above = client.query_points("pictures", asked, score_threshold=0.5).points
    assert [hit.id for hit in above] == [1]


def test_points_are_read_changed_and_deleted(client: QdrantClient) -> None:
    client.overwrite_payload("pictures", {"n": 20}, points=[3])
    (changed,) = client.retrieve("pictures", [3], with_vectors=True)
    assert changed.payload == {"n": 20}
    assert changed.vector == pytest.approx(VECTORS[2])
    client.delete("pictures", models.PointIdsList(points=[1]))
    assert client.count("pictures").count == 3
    first, following = client.scroll("pictures", limit=2)
    rest, end = client.scroll("pictures", limit=2, offset=following)
    assert [point.id for point in first + rest] == [2, 3, 4]
    assert end is None


def test_an_alias_moves_and_metadata_is_kept(client: QdrantClient) -> None:
    create = models.CreateAliasOperation(
        create_alias=models.CreateAlias(alias_name="live", collection_name="pictures"),
    )
    assert client.update_collection_aliases([create])
    assert client.collection_exists("live")
    assert client.get_collection("live").config.metadata == {"model": "lite"}
    client.update_collection("pictures", metadata={"count": 4})
    assert client.get_collection("live").config.metadata == {"model": "lite", "count": 4}
    assert [alias.alias_name for alias in client.get_collection_aliases("pictures").aliases] == ["live"]


def test_what_does_not_exist_is_404_and_what_does_is_409(client: QdrantClient) -> None:
    with pytest.raises(UnexpectedResponse) as missing:
        client.get_collection("nothing")
    assert missing.value.status_code == 404
    with pytest.raises(UnexpectedResponse) as taken:
        client.create_collection("pictures", models.VectorParams(size=4, distance=models.Distance.COSINE))
    assert taken.value.status_code == 409


def test_a_folder_keeps_the_data_over_a_restart(tmp_path) -> None:
    with serving(str(tmp_path)) as url:
        client = connect(url)
        client.create_collection("kept", models.VectorParams(size=4, distance=models.Distance.COSINE))
        client.upsert("kept", [models.PointStruct(id=7, vector=[1.0, 0, 0, 0], payload={})])
        client.close()
    with serving(str(tmp_path)) as url:
        client = connect(url)
        assert client.count("kept").count == 1
        client.close()
