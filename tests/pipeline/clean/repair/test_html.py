import pytest

from pipeline.clean.repair.html import strip_html


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<ul><li>one</li><li>two</li></ul>", "\n\n\n- one\n\n- two\n\n\n"),
        ('<a href="http://x.y">words</a> <b>bold</b>', "words bold"),
        ("<p>x</p><script>alert(1)</script><style>p {}</style>", "\n\nx\n\n"),
        ("<pre><code>if a &lt; b:\n    x</code></pre>", "\n```\nif a < b:\n    x\n```\n"),
        ("<p>call <code>f(x)</code></p>", "\n\ncall `f(x)`\n\n"),
        ("<!-- gone -->kept", "kept"),
        ("<p>1 < 2 & 3 > 2 <me@x.org> <EMAIL_1></p>", "\n\n1 < 2 & 3 > 2 <me@x.org> <EMAIL_1>\n\n"),
        ("fish &amp; chips &copy=1", "fish & chips &copy=1"),
    ],
)
def test_markup_becomes_text(markup: str, text: str) -> None:
    assert strip_html(markup) == text


def test_markdown_code_about_html_stays() -> None:
    text = "Write ```<p>hello</p>``` or `<br>` there"
    assert strip_html(text) == text


def test_markup_nested_ten_thousand_deep_is_no_trouble() -> None:
    assert strip_html("<div>" * 10_000 + "x" + "</div>" * 10_000).strip() == "x"
