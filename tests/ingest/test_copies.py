"""Groups of copies: what matches is together, what does not is apart, whatever the order and whatever comes later."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from search_app.datatypes import FloatVector
from search_app.images.fingerprints import parse_hashes, picture_hashes
from search_app.ingest import copies
from search_app.ingest.copies import SAME_PICTURE, VIEWS, CopyRule, Looks, colour_bits, group_copies
from search_app.ingest.near_hashes import HashIndex

BUSY = 0x0F0F_3333_5555_00FF
"""A hash with detail; others are made from it by changing bits, so that many are near and some are not."""

bit_changes = st.lists(st.integers(0, 63), max_size=14)
pictures = st.lists(
    st.tuples(st.integers(0, 4), bit_changes, bit_changes, st.integers(0, 2), st.integers(0, 1)), max_size=12
)


def changed(bits: list[int]) -> int:
    number = BUSY
    for bit in bits:
        number ^= 1 << bit
    return number


def looks_of(drawn: list[tuple[int, list[int], list[int], int, int]]) -> tuple[Looks, dict[int, FloatVector]]:
    """Pictures with ids 1, 2, ...; those of the same content look the same, as real ones do."""
    by_content = {content: rest for content, *rest in drawn}
    rows = [by_content[content] for content, *_ in drawn]
    directions = np.eye(2, dtype=np.float32)
    return Looks(
        ids=np.arange(1, len(drawn) + 1),
        contents=[str(content) for content, *_ in drawn],
        hashes=np.array(
            [(changed(outer), changed(inner), BUSY, BUSY) for outer, inner, *_ in rows], dtype=np.uint64
        ).reshape(-1, 4),
        shapes=np.array([(1.0, 1.1, 1.5)[shape] for *_, shape, _ in rows]),
    ), {number: directions[rows[number - 1][-1]] for number in range(1, len(drawn) + 1)}


def grouped(looks: Looks, vectors: dict[int, FloatVector], rule: CopyRule = SAME_PICTURE) -> dict[int, int]:
    return group_copies(looks, lambda ids: {number: vectors[number] for number in ids}, rule)


def rows_of(looks: Looks, rows: list[int]) -> Looks:
    return Looks(looks.ids[rows], [looks.contents[row] for row in rows], looks.hashes[rows], looks.shapes[rows])


def matches(looks: Looks, vectors: dict[int, FloatVector], one: int, other: int) -> bool:
    """The rule, said once more for a single pair of ids, without arrays."""
    first, second = one - 1, other - 1
    if looks.contents[first] == looks.contents[second]:
        return True
    shapes = sorted([looks.shapes[first], looks.shapes[second]])
    near = any(
        (int(looks.hashes[first, view]) ^ int(looks.hashes[second, other_view])).bit_count() <= SAME_PICTURE.most_bits
        for view, other_view in VIEWS
    )
    cosine = float(vectors[one] @ vectors[other])
    return near and shapes[1] / shapes[0] <= SAME_PICTURE.most_stretch and cosine >= SAME_PICTURE.least_cosine


@settings(deadline=None, max_examples=60)
@given(pictures)
def test_every_member_matches_its_representative_which_is_the_smallest_id(
    drawn: list[tuple[int, list[int], list[int], int, int]],
) -> None:
    looks, vectors = looks_of(drawn)
    groups = grouped(looks, vectors)
    for number, head in groups.items():
        assert head <= number
        assert groups[head] == head
        assert matches(looks, vectors, number, head)
    sizes = np.unique(list(groups.values()), return_counts=True)[1]
    assert (sizes >= 2).all()


@settings(deadline=None, max_examples=60)
@given(pictures)
def test_what_is_left_alone_matches_no_representative(drawn: list[tuple[int, list[int], list[int], int, int]]) -> None:
    looks, vectors = looks_of(drawn)
    groups = grouped(looks, vectors)
    firsts = [n for n in range(1, len(drawn) + 1) if groups.get(n, n) == n]
    assert not [(one, two) for one in firsts for two in firsts if one < two and matches(looks, vectors, one, two)]


@settings(deadline=None, max_examples=60)
@given(pictures, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(
    drawn: list[tuple[int, list[int], list[int], int, int]], random: np.random.Generator
) -> None:
    looks, vectors = looks_of(drawn)
    rows = list(range(len(drawn)))
    random.shuffle(rows)
    assert grouped(rows_of(looks, rows), vectors) == grouped(looks, vectors)


@settings(deadline=None, max_examples=60)
@given(pictures, st.integers(0, 12))
def test_pictures_that_come_later_change_no_group_of_earlier_ones(
    drawn: list[tuple[int, list[int], list[int], int, int]], count: int
) -> None:
    looks, vectors = looks_of(drawn)
    before = grouped(rows_of(looks, list(range(min(count, len(drawn))))), vectors)
    after = grouped(looks, vectors)
    assert {number: after[number] for number in before} == before
    newly = [number for number in after if number <= count and number not in before]
    assert all(after[number] == number for number in newly), "only the first of a group that is new"


@settings(deadline=None, max_examples=60)
@given(pictures, st.integers(0, 12))
def test_what_is_settled_need_not_be_compared_again(
    drawn: list[tuple[int, list[int], list[int], int, int]], count: int
) -> None:
    looks, vectors = looks_of(drawn)
    earlier = list(range(min(count, len(drawn))))
    before = grouped(rows_of(looks, earlier), vectors)
    settled = {row + 1: before.get(row + 1, row + 1) for row in earlier}
    again = group_copies(looks, lambda ids: {number: vectors[number] for number in ids}, settled=settled)
    assert again == grouped(looks, vectors)


@settings(deadline=None, max_examples=60)
@given(pictures, st.sampled_from([1, 2, 3, 5]))
def test_blocks_do_not_change_the_groups(drawn: list[tuple[int, list[int], list[int], int, int]], block: int) -> None:
    looks, vectors = looks_of(drawn)
    whole = grouped(looks, vectors)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copies, "BLOCK", block)
        assert grouped(looks, vectors) == whole


@settings(deadline=None, max_examples=60)
@given(
    st.lists(bit_changes, min_size=1, max_size=30),
    st.lists(bit_changes, min_size=1, max_size=10),
    st.integers(0, 14),
)
def test_the_index_of_hashes_misses_nothing_and_says_nothing_twice(
    held: list[list[int]], asked: list[list[int]], most_bits: int
) -> None:
    hashes = np.array([changed(bits) for bits in held], dtype=np.uint64)
    queries = np.array([changed(bits) for bits in asked], dtype=np.uint64)
    found = [
        pair
        for first, second in HashIndex(hashes, most_bits).near(queries)
        for pair in zip(first.tolist(), second.tolist(), strict=True)
    ]
    right = np.argwhere(np.bitwise_count(queries[:, None] ^ hashes[None, :]) <= most_bits)
    assert sorted(found) == [tuple(pair) for pair in right.tolist()]


def test_a_chain_of_small_changes_does_not_reach_another_picture() -> None:
    chain = [list(range(7 * step)) for step in range(6)]
    looks, vectors = looks_of([(step, bits, bits, 0, 0) for step, bits in enumerate(chain)])
    assert grouped(looks, vectors) == {1: 1, 2: 1, 3: 3, 4: 3, 5: 5, 6: 5}


def test_no_pictures_no_groups() -> None:
    looks, vectors = looks_of([])
    assert grouped(looks, vectors) == {}


def scene(seed: int) -> Image.Image:
    """A picture of its own: shapes on a shaded ground."""
    random = np.random.default_rng(seed)
    ground = Image.fromarray(random.integers(0, 256, (5, 6, 3), dtype=np.uint8)).resize((360, 240), 3)
    draw = ImageDraw.Draw(ground)
    for _ in range(12):
        x, y, size = random.integers(0, 360), random.integers(0, 240), random.integers(15, 70)
        draw.ellipse((x, y, x + size, y + size), tuple(random.integers(0, 256, 3).tolist()))
    return ground


def real_looks(images: list[Image.Image]) -> Looks:
    return Looks(
        ids=np.arange(1, len(images) + 1),
        contents=[str(number) for number in range(len(images))],
        hashes=np.array([parse_hashes(picture_hashes(image)) for image in images], dtype=np.uint64),
        shapes=np.array([image.width / image.height for image in images]),
    )


def all_alike(count: int) -> dict[int, FloatVector]:
    """Vectors of a model that takes every picture for the same: the rest of the rule has to tell them apart."""
    return dict.fromkeys(range(1, count + 1), np.ones(1, np.float32))


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.resize((120, 80)),
        lambda image: image.resize((360, 225)),
        lambda image: ImageEnhance.Brightness(image).enhance(0.85),
        lambda image: image.crop((18, 12, 342, 228)),
        lambda image: ImageOps.expand(image, 14, "black"),
    ],
    ids=["small", "stretched", "darker", "cropped", "framed"],
)
def test_a_picture_that_was_changed_a_little_is_found_among_others(change) -> None:
    images = [scene(seed) for seed in range(8)]
    copied = [*images, change(images[3])]
    assert grouped(real_looks(copied), all_alike(9)) == {4: 4, 9: 4}


def test_a_mirrored_or_turned_picture_is_another() -> None:
    original = scene(3)
    images = [original, ImageOps.mirror(original), ImageOps.flip(original)]
    assert grouped(real_looks(images), all_alike(3)) == {}


def test_pictures_without_detail_are_copies_only_by_their_bytes() -> None:
    flat = [Image.new("RGB", (60, 40), colour) for colour in ("red", "blue", "red", "white")]
    shaded = Image.linear_gradient("L").rotate(90).convert("RGB").resize((60, 40))
    looks = real_looks([*flat, shaded])
    assert grouped(looks, all_alike(5)) == {}
    same_file = Looks(looks.ids, ["a", "b", "a", "c", "d"], looks.hashes, looks.shapes)
    assert grouped(same_file, all_alike(5)) == {1: 1, 3: 1}


def test_near_in_one_kind_of_hash_only_is_not_enough() -> None:
    looks, vectors = looks_of([(0, [], [], 0, 0), (1, [1, 2], [1, 2], 0, 0)])
    assert grouped(looks, vectors) == {1: 1, 2: 1}
    looks.hashes[1, 2:] ^= np.uint64((1 << SAME_PICTURE.most_frequency_bits + 1) - 1)
    assert grouped(looks, vectors) == {}


def test_unknown_hashes_leave_the_bytes() -> None:
    looks, vectors = looks_of([(0, [], [], 0, 0), (1, [], [], 0, 0), (0, [], [], 0, 0)])
    unknown = Looks(looks.ids, looks.contents, np.zeros_like(looks.hashes), looks.shapes)
    assert grouped(unknown, vectors) == {1: 1, 3: 1}


def test_vectors_are_asked_for_only_where_hashes_are_near() -> None:
    asked: list[int] = []

    def vectors(ids: list[int]) -> dict[int, FloatVector]:
        asked.extend(ids)
        return {number: np.ones(1, np.float32) for number in ids}

    images = [scene(seed) for seed in range(6)]
    images.append(images[2].resize((180, 120)))
    group_copies(real_looks(images), vectors)
    assert sorted(asked) == [3, 7]


def test_another_colour_is_another_picture() -> None:
    """The same drawing in red and in blue, on white and on orange: nothing but colour tells them apart."""
    names = [("white", "red"), ("white", "blue"), ("white", "red", "grey"), ("orange", "black"), ("grey", "black"), ()]
    looks = Looks(
        ids=np.arange(1, 7),
        contents=[str(number) for number in range(6)],
        hashes=np.full((6, 4), BUSY, np.uint64),
        shapes=np.ones(6),
        colours=np.array([colour_bits(each) for each in names], np.uint16),
    )
    same = np.array([1.0, 0.0], np.float32)
    found = grouped(looks, dict.fromkeys(range(1, 7), same))
    assert found == {1: 1, 3: 1, 6: 1}, "of a picture whose colours nobody knows only the hashes count"
