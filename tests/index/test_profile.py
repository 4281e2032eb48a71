"""Profiles: what they may say, what is wrong said in words, and what a collection keeps of them."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from search_app.errors import SettingsError
from search_app.index.graph import Shape
from search_app.index.kept import differences, shape_kept
from search_app.index.profile import DEFAULT, Profile
from search_app.index.profile_file import built_in, for_embedded, parse_profile, read_profile
from tests.index.docstrings import docstrings

FILE = "SEARCH_PROFILE='./mine.toml'"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[hnsw]\nm = 'many'", "hnsw.m = 'many': Input should be a valid integer"),
        ("[hnsw]\nlinks = 3", "hnsw.links = 3: there is no such setting"),
        ("[vectors]\ndatatype = 'float8'", "vectors.datatype = 'float8': Input should be 'float32' or 'float16'"),
        ("[quantization]\nmethod = 'binary'\nbits = 4", "quantization: bits 4: `binary` has 1, 1.5, 2"),
        ("[cluster]\nread_consistency = 'most'", "or Input should be 'majority', 'quorum' or 'all'"),
        ("[cluster]\nreplication_factor = 2\nwrite_consistency_factor = 3", "cluster: write_consistency_factor 3 is"),
        ("[cluster]\nread_consistency = 2", "cluster: read_consistency 2 is more than 1 copies"),
        ("[strict_mode]\nmax_query_limit = 10", "strict_mode.max_query_limit = 10: Input should be greater"),
        ("[hnsw]\nef = 600\n[strict_mode]\nsearch_max_hnsw_ef = 512", "search_max_hnsw_ef 512 is below hnsw.ef 600"),
        ("[strict_mode]\nupsert_max_batchsize = 10", "upsert_max_batchsize 10 is below upload.batch_size 500"),
        ("[strict_mode]\nsearch_max_oversampling = 4", "4 is below quantization.rescored 256"),
        ("[hnsw]\nm = 0", "as a whole: hnsw.m 0 builds no graph"),
        ("tenant = 'a.b'", "tenant = 'a.b': String should match"),
        ("[hnsw\n", " is no TOML: "),
    ],
)
def test_a_wrong_value_is_named(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(FILE)) as told:
        parse_profile(text, FILE)
    assert said in str(told.value)
    assert "Value error" not in str(told.value)


def test_an_unknown_name_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"SEARCH_PROFILE='hug': it takes cluster, compact, default, huge, or a"):
        read_profile("hug")
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        read_profile(str(tmp_path / "none.toml"))
    (tmp_path / "mine.toml").write_text("[hnsw]\nm = 8\n")
    assert read_profile(str(tmp_path / "mine.toml")).hnsw.m == 8


def test_the_default_is_what_the_program_does_by_itself() -> None:
    assert read_profile("default") == DEFAULT
    assert DEFAULT.noted() == ""
    assert DEFAULT.shape() == Shape()


@pytest.mark.parametrize("name", sorted(set(built_in()) - {"default"}))
def test_a_built_in_profile_says_nothing_that_is_so_anyway(name: str) -> None:
    text = built_in()[name].read_text()
    assert text.startswith("# ")
    said = {table: {**values} for table, values in tomllib.loads(text).items()}
    bits = said.get("quantization", {}).pop("bits", 4)  # said for the reader
    kept = read_profile(name).model_dump(exclude_defaults=True)
    assert kept.get("quantization", {}).pop("bits", 4) == bits
    assert said == kept


def test_every_setting_is_documented() -> None:
    def undocumented(model: type[BaseModel]) -> list[str]:
        found = [f"{model.__name__}.{name}" for name in model.model_fields if name not in docstrings(model)]
        inner = [one.annotation for one in model.model_fields.values() if isinstance(one.annotation, type)]
        return found + [name for one in inner if issubclass(one, BaseModel) for name in undocumented(one)]

    sections = {f"Profile.{name}" for name in Profile.model_fields if name != "tenant"}
    assert set(undocumented(Profile)) == sections


def test_a_profile_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        DEFAULT.hnsw.m = 3  # type: ignore[misc]


def test_what_only_a_server_knows_is_refused_for_the_embedded_engine() -> None:
    profile = read_profile("cluster")
    with pytest.raises(SettingsError, match=r"cluster\.shard_number, .*upload\.parallel, which only a Qdrant server"):
        for_embedded(profile, "cluster")
    for alone in ("tenant = 'customer'", "[hnsw]\npayload_m = 8", "[optimizers]\nmax_segment_size = 9000"):
        with pytest.raises(SettingsError, match="which only a Qdrant server"):
            for_embedded(parse_profile(alone, FILE), "./mine.toml")
    assert for_embedded(read_profile("compact"), "compact").vectors.on_disk


def test_what_counts_when_it_is_asked_is_no_difference() -> None:
    later = parse_profile(
        "[hnsw]\nef = 99\n[quantization]\nrescored = 9\n[upload]\nparallel = 2\n[cluster]\nread_consistency = 1", FILE
    )
    assert later.noted() == ""
    other = parse_profile("[hnsw]\nm = 16\n[quantization]\nmethod = 'turbo'", FILE).noted()
    assert differences("", other) == (
        'quantization.method is "int8", not "turbo"',
        "quantization.bits is 8, not 4",
        "hnsw.m is 32, not 16",
    )
    assert differences(other, "") == (
        'quantization.method is "turbo", not "int8"',
        "quantization.bits is 4, not 8",
        "hnsw.m is 16, not 32",
    )
    assert differences(other, other) == ()


def test_what_is_made_anew_of_a_collection_is_as_the_rest_of_it() -> None:
    compact, wanted = read_profile("compact"), Shape(graph_from=5)
    kept = shape_kept(compact.noted(), wanted)
    assert (kept.compression, kept.links, kept.is_half, kept.graph_from) == ("turbo", 16, True, 5)
    assert shape_kept("", wanted) is wanted
