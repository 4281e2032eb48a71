"""A plan in writing: rows of a table, an object for JSON, a profile as TOML."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from search_app.index.profile import Profile
from search_app.planning import figures
from search_app.planning.figures import GIB, Rate
from search_app.planning.plan import Plan

_HOUR = 3_600


@dataclass(frozen=True, slots=True)
class Prices:
    """Of an hour, in whatever money; None where it is not known."""

    gpu: float | None = None
    core: float | None = None
    node: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    value: str
    how: str
    """The formula."""
    source: str = ""


def rows(plan: Plan, prices: Prices) -> Iterator[Row]:
    """What is needed, how it was reckoned and from what."""
    yield from _memory(plan)
    yield from _machines(plan)
    yield from _time(plan, prices)


def _memory(plan: Plan) -> Iterator[Row]:
    memory, chosen = plan.memory, plan.profile.quantization
    copies = "vectors, searched themselves" if chosen.method == "none" else f"copies of {chosen.bits:g} bits"
    yield Row(f"memory: {copies}", _gib(memory.searched), "images x dim x bits / 8", figures.LARGE_SCALE)
    yield Row("memory: graph", _gib(memory.graph), "images x 2 m x 4 B; 0 on disk", figures.LARGE_SCALE)
    yield Row("memory: ids", _gib(memory.ids), f"images x {figures.ID_BYTES} B", figures.LARGE_SCALE)
    yield Row("memory: fields", _gib(memory.indexes), f"images x {figures.INDEX_BYTES} B", figures.GROWTH)
    if plan.wishes.has_words:
        how = f"the same with dim {figures.MEANING_DIM}, + {figures.FORM_BYTES} B"
        yield Row("memory: words", _gib(memory.words), how, "not measured")
    if memory.originals:
        yield Row("memory: vectors", _gib(memory.originals), "images x dim x 4 B (2 B as float16)", figures.CAPACITY)
    yield Row("memory, one copy", _gib(memory.whole), "sum")
    yield Row("disk, one copy", _gib(plan.stored), f"vectors + copies + graph + images x {plan.wishes.payload:g} B")


def _machines(plan: Plan) -> Iterator[Row]:
    wishes = plan.wishes
    node = f"{wishes.ram / GIB:g} GiB, {wishes.cores} cores"
    how = f"memory x replicas / ({node} less 13 %); 100 M points a node; 3 with replicas"
    yield Row("nodes", str(plan.nodes), how, figures.DISTRIBUTED)
    engine = "embedded engine, or one Qdrant node" if plan.is_one_machine else "Qdrant cluster"
    yield Row("engine", engine, "one machine or several")
    yield Row("shards", str(plan.shards), "12, or two a node and more", figures.DISTRIBUTED)
    yield Row("memory a node", _gib(plan.ram_a_node), "memory x replicas / nodes + 13 %", figures.LARGE_SCALE)
    yield Row("disk a node", _gib(plan.disk_a_node), f"disk x replicas x {figures.DISK_ROOM} / nodes", figures.CAPACITY)
    how = "scored again x shards; 0 with vectors in memory"
    yield Row("reads of a search", f"{plan.reads:,}", how, figures.LARGE_SCALE)
    how = f"reads x {wishes.queries:g} queries/s / nodes, or in half of --latency"
    yield Row("IOPS a node", f"{plan.iops:,.0f}", how)


def _time(plan: Plan, prices: Prices) -> Iterator[Row]:
    wishes = plan.wishes
    how = "images x replicas x (storing + graph of a part) / cores"
    yield Row("load and graph", _hours(plan.load_seconds), how, figures.GROWTH)
    decoding = plan.decode_core_seconds
    yield Row("decoding", f"{_hours(decoding)} of a core", f"images / {figures.DECODED_A_CORE}/s", figures.DECODING)
    for name, rate, price in (("GPU", wishes.model.on_gpu, prices.gpu), ("CPU", wishes.model.on_core, prices.core)):
        yield _embedding(name, rate, price, wishes.images)
    if prices.node is None:
        yield Row("nodes, a month", "-", "nodes x 730 h x --node-price")
    else:
        yield Row("nodes, a month", _money(plan.nodes * 730 * prices.node), f"nodes x 730 h x {prices.node:g}")


def _embedding(name: str, rate: Rate | None, price: float | None, images: int) -> Row:
    what = f"embedding on {name}"
    if rate is None:
        return Row(what, "-", "no rate was published or measured for this model")
    hours = images / rate.a_second / _HOUR
    cost = f", {_money(hours * price)}" if price is not None else ""
    how = f"images / {rate.a_second:.4g}/s of one {rate.of}"
    return Row(what, f"{_hours(hours * _HOUR)} of one{cost}", how, rate.source)


def to_json(plan: Plan, prices: Prices) -> dict[str, Any]:
    """The same as one object; bytes and seconds."""
    wishes, memory = plan.wishes, plan.memory
    rates = {"gpu": wishes.model.on_gpu, "cpu": wishes.model.on_core}
    seconds = {name: None if rate is None else wishes.images / rate.a_second for name, rate in rates.items()}
    hourly = {"gpu": prices.gpu, "cpu": prices.core}
    return {
        "images": wishes.images,
        "model": wishes.model.name,
        "dim": wishes.model.dim,
        "replicas": wishes.replicas,
        "memory_bytes": {name: round(getattr(memory, name)) for name in (*memory.__slots__, "needed", "whole")},
        "stored_bytes": round(plan.stored),
        "nodes": plan.nodes,
        "shards": plan.shards,
        "ram_bytes_a_node": round(plan.ram_a_node),
        "disk_bytes_a_node": round(plan.disk_a_node),
        "reads_a_search": plan.reads,
        "iops_a_node": plan.iops,
        "load_seconds": round(plan.load_seconds),
        "decode_core_seconds": round(plan.decode_core_seconds),
        "embedding_seconds": seconds,
        "embedding_cost": {
            name: None if seconds[name] is None or price is None else (seconds[name] or 0) / _HOUR * price
            for name, price in hourly.items()
        },
        "nodes_cost_a_month": None if prices.node is None else plan.nodes * 730 * prices.node,
        "profile": plan.profile.model_dump(exclude_defaults=True),
    }


def to_toml(profile: Profile, comment: str) -> str:
    """A file that `SEARCH_PROFILE` takes; it says only what is not so by default."""
    said = profile.model_dump(exclude_defaults=True)
    lines = [f"# {line}" for line in comment.splitlines()]
    lines += [f"{name} = {_toml(value)}" for name, value in said.items() if not isinstance(value, Mapping)]
    for name, table in said.items():
        if isinstance(table, Mapping) and table:
            lines += ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    return json.dumps(value)  # of a text, a number and a truth value TOML and JSON say the same


def _gib(size: float) -> str:
    return f"{size / GIB:,.1f} GiB" if size < 1_000 * GIB else f"{size / GIB / 1_024:,.2f} TiB"


def _hours(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:,.0f} h"


def _money(amount: float) -> str:
    return f"{amount:,.0f}"
