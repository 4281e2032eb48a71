"""The order in which a person would read."""

from search_app.datatypes import Word
from search_app.words.reading_order import largest_first, reading_order


def test_lines_go_from_top_to_bottom_and_each_from_left_to_right() -> None:
    boxes = [(0.5, 0.11, 0.9, 0.19), (0.1, 0.5, 0.9, 0.6), (0.1, 0.1, 0.4, 0.2), (0.1, 0.3, 0.4, 0.4)]
    assert reading_order(boxes) == [2, 0, 3, 1]


def test_large_letters_do_not_draw_in_the_small_print_beside_them() -> None:
    large, first, second, third = (0.0, 0.0, 0.4, 0.6), (0.5, 0.0, 1, 0.1), (0.5, 0.2, 1, 0.3), (0.5, 0.45, 1, 0.55)
    order = reading_order([third, large, second, first])
    assert [order.index(place) for place in (3, 2, 0)] == sorted(order.index(place) for place in (3, 2, 0))


def test_nothing_has_an_order() -> None:
    assert reading_order([]) == []


def test_the_largest_print_comes_first_and_what_has_no_place_stays_in_order() -> None:
    small, large = Word("terms apply", (0.1, 0.1, 0.9, 0.12), 1.0), Word("SALE", (0.1, 0.5, 0.9, 0.8), 1.0)
    beside = [Word("one", None, 1.0), Word("two", None, 1.0)]
    assert largest_first([small, large]) == "SALE\nterms apply"
    assert largest_first([*beside, small]) == "terms apply\none\ntwo"
