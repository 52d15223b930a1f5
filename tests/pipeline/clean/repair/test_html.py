import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.clean import Text
from pipeline.clean.repair.html import strip_html
from pipeline.clean.repair.repair import Repair

SHOP = "Our shop is open on every day of the week but Sunday, and on the last Friday of a month until late. "


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<p>Bring:</p><ul><li>a cup</li><li>tea</li></ul>", "\n\nBring:\n\n\n\n\n- a cup\n\n- tea\n\n\n"),
        ("<p>Do this:</p><ol start='3'><li>sit</li><li>eat</li></ol>", "\n\nDo this:\n\n\n\n\n3. sit\n\n4. eat\n\n\n"),
        ('<a href="http://x.y">words</a> <b>bold</b>', "words bold"),
        ("<p>mc<sup>2</sup>, the 1<sup>st</sup>, H<sub>2</sub>O</p>", "\n\nmc^2, the 1st, H2O\n\n"),
        ("<p>It is <s>five</s> six.</p>", "\n\nIt is ~~five~~ six.\n\n"),
        (f"<p>{SHOP * 4}</p><script>alert(1)</script><style>p {{}}</style>", f"\n\n{SHOP * 4}\n\n"),
        ("<p>Try</p><pre><code>if a &lt; b:\n    x</code></pre>", "\n\nTry\n\n\n```\nif a < b:\n    x\n```\n"),
        ("<p>call <code>f(x)</code></p>", "\n\ncall `f(x)`\n\n"),
        ("<p>Prices</p><table><tr><th>Tea<th>Pie<tr><td>2<td>3</table>", "Prices | Tea | Pie | |---|---| | 2 | 3 |"),
        ("<p><!-- gone -->kept</p>", "\n\nkept\n\n"),
        ("<p>1 < 2 & 3 > 2 <me@x.org> <EMAIL_1></p>", "\n\n1 < 2 & 3 > 2 <me@x.org> <EMAIL_1>\n\n"),
        ("<p>Write `a < b` here</p>", "\n\nWrite `a < b` here\n\n"),
        ("<div>My order has not come.</div><div><br></div>", "\nMy order has not come.\n\n\n\n"),
        ("fish &amp; chips &copy=1", "fish & chips &copy=1"),
        ("<div class=post>Thanks for the help!</div>", "\nThanks for the help!\n"),
        (
            '<div class="message-body"><p>I went to town.</p><p>It rained.</p></div>',
            "\n\n\nI went to town.\n\n\n\nIt rained.\n\n\n",
        ),
        ("<ul><li>Buy milk</li><li>Bake bread</li></ul>", "\n\n\n- Buy milk\n\n- Bake bread\n\n\n"),
        ("To buy:<ul><li>Milk</li><li>Bread</li></ul>", "To buy:\n\n\n- Milk\n\n- Bread\n\n\n"),
        (f"<ul>\n  <li>{SHOP}</li>\n  <li>{SHOP}</li>\n</ul>", f"\n\n\n  \n- {SHOP}\n\n  \n- {SHOP}\n\n\n\n"),
        ("do <b>not</b> go", "do not go"),
        ("This is &lt; 5 &amp; that is &gt; 3", "This is < 5 & that is > 3"),
        ("Hello, &nbsp; my friends.", "Hello, \u00a0 my friends."),
        ("&lt;p&gt;I feel lost.&lt;/p&gt;", "<p>I feel lost.</p>"),
        ("Come at 5 &ndash; or 6&nbsp;pm", "Come at 5 – or 6\u00a0pm"),
    ],
)
def test_a_rendered_page_becomes_text(markup: str, text: str) -> None:
    shown = strip_html(markup)
    assert shown == text or ("<table" in markup and " ".join(shown.split()) == text)


@pytest.mark.parametrize(
    "text",
    [
        "Write ```<p>hello</p>``` or `<br>` there",
        "Why does <p>Hello</p> have a margin?",
        "Is <br> or <br/> right?",
        "Use <b> or <strong> for bold?",
        '<div class="card"><h2>Title</h2><p>Text</p></div>',
        "<ul>\n  <li>Home</li>\n  <li>About</li>\n</ul>",
        "What is the sum of <table><tr><td>1</td><td>2</td></tr></table>",
        "<!DOCTYPE html>\n<html><head><title>Demo</title></head><body><h1>Hello World</h1></body></html>",
        "<Button onClick={save}>Save</Button> does nothing",
        "<dependency><name>x</name></dependency>",
        "<p>{{ user.name }}</p>",
        'html = "<p>" + name + "</p>"',
        "Map<String, List<b>> m; vector<i> v; a <- b; I <3 you",
        "Write to <me@x.org> & <you@y.org>",
        "In HTML &nbsp; is a space. How do I write &euro;?",
        "| a<br>b | c |\n|---|---|",
        "<think>\nmaybe <b>this</b>\n</think>\nFour.",
        "</s> ends a text, <s> begins it",
        "Is <b>word</b> or <strong>word</strong> better?",
        "Why does <b>this</b> look bold?",
        "Should I write <i>Hamlet</i> or Hamlet?",
        "Please explain <b>x</b>",
        "How do I write &lt;div&gt; in my page?",
        "My letter shows &lt;b&gt;x&lt;/b&gt; to everybody",
        "What does &nbsp; do?",
        "Put &nbsp; between the words",
        "What is &nbsp; for?",
        "Is it &nbsp; or &ensp;?",
        "Type &lt; for less than",
        '<ul class="nav"><li>Home</li><li>About</li></ul>',
        "<ul><li>Home</li><li>About</li></ul>",
        'How do I center <div class="post">Hello there you</div>',
        "What does <li>one</li><li>two</li> give with BeautifulSoup?",
    ],
)
def test_markup_that_the_text_is_about_stays(text: str) -> None:
    assert strip_html(text) == text


def test_a_tag_that_a_page_shows_is_still_shown_when_the_text_is_repaired_again() -> None:
    repair = Repair(Text())
    once, _ = repair("<p>Why is &lt;b&gt;x&lt;/b&gt; so dark in my letter?</p>")
    assert once == "Why is `<b>x</b>` so dark in my letter?"
    assert repair(once) == (once, [])


PARTS = """<p> </p> <b> </b> <br> <div> </div> <ul> <li> </ul> <pre> </pre> <code> </code> <table> <tr> <td> </table>
<sup> &lt; &gt; &amp; &lt;p&gt; &lt;/p&gt; ` ``` {x} ? some words of prose. here"""


@given(st.lists(st.sampled_from([*PARTS.split(), "\n"]), max_size=14))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_markup_is_repaired_once_and_for_all(parts: list[str]) -> None:
    repair = Repair(Text())
    once, _ = repair(" ".join(parts))
    assert repair(once) == (once, [])


def test_markup_nested_ten_thousand_deep_is_no_trouble() -> None:
    assert strip_html("<p>" + "<b>" * 10_000 + "x" + "</b>" * 10_000 + "</p>").strip() == "x"


def test_the_shared_cases() -> None:
    path = Path(os.environ.get("PARLANCE_SHARED_DATA", "../shared/data")).parent / "cases" / "markup.jsonl"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    for line in path.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        assert Repair(Text())(case["text"])[0] == (case["text"] if case["clean"] == "same" else case["clean"])
