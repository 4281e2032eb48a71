"""The tables of docs/scale.md are what the code says: the settings of a profile, the profiles, and plans."""

import json
import sys

import pytest
from pydantic import BaseModel

from search_app.index.profile import Profile
from search_app.index.profile_file import built_in, read_profile
from search_app.planning.figures import GIB
from search_app.planning.models import planned_model
from search_app.planning.plan import Wishes, plan
from tests.conftest import ROOT
from tests.index.docstrings import docstrings

PAGE = (ROOT / "docs" / "scale.md").read_text("utf-8")


def settings_rows() -> list[str]:
    """One line a setting, in the order of the code."""

    def row(name: str, model: type[BaseModel], key: str) -> str:
        field = model.model_fields[key]
        default = "unset" if field.default is None else f"`{json.dumps(field.default)}`"
        return f"| `{name}` | {default} | {' '.join(docstrings(model).get(key, '').split())} |"

    rows = []
    for section, field in Profile.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            rows += [row(f"{section}.{key}", inner, key) for key in inner.model_fields]
        else:
            rows.append(row(section, Profile, section))
    return rows


def plan_row(images: int, model: str, replicas: int, latency_ms: float | None) -> str:
    """One line of the table of plans."""
    found = plan(Wishes(images, planned_model(model), replicas=replicas, latency_ms=latency_ms))
    gib = [found.memory.whole, found.stored, found.ram_a_node, found.disk_a_node]
    memory, disk, ram, room = (f"{size / GIB:,.0f}" for size in gib)
    wish = "" if latency_ms is None else f", {latency_ms:g} ms"
    cells = (
        f"{images:,}, `{model}`, {replicas} of each{wish}",
        f"{found.profile.quantization.bits:g} bits",
        memory,
        disk,
        str(found.nodes),
        ram,
        room,
        str(found.shards),
        f"{found.reads:,}",
        f"{found.load_seconds / 3600:,.1f}",
    )
    return f"| {' | '.join(cells)} |"


PLANS = [
    (10**6, "lite", 1, None),
    (10**6, "ViT-B-32/openai", 1, None),
    (10**8, "ViT-B-32/openai", 1, None),
    (10**8, "ViT-B-32/openai", 2, 20.0),
    (10**9, "ViT-B-32/openai", 1, None),
    (10**9, "ViT-B-32/openai", 2, 100.0),
]


def test_the_page_has_every_setting_as_the_code_has_it() -> None:
    assert [row for row in settings_rows() if row not in PAGE] == []


@pytest.mark.parametrize("wishes", PLANS, ids=[f"{one[0]}-{one[2]}" for one in PLANS])
def test_the_page_has_the_plans_that_the_command_gives(wishes: tuple[int, str, int, float | None]) -> None:
    assert plan_row(*wishes) in PAGE


def test_the_page_has_every_built_in_profile() -> None:
    for name in built_in():
        read_profile(name)
        assert f"| `{name}` |" in PAGE


if __name__ == "__main__":  # the lines to put into the page
    sys.stdout.write("\n".join([*settings_rows(), *(plan_row(*one) for one in PLANS), ""]))
