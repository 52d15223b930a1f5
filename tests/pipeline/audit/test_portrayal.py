"""Occupations are known in both numbers, as they are spelt."""

import pytest

from pipeline.audit.portrayal import SINGULAR


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ("attorney", "attorney"),
        ("attorneys", "attorney"),
        ("secretaries", "secretary"),
        ("bosses", "boss"),
        ("coaches", "coach"),
        ("midwives", "midwife"),
        ("salespeople", "salesperson"),
        ("chiefs", "chief"),
    ],
)
def test_a_form_of_an_occupation_stands_for_it(form: str, word: str) -> None:
    assert SINGULAR[form] == word


def test_no_form_is_one_that_nobody_writes() -> None:
    assert not {form for form in SINGULAR if form.endswith(("eies", "sss", "chs", "fes"))}
