"""A name or a sentence in Markdown is shown as it is: nothing of it is fetched, linked, formatted or hidden."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pipeline.contract.markdown import literal

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
CODE = re.compile(r"<code>(.*?)</code>", re.DOTALL)

NAMES = [
    "![i](http://127.0.0.1/i.png)",
    "[here](http://127.0.0.1)",
    "<img src=http://127.0.0.1/i.png>",
    "<http://127.0.0.1>",
    "see www.example.org, or http://example.org/a_b_c?x=1",
    "someone@example.org",
    "**bold** _italic_ ~~struck~~ `code`",
    "a | b || c\\|d",
    "$x_{$ $$y$$",
    "&lt;b&gt; &#33;",
    "# not a heading",
    "1. not a list",
    "- not a list",
    "[x]: http://127.0.0.1",
    "a\nb\r\n\n# c",
    "``http://127.0.0.1``` ` |`http://a`",
    "\\![i](a) \\",
    "near_duplicate __init__ _x_",
    "|",
    "",
]


def shown(html: str) -> str:
    """The words that a reader of the page sees."""
    return " ".join(unescape(re.sub(r"</?(?:p|code|table|thead|tbody|tr|th|td)>", "", html)).split())


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_a_sentence_is_its_letters(name: str) -> None:
    html = PARSER.render(f"topic {literal(name)} is named")
    assert shown(html) == " ".join(f"topic {name} is named".split())


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_a_table_is_one_cell(name: str) -> None:
    html = PARSER.render(f"| topic | rows |\n|---|---|\n| {literal(name)} | 7 |")
    cells = re.findall(r"<td>(.*?)</td>", html, re.DOTALL)
    assert [shown(cell) for cell in cells] == [" ".join(name.split()), "7"]


@pytest.mark.parametrize("name", NAMES)
def test_addresses_are_code_as_readers_of_githubs_dialect_link_all_others(name: str) -> None:
    outside = unescape(CODE.sub("", PARSER.render(literal(name))))
    assert not re.search(r"https?://|www\.|@", outside)


@given(st.text(alphabet="ab |`*_[]()<>!#-~$&\\:/@.1\n", max_size=30))
def test_any_text_is_its_letters(text: str) -> None:
    html = PARSER.render(literal(text))
    assert shown(html) == " ".join(text.split())


def test_ordinary_sentences_and_rules_stay_as_they_are() -> None:
    for text in ("Better than version 1: 3.2% (95% sure), by 0.01.", "near_duplicate −12, too_short −5", "MIT", "–"):
        assert literal(text) == text
