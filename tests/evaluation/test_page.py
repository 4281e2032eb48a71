"""The page: nothing becomes markup, nothing is loaded, each picture is embedded once, the marks say what they mean."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_app.errors import EvaluationError
from search_app.evaluation.measures import parse_measures
from search_app.evaluation.page.pictures import Album, best_and_worst, missed_strip
from search_app.evaluation.page.plots import nice_ticks
from search_app.evaluation.page.write import PageHead, Section, write_page
from search_app.evaluation.runner import EvaluationOptions, evaluate
from search_app.evaluation.trec import Qrels, Ranking

JPEG = b"\xff\xd8\xff"
PICTURES = [f"cars/{number}.jpg" for number in range(8)] + [f"food/{number}.jpg" for number in range(8)]
TOPICS = {"q1": "a red car", "q2": "soup", "q3": "two cars"}
QRELS = Qrels(
    {
        "q1": {"cars/0.jpg": 2, "cars/1.jpg": 1, "cars/4.jpg": 0},
        "q2": {"food/3.jpg": 1, "food/4.jpg": 1},
        "q3": {"cars/5.jpg": 1, "cars/6.jpg": 1, "cars/7.jpg": 3},
    }
)
VOID = {"meta", "wbr", "link", "img", "br", "input", "path", "line", "image", "use", "polyline"}


class Page(HTMLParser):
    """Elements, attributes and text of a page; fails where tags do not match."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self._open = [], [], []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "style" not in self._open:
            self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return " ".join("".join(self.texts).split())


def ordered(first):
    """A system that answers every query with the pictures rotated to begin at the given one."""

    def search(texts, depth):
        start = PICTURES.index(first)
        paths = (PICTURES[start:] + PICTURES[:start])[:depth]
        return [Ranking(paths, np.linspace(1, 0, len(paths))) for _ in texts]

    return search


def section(systems, *, title="Queries", topics=TOPICS, qrels=QRELS, measures="P@1 nDCG@10"):
    reports, answers = {}, {}
    for name, search in systems.items():
        reports[name] = evaluate(search, topics, qrels, parse_measures(measures), EvaluationOptions(model=name))
        answers[name] = dict(zip(topics, search(list(topics.values()), 10), strict=True))
    return Section(title, "What is asked.", reports, topics, qrels, answers)


def thumbnail(path):
    return JPEG + path.encode() * 10


@pytest.fixture
def written(tmp_path):
    def write(sections, **options):
        path = tmp_path / "page.html"
        head = PageHead(options.pop("title", "A page"), options.pop("command", ""))
        write_page(path, head, sections, options.pop("thumbnail", thumbnail), **options)
        return path.read_text(encoding="utf-8")

    return write


@pytest.fixture
def two(written):
    return written([section({"model": ordered("cars/0.jpg"), "words": ordered("food/3.jpg")})])


HOSTILE = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>'{{ 7*7 }}</style></svg>&lt;"


def test_no_name_becomes_markup_and_nothing_is_loaded(written):
    paths = {path: f"{HOSTILE}/{path}" for path in PICTURES}

    def hostile(search):
        return lambda texts, depth: [Ranking([paths[p] for p in r.paths], r.scores) for r in search(texts, depth)]

    qrels = Qrels({qid: {paths[path]: grade for path, grade in grades.items()} for qid, grades in QRELS.grades.items()})
    systems = {HOSTILE: hostile(ordered("cars/0.jpg")), f"b{HOSTILE}": hostile(ordered("food/3.jpg"))}
    topics = {qid: f"{text} {HOSTILE}" for qid, text in TOPICS.items()}
    one = section(systems, title=f"s{HOSTILE}", topics=topics, qrels=qrels)
    text = written(
        [one, section(systems, topics=topics, qrels=qrels)],
        title=HOSTILE,
        command=f"search {HOSTILE}",
        thumbnail=lambda path: None if "cars" in path else JPEG,
    )
    page = Page(text)
    names = {tag for tag, _ in page.elements}
    assert not names & {"script", "img", "link", "iframe", "object", "base"}
    assert [
        name for _, attributes in page.elements for name in attributes if name.startswith("on") or name == "src"
    ] == []
    links = [attributes["href"] for _, attributes in page.elements if "href" in attributes]
    assert [link for link in links if not link.startswith(("#", "data:image/jpeg;base64,"))] == []
    assert "url(" not in text
    assert "@import" not in text
    assert page.text.count(" ".join(HOSTILE.split())) > 20
    assert page.all("section")[0]["id"] == "section1"
    assert "default-src 'none'" in page.all("meta")[3]["content"]


