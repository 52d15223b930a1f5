"""A chat product's export: the path to the node at which the conversation stands."""

from typing import Any

import pytest

from tests.pipeline.acquire.shapes.reading import messages, outcomes, refused


def node(parent: str | None, role: str = "", *parts: Any, **more: Any) -> dict[str, Any]:
    """A node; `more` goes into its message."""
    content = {"content_type": "text", "parts": list(parts)}
    return {"parent": parent, "message": {"author": {"role": role}, "content": content, **more} if role else None}


TREE = {
    "root": node(None),
    "s": node("root", "system", ""),
    "q": node("s", "user", "How warm?"),
    "wrong": node("q", "assistant", "Ninety."),
    "right": node("q", "assistant", "Twenty-six."),
    "late": node("wrong", "user", "Really?"),
}


def test_the_path_from_the_current_node_to_the_root_is_the_conversation():
    (found,) = outcomes({"title": "Bread", "mapping": TREE, "current_node": "right", "conversation_id": "c1"})
    assert messages(found) == [("user", "How warm?"), ("assistant", "Twenty-six.")]
    assert found.conversation_id == "c1"


def test_without_a_current_node_it_is_the_path_to_the_last():
    (found,) = outcomes({"mapping": TREE})
    assert messages(found) == [("user", "How warm?"), ("assistant", "Ninety.")]


def test_a_call_is_the_assistants_and_what_is_hidden_is_left_out():
    mapping = {
        "a": node(None, "user", "about me", metadata={"is_visually_hidden_from_conversation": True}),
        "b": node("a", "user", "Plot it."),
        "c": node("b", "assistant", "plot(1)", recipient="python"),
        "d": node("c", "tool", "done"),
        "e": node("d", "assistant", "Here."),
    }
    (found,) = outcomes({"mapping": mapping, "current_node": "e"})
    assert messages(found) == [("user", "Plot it."), ("assistant", "plot(1)"), ("tool", "done"), ("assistant", "Here.")]


def test_an_image_in_a_message_is_a_missing_part():
    mapping = {
        "a": node(None, "user", {"content_type": "image_asset_pointer"}, "What?"),
        "b": node("a", "assistant", "A dog."),
    }
    (found,) = outcomes({"mapping": mapping, "current_node": "b"})
    assert refused(found)[0] == "missing_part"


def test_what_rests_on_an_attachment_is_cut_off_and_what_came_before_stays():
    mapping = {
        "a": node(None, "user", "Hello."),
        "b": node("a", "assistant", "Hello!"),
        "c": node("b", "user", "Sum it up.", metadata={"attachments": [{"name": "report.pdf"}]}),
        "d": node("c", "assistant", "It says a lot."),
    }
    (found,) = outcomes({"mapping": mapping, "current_node": "d"})
    assert messages(found) == [("user", "Hello."), ("assistant", "Hello!")]
    assert found.left_out == ("turns on a missing part",)
    (alone,) = outcomes({"mapping": {"c": mapping["c"], "d": mapping["d"]}, "current_node": "d"})
    assert refused(alone) == ("missing_part", "a message rests on an attachment")


@pytest.mark.parametrize("mapping", [{}, [], None, "x"])
def test_a_tree_without_nodes_is_refused(mapping):
    _, found = outcomes({"mapping": TREE}, {"mapping": mapping})
    assert refused(found)[0] == "wrong_type"


def test_a_circle_of_nodes_ends():
    mapping = {"a": node("b", "user", "q"), "b": node("a", "assistant", "x")}
    (found,) = outcomes({"mapping": mapping, "current_node": "b"})
    assert messages(found) == [("user", "q"), ("assistant", "x")]
