"""The formulas against what was published and what was measured here."""

import json
from typing import Any

import pytest

from search_app.index.profile import Profile
from search_app.index.profile_file import parse_profile, read_profile
from search_app.planning import figures, formulas
from search_app.planning.figures import GIB
from search_app.planning.formulas import Vectors
from search_app.planning.models import planned_model
from search_app.planning.plan import Wishes, plan
from search_app.planning.written import to_toml
from tests.conftest import ROOT

LAION = Profile.model_validate(
    {
        "vectors": {"on_disk": True, "datatype": "float16"},
        "quantization": {"method": "binary", "always_ram": True},
        "hnsw": {"m": 6},
        "optimizers": {"max_segment_size": 5_000_000},
    }
)
"""The settings of Qdrant's large-scale search over LAION-400M."""
GROWN = {
    384: json.loads((ROOT / "benchmarks" / "speed" / "results" / "growth.json").read_text()),
    1154: json.loads((ROOT / "tests" / "planning" / "growth_1154.json").read_text()),
}
"""Collections of `lite` as it is, and as it was, by how many numbers a vector has."""
LONG: list[dict[str, Any]] = GROWN[1154]["figures"]["sizes"]
GRAPH_OF_A_MILLION_S = 3_531
"""Of processor time, both threads of the engine that built it together, as the system counts them."""


def near(expected: float, share: float) -> object:
    return pytest.approx(expected, rel=share)


def test_laion_400m_takes_the_memory_that_was_published() -> None:
    pictures = Vectors(400_000_000, 512, LAION)
    needed = formulas.memory(pictures)
    assert needed.searched / GIB == near(23.84, 0.001)
    assert needed.graph / GIB == near(17.881, 0.001)
    assert needed.ids / GIB == near(12.4, 0.05)
    assert needed.originals == 0
    without_fields = (needed.needed - needed.indexes) / GIB
    assert without_fields == near(54.121, 0.01), "as estimated there"
    assert without_fields == near(53.81, 0.01), "as measured there: 39.27 and 14.54"


def test_laion_400m_takes_the_disk_and_the_node_that_were_published() -> None:
    pictures = Vectors(400_000_000, 512, LAION)
    assert formulas.stored(pictures, payload=500) == near(650e9, 0.02), "200 GB of payload, 400 GB of vectors"
    assert formulas.load_seconds(400_000_000, 8, links=6, part=5_000_000, dim=512) == near(100_000, 0.001)
    needed = formulas.memory(pictures)
    assert (needed.needed - needed.indexes) <= 64 * GIB * (1 - figures.SYSTEM_SHARE)


@pytest.mark.parametrize(
    ("dim", "size"),
    [(dim, one) for dim, grown in GROWN.items() for one in grown["figures"]["sizes"] if one["count"] > 10_000],
    ids=lambda one: str(one if isinstance(one, int) else one["count"]),
)
def test_our_own_growth_is_foretold(dim: int, size: dict[str, Any]) -> None:
    """Where there is a graph; some 12 MB of memory are the engine's own with 1,024 pictures."""
    assert GROWN[dim]["figures"]["dim"] == dim
    pictures = Vectors(size["count"], dim, Profile())
    engine_alone = GROWN[dim]["figures"]["sizes"][0]["memory_mb"]["fresh"]["own"] * 2**20
    assert formulas.memory(pictures).needed + engine_alone == near(size["memory_mb"]["asked"]["own"] * 2**20, 0.1)
    assert formulas.stored(pictures) == near(size["shard_mb"] * 1e6, 0.06)


@pytest.mark.parametrize("count", [16_384, 65_536])
def test_our_own_loads_take_the_time_that_is_foretold(count: int) -> None:
    reached = [one for one in LONG if one["count"] <= count]
    took = sum(one["upsert_s"] for one in reached) + reached[-1]["final_commit_s"]
    assert formulas.load_seconds(count, 2, links=32, part=count, dim=1154) == near(took, 0.2)