def test_each_picture_is_embedded_once_and_every_use_finds_its_symbol(two):
    page = Page(two)
    embedded = [attributes["href"] for attributes in page.all("image")]
    assert len(embedded) == len(set(embedded))
    uses = [attributes["href"] for attributes in page.all("use")]
    symbols = [attributes["id"] for attributes in page.all("symbol")]
    assert len(symbols) == len(set(symbols))
    assert {use.removeprefix("#") for use in uses} <= set(symbols)
    assert len([use for use in uses if use.startswith("#p")]) > len(embedded) > 5


def test_pictures_say_by_words_and_marks_whether_they_are_relevant(two):
    page = Page(two)
    labels = {attributes["aria-label"] for attributes in page.all("svg") if attributes.get("role") == "img"}
    expected = {"cars/0.jpg, relevant, grade 2", "cars/1.jpg, relevant, grade 1", "cars/2.jpg, not judged"}
    assert expected <= labels
    assert "cars/4.jpg, not relevant" in labels
    tiles = re.findall(r'<span class="tile relevant">.*?</b>', two, re.DOTALL)
    assert tiles
    assert all("\N{CHECK MARK}" in tile or "&#10003;" in tile for tile in tiles)


def test_best_and_worst_queries_are_those_of_the_first_system_with_what_it_missed(two):
    text = Page(two).text
    best, worst = text.index("Best queries of model, by nDCG@10"), text.index("Worst queries of model, by nDCG@10")
    assert best < text.index("a red car", best) < worst < text.index("soup", worst)
    assert "2 relevant, not among the first 6 of model" in text[worst:]


def test_the_summary_has_every_mean_and_its_interval(two):
    page = Page(two)
    reports = section({"model": ordered("cars/0.jpg"), "words": ordered("food/3.jpg")}).reports
    for report in reports.values():
        for mean in report.measures.values():
            assert f"{mean.value:.3f} {mean.low:.3f} to {mean.high:.3f}" in page.text


def test_bold_is_kept_for_what_is_significant(written):
    topics = {f"q{number}": f"query {number}" for number in range(12)}
    qrels = Qrels({qid: {"cars/0.jpg": 1, f"gone/{qid}": 1} for qid in topics})
    sure = section({"model": ordered("cars/0.jpg"), "words": ordered("food/3.jpg")}, topics=topics, qrels=qrels)
    assert "<strong>" in written([sure])
    few = {qid: topics[qid] for qid in list(topics)[:3]}
    unsure = Qrels({qid: qrels.grades[qid] for qid in few})
    assert "<strong>" not in written(
        [section(dict.fromkeys(["a", "b"], ordered("cars/0.jpg")), topics=few, qrels=unsure)]
    )


def test_the_size_is_bounded_and_what_is_left_out_is_counted(written):
    sections = [
        section({"model": ordered(first), "words": ordered("food/3.jpg")}) for first in ("cars/0.jpg", "food/0.jpg")
    ]
    large = written(sections, thumbnail=lambda path: thumbnail(path) + bytes(50_000))
    small = written(sections, thumbnail=lambda path: thumbnail(path) + bytes(50_000), max_picture_bytes=200_000)
    assert len(large) > 900_000
    assert len(small) < 600_000
    embedded = len(Page(small).all("image"))
    assert 2 <= embedded <= 6
    left_out = int(re.search(r"(\d+) pictures are shown by name only", small)[1])
    assert embedded + left_out == len(Page(large).all("image"))


def test_a_page_of_one_system_without_answers_and_of_nothing_relevant(written):
    system = {"model": ordered("cars/0.jpg")}
    bare = section(system)
    bare = Section(bare.title, bare.note, bare.reports, bare.topics, bare.qrels, {})
    absent = section(system, title="Absent", qrels=Qrels({qid: {"cars/0.jpg": 0} for qid in TOPICS}))
    text = Page(written([bare, absent], command="python -m search_app evaluate --html page.html")).text
    assert "Best queries" not in text
    assert "What is answered where nothing is relevant" in text
    assert "3 judged queries have nothing relevant and count as zero." in text
    assert "python -m search_app evaluate --html page.html" in text
    assert "What differs" not in text


