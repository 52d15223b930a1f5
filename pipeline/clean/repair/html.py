"""HTML markup in a text."""

import html
import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipeline.clean.repair.code import outside_code

PARAGRAPH_TAGS = "p blockquote h1 h2 h3 h4 h5 h6 ul ol table dl section article header footer form"
BLOCK_TAGS = "div li tr dt dd option address center figure figcaption main nav aside tbody thead hr"
HIDDEN_TAGS = "script style head title template noscript iframe object svg"
INLINE_TAGS = (
    "a b i u s em strong span font small big sub sup code pre tt kbd samp var mark del ins strike cite q abbr "
    "br img td th html body label button input select textarea col colgroup caption tfoot"
)
PARAGRAPHS, BLOCKS = frozenset(PARAGRAPH_TAGS.split()), frozenset(BLOCK_TAGS.split())
HIDDEN, INLINE = frozenset(HIDDEN_TAGS.split()), frozenset(INLINE_TAGS.split())
NAMES = "|".join(sorted(PARAGRAPHS | BLOCKS | HIDDEN | INLINE, key=lambda name: (-len(name), name)))

MARKUP = re.compile(
    rf"</(?:{NAMES})\s*>|<(?:br|hr)\s*/?>|<(?:p|li)>|<(?:a|img|font|span|div|p|table)\s+[a-z-]+\s*=[^<>]*>|<!--",
    re.IGNORECASE,
)
"""What shows that a text is HTML. A lone "<div>" is more often someone writing about HTML."""

NOT_A_TAG = re.compile(rf"<(?!/?(?:{NAMES})(?:\s[^<>]*)?/?>|!--)", re.IGNORECASE)
"""Less-than signs, arrows, e-mail addresses in brackets, List<String>, placeholders such as <EMAIL_1>."""

ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
BARE_AMPERSAND = re.compile(r"&(?!(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});)")
AGAIN_AND_AGAIN = re.compile(r"&(?:amp;)+")
"""An ampersand escaped any number of times."""


def strip_html(text: str) -> str:
    """Text without markup: blocks become lines, list items "- ", code Markdown code; entities are decoded.

    Markdown code is left alone, unless the text is HTML with code elements of its own. A link keeps
    its words and loses its address.
    """
    if "<" in text and MARKUP.search(text):
        if "<pre" in text or "<code" in text:
            return _render(text)
        return outside_code(text, lambda piece: _render(piece) if "<" in piece else _decode(piece), indented=True)
    return outside_code(text, _decode, indented=True) if "&" in text else text


def _decode(text: str) -> str:
    """Entities with their semicolon only: without it, &copy=1 is part of an address."""
    return ENTITY.sub(lambda match: html.unescape(match.group()), AGAIN_AND_AGAIN.sub("&", text))


def _render(markup: str) -> str:
    source = NOT_A_TAG.sub("&lt;", BARE_AMPERSAND.sub("&amp;", markup))
    lead = markup[: len(markup) - len(markup.lstrip())]  # which the parser drops before the body
    root = LexborHTMLParser(f"<body>{source}").body
    if root is None:
        return markup
    written: list[str] = [lead]
    todo: list[LexborNode | str] = [root]
    while todo:  # not recursive: markup may be nested as deeply as it likes
        node = todo.pop()
        if isinstance(node, str):
            written.append(node)
            continue
        tag = node.tag or ""
        if tag == "-text":
            written.append(node.text_content or "")
        elif tag == "pre" or (tag == "code" and "\n" in node.text(strip=False).strip()):
            written.append(_fence(node.text(strip=False)))
        elif tag == "code":
            written.append(_inline(node.text(strip=False)))
        elif tag == "br":
            written.append("\n")
        elif tag == "hr":
            written.append("\n\n")
        elif tag == "img":
            written.append(node.attributes.get("alt") or "")
        elif not tag.startswith(("-", "!")) and tag not in HIDDEN:
            before, after = _around(tag)
            todo.append(after)
            children = []
            child = node.child
            while child is not None:
                children.append(child)
                child = child.next
            todo.extend(reversed(children))
            todo.append(before)
    return "".join(written)


def _around(tag: str) -> tuple[str, str]:
    if tag == "li":
        return "\n- ", "\n"
    if tag in ("td", "th"):
        return "", " "
    if tag in PARAGRAPHS:
        return "\n\n", "\n\n"
    return ("\n", "\n") if tag in BLOCKS else ("", "")


def _fence(code: str) -> str:
    return code if "```" in code else "\n```\n" + code.strip("\n") + "\n```\n"


def _inline(code: str) -> str:
    return f"`{code.strip()}`" if code.strip() and "`" not in code else code
