import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.clean import Text
from pipeline.clean.repair.repair import Repair

repair = Repair(Text())


@pytest.mark.parametrize(
    ("raw", "repaired", "steps"),
    [
        ("Plain words, as they are.", "Plain words, as they are.", []),
        ("The cafÃ© is closed, donâ€™t go", "The café is closed, don't go", ["encoding", "punctuation"]),
        ("a\u200bb\ufeff c\x00\x07", "ab c", ["encoding"]),
        ("e\u0301te\u0301", "été", ["encoding"]),
        ("lone \ud800 surrogate", "lone \ufffd surrogate", ["encoding"]),
        ("one\r\ntwo\u2028three", "one\ntwo\nthree", ["encoding"]),
        ("<p>One</p><p>two &amp; three</p>", "One\n\ntwo & three", ["html", "white_space"]),
        ("twice &amp;amp; escaped", "twice & escaped", ["html"]),
        ("“Well…” — he said – ‘no’", "\"Well...\" - he said - 'no'", ["punctuation"]),
        ("What!!!!!!! Really???!!!!? .......", "What!!! Really?! ...", ["punctuation"]),
        ("  two   spaces \n\n\n\nlines\t", "two spaces\n\nlines", ["white_space"]),
        ("non\u00a0breaking", "non breaking", ["white_space"]),
    ],
)
def test_repairs_and_says_which_steps_did(raw: str, repaired: str, steps: list[str]) -> None:
    assert repair(raw) == (repaired, steps)


@pytest.mark.parametrize(
    "text",
    [
        "你好，世界！（很好）",
        "می‌خواهم",  # ZWNJ between Persian letters
        "👩‍👩‍👧 and 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "```python\nx  =  '“curly”'   # ....\n```",
        "if x < 3 and y > 4: List<String> & <EMAIL_1>",
        "Use the <div> tag, not a table.",
        "Plain\n\n    indented = f'<p>{x}</p>'\n    a  =  1",
        "I <3 you",
        "https://example.com/?a=1&copy=2",
        "« Bonjour », dit-il.",
    ],
)
def test_leaves_what_is_right(text: str) -> None:
    assert repair(text) == (text, [])


def test_white_space_before_inline_code_stays() -> None:
    assert repair("it  returns `None` when")[0] == "it returns `None` when"


@given(st.text(st.characters()) | st.text(st.sampled_from("<>/pbr&amp;#x3C; \n\t`…—“!?.…éÃ©â€™\u200d\ud800a1")))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_is_repaired_once_and_for_all(text: str) -> None:
    once, _ = repair(text)
    once.encode("utf-8")
    assert repair(once) == (once, [])


everything = Repair(Text(emoji="name", urls="placeholder", lowercase=True))


@given(st.text(st.characters()) | st.text(st.sampled_from("wW.htps:/ <URL>İSsß😀👍🏽\u200d\ufe0fé`\n")))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_option_at_once_is_idempotent(text: str) -> None:
    once, _ = everything(text)
    assert everything(once)[0] == once


def test_options_treat_emoji_urls_and_case() -> None:
    text = "See https://example.com/x?y=1, OK 😀👍🏽!"
    assert everything(text)[0] == "see <URL>, ok :grinning face::thumbs up sign emoji modifier fitzpatrick type-4:!"
    assert Repair(Text(emoji="drop", urls="drop"))(text)[0] == "See , OK !"