def test_readers_of_screens_find_their_way(two):
    page = Page(two)
    assert page.all("html") == [{"lang": "en"}]
    assert all(attributes.get("scope") in {"col", "row"} for attributes in page.all("th"))
    drawings = [attributes for attributes in page.all("svg") if attributes.get("aria-hidden") != "true"]
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in drawings)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert len(page.all("caption")) == len(page.all("table"))


def test_what_is_drawn_stays_inside_its_drawing(two):
    lines = Page(two).all("line")
    assert lines
    assert all(0 <= float(attributes[name]) <= 360 for attributes in lines for name in ("x1", "x2"))
    height = float(re.search(r'viewBox="0 0 360 ([\d.]+)"[^>]*aria-label="nDCG@10 of each query', two)[1])
    zero = float(re.search(r'<line class="axis"[^>]* y1="([\d.]+)"', two)[1])
    for side, drawn in re.findall(r'<path class="bars s(\d)" d="([^"]*)"', two):
        ends = [float(end) for end in re.findall(r"V([-\d.]+)", drawn)]
        widths = [float(width) for width in re.findall(r"h([\d.]+)", drawn)]
        assert len(widths) == len(TOPICS)
        assert sum(widths) < 360
        assert all(0 < end <= zero if side == "0" else zero <= end < height for end in ends)
        assert {end == zero for end in ends[:-1]} == {True, False}


def _luminance(colour):
    digits = colour * 2 if len(colour) == 3 else colour
    parts = np.array([int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_and_drawings_stand_out_from_the_ground(two, scheme):
    """WCAG 2: 4.5 for text, 3 for drawings."""
    block = re.findall(r":root \{.*?\}", two, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([\w-]+): #(\w+)", block))

    def contrast(first, second):
        low, high = sorted(_luminance(colours[name]) + 0.05 for name in (first, second))
        return high / low

    for ground in ("ground", "raised", "hush"):
        assert min(contrast(name, ground) for name in ("ink", "soft")) >= 4.5
    assert min(contrast("accent", "ground"), contrast("on-yes", "yes")) >= 4.5
    assert min(contrast(name, "ground") for name in ("yes", *[f"s{number}" for number in range(8)])) >= 3


@given(st.floats(-1, 0), st.floats(0.001, 500))
def test_ticks_are_round_evenly_spaced_and_hold_both_ends(low, high):
    ticks = nice_ticks(low, high)
    steps = np.diff(ticks)
    assert 2 <= len(ticks) <= 8
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
    assert ticks[0] <= low + steps[0] * 1e-6
    assert ticks[-1] >= high - steps[0] * 1e-6


def test_best_and_worst_take_one_of_queries_with_the_same_pictures_and_none_twice():
    judged = {"a": {"x": 1}, "a.1": {"x": 1}, "b": {"y": 1, "z": 1}, "c": {"w": 1}, "none": {"x": 0}, "unjudged": {}}
    gains = {"a": 1.0, "a.1": 0.1, "b": 1.0, "c": 0.0, "none": 0.0, "unjudged": 0.0}
    assert best_and_worst(gains, judged, 3) == (["b", "a"], ["c"])


def test_of_the_missed_the_best_graded_are_shown():
    album = Album(lambda path: JPEG)
    album.allow(100)
    grades = {"seen": 3, "a": 1, "b": 0, "c": 2} | {f"more {number}": 1 for number in range(9)}
    strip = missed_strip(album, Ranking(["seen", "b"], np.array([2, 1])), grades)
    assert [(tile.path, tile.grade) for tile in strip.tiles[:2]] == [("c", 2), ("a", 1)]
    assert (strip.value, len(strip.tiles)) == ("11", 6)
    assert missed_strip(album, Ranking(["seen"], np.array([1])), {"seen": 1}) is None


def test_a_picture_of_another_kind_and_an_empty_page_are_refused(written):
    with pytest.raises(ValueError, match=r"the thumbnail of cars/0\.jpg is neither"):
        written([section({"model": ordered("cars/0.jpg")})], thumbnail=lambda path: b"GIF89a")
    with pytest.raises(EvaluationError, match="at least one section"):
        written([])
