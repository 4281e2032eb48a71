"""The plain way to serve text-to-image search: what the examples of open_clip, qdrant-client and FastAPI make together.

`uvicorn benchmarks.speed.plain_service:app`: ViT-B/32 in fp32 with 77 padded tokens, qdrant-client in local mode. The
weights are random, of the true shapes, and vectors are drawn: what they are makes no difference to how long they take.
"""

import os
import warnings

import numpy as np
from fastapi import FastAPI
from qdrant_client import QdrantClient, models

from search_app.encoders.open_clip_package import open_clip, torch  # as they are, where torchvision is of another build

COUNT = int(os.environ.get("PLAIN_COUNT", "65536"))
DIM = 512
_BATCH = 4_096

app = FastAPI()
torch.manual_seed(0)
model = open_clip.create_model("ViT-B-32").eval()
tokenizer = open_clip.get_tokenizer("ViT-B-32")
client = QdrantClient(":memory:")


def fill() -> None:
    """Put made-up pictures into the collection."""
    warnings.filterwarnings("ignore", message="Local mode is not recommended")
    client.create_collection("images", models.VectorParams(size=DIM, distance=models.Distance.COSINE))
    random = np.random.default_rng(0)
    for first in range(0, COUNT, _BATCH):
        ids = list(range(first + 1, min(first + _BATCH, COUNT) + 1))
        rows = random.normal(size=(len(ids), DIM)).astype(np.float32)
        payloads = [{"path": f"{number}.jpg"} for number in ids]
        client.upsert("images", models.Batch(ids=[*ids], vectors=rows.tolist(), payloads=payloads))


def encode(query: str) -> list[float]:
    """A text as open_clip's README encodes it."""
    with torch.no_grad():
        features = model.encode_text(tokenizer([query]))
        features /= features.norm(dim=-1, keepdim=True)
    row: list[float] = features[0].tolist()
    return row


fill()


@app.get("/search")
def search(query: str, limit: int = 5) -> list[dict[str, float]]:
    """The best pictures."""
    found = client.query_points("images", query=encode(query), limit=limit).points
    return [{"id": int(hit.id), "score": hit.score} for hit in found]


@app.get("/readyz")
def ready() -> dict[str, str]:
    """Say that it answers."""
    return {"status": "ready"}