@pytest.mark.parametrize("count", [16_384, 65_536, 262_144, 1_048_576])
def test_shorter_vectors_take_less(count: int) -> None:
    """By the processor time of the engine, for the machine had other work; what stores came on top."""
    reached = [one for one in GROWN[384]["figures"]["sizes"] if one["count"] <= count]
    took = sum(one["upsert_s"] for one in reached) + reached[-1]["engine_processor_s"]
    assert formulas.load_seconds(count, 1, links=32, part=count, dim=384) == near(took, 0.2)


def test_so_does_a_million() -> None:
    """By the processor time of its graph, for the machine had other work while it was built (docs/scale.md)."""
    largest = LONG[-1]
    assert largest["count"] == 2**20
    took = sum(one["upsert_s"] for one in LONG) + GRAPH_OF_A_MILLION_S / 2
    assert formulas.load_seconds(largest["count"], 2, links=32, part=largest["count"], dim=1154) == near(took, 0.2)


@pytest.mark.parametrize(
    ("on_nodes", "replicas", "expected"),
    [(1, 1, 1), (2, 1, 12), (3, 2, 12), (6, 2, 12), (5, 1, 15), (7, 2, 14), (12, 1, 24), (24, 2, 24), (29, 1, 58)],
)
def test_every_node_has_as_many_parts_and_at_least_two(on_nodes: int, replicas: int, expected: int) -> None:
    parts = formulas.shards(on_nodes, replicas)
    assert parts == expected
    assert parts * replicas % on_nodes == 0


def test_nodes_follow_from_memory_points_and_copies() -> None:
    assert formulas.nodes(1_000, 1, 1.0, 64 * GIB) == 1
    assert formulas.nodes(1_000, 2, 1.0, 64 * GIB) == 3
    assert formulas.nodes(1_000, 5, 1.0, 64 * GIB) == 5
    assert formulas.nodes(10**9, 1, 1.0, 64 * GIB) == 10
    assert formulas.nodes(1_000, 1, 200.0 * GIB, 64 * GIB) == 4


def wishes(images: int, model: str = "ViT-B-32/openai", **more: Any) -> Wishes:
    return Wishes(images, planned_model(model), **more)


def test_a_laptop_gets_what_it_has_and_a_billion_a_cluster() -> None:
    small = plan(wishes(1_000_000, "lite"))
    assert (small.profile, small.nodes, small.shards, small.reads) == (Profile(), 1, 1, 0)
    assert small.is_one_machine
    large = plan(wishes(10**9, replicas=2))
    assert large.profile.quantization.method == "turbo"
    assert large.profile.cluster.shard_number == large.shards
    assert large.reads == 512 * large.shards
    assert large.iops == near(10 * large.reads / large.nodes, 0.001)
    assert large.nodes >= 20
    assert large.ram_a_node <= 64 * GIB * 1.001


def test_a_latency_below_that_of_a_disk_keeps_the_vectors_in_memory() -> None:
    quick, patient = (plan(wishes(10**8, latency_ms=ms)) for ms in (10, 100))
    assert (quick.reads, quick.iops) == (0, 0)
    assert quick.memory.originals == 10**8 * 512 * 2
    assert patient.memory.originals == 0
    assert patient.iops == near(patient.reads / patient.nodes / 0.05, 0.001)


def test_words_cost_a_second_graph() -> None:
    with_words, without = (plan(wishes(10**6, has_words=said)) for said in (True, False))
    assert with_words.memory.words == 10**6 * (384 + 2 * 32 * 4 + figures.FORM_BYTES)
    assert with_words.stored > without.stored


def test_a_given_profile_is_reckoned_with_and_not_changed() -> None:
    profile = read_profile("huge")
    found = plan(wishes(10**8), profile)
    assert found.profile is profile
    assert found.shards == 12


@pytest.mark.parametrize("images", [10**6, 10**8, 10**9])
def test_the_profile_that_is_written_is_read_as_the_same(images: int) -> None:
    profile = plan(wishes(images, replicas=2)).profile
    assert parse_profile(to_toml(profile, "two\nlines"), "it") == profile
