"""HTML markup of a text that was shown as a page."""

import html
import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipeline.clean.repair.code import CODE_OR_INDENTED, outside_code
from pipeline.clean.repair.page import NAMES, TAG, is_enveloped, is_page, names_of

PARAGRAPHS = names_of("p blockquote h1 h2 h3 h4 h5 h6 ul ol dl section article header footer form")
BLOCKS = names_of("div li dt dd option address center figure figcaption main nav aside")
HIDDEN = names_of("script style head title template noscript iframe object svg")

NOT_A_TAG = re.compile(rf"<(?!/?(?:{NAMES})(?:\s[^<>]*)?/?>|!--|!DOCTYPE)", re.IGNORECASE)
"""Less-than signs, arrows, e-mail addresses in brackets, List<String>, placeholders such as <EMAIL_1>."""

TAGS = re.compile(rf"<(?:/?(?:{NAMES})\b|!--).*(?:</?(?:{NAMES})\b[^<>\n]*>|-->)|<[^<>\n]*>", re.IGNORECASE)
"""From the first tag of a line to its last."""

ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
BARE_AMPERSAND = re.compile(r"&(?!(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});)")
ABOUT_ENTITIES = re.compile(r"\b(?:x?html5?|xml|entit(?:y|ies)|escap(?:e|es|ing)|unicode|ampersands?)\b", re.IGNORECASE)
MENTION_CHARS = 12
MENTIONS = r"writ(?:e|ing)|typ(?:e|ing)|us(?:e|ing)|insert|put|does|mean(?:s|ing)?|called|between|an?|the|of"
MENTIONED, MENTIONED_BLANK = (
    re.compile(rf"\b(?:{words}) ?[\"'(]?\Z", re.IGNORECASE)
    for words in (MENTIONS, rf"{MENTIONS}|is|it|are|what's|with|without|and|or|see|shows?|as|in|for|to")
)
"""Right before an entity that stands by itself: somebody speaks of it, and does not write with it. The second is for
white space, which nobody writes between words to stand for itself."""
AGAIN_AND_AGAIN = re.compile(r"&(?:amp;)+")
"""An ampersand escaped any number of times."""
ORDINAL = re.compile(r"(?:st|nd|rd|th|[a-z]?[ao]|\W.*)\Z", re.IGNORECASE | re.DOTALL)
"""What is raised for its looks: 1st, n°, [2], ™. Any other is a power, which means another number without its mark."""


def strip_html(text: str) -> str:
    """The text of a rendered page, as Markdown; any other text as it is, but for entities.

    Blocks become lines, list items "- " or "1. ", tables rows of cells between bars, code Markdown code, character for
    character. A link keeps its words and loses its address. A tag that the page shows (&lt;b&gt;) becomes
    inline code, where it would be taken for markup next time.
    """
    if "<" in text and TAG.search(text):
        has_code = "<pre" in text or "<code" in text
        pieces = [text] if has_code else CODE_OR_INDENTED.split(text)
        if not is_page("".join(pieces[::2])):
            return text
        source = "".join(html.escape(piece) if number % 2 else _escaped(piece) for number, piece in enumerate(pieces))
        shown = _render(source, quote=False)
        return shown if strip_html_is_done(shown) else _render(source, quote=True)
    return outside_code(text, _decode, indented=True) if "&" in text else text


def strip_html_is_done(text: str) -> bool:
    """Whether no tag in the text would be taken for markup."""
    return not TAG.search(text) or not is_page("".join(CODE_OR_INDENTED.split(text)[::2]))


def _escaped(piece: str) -> str:
    return NOT_A_TAG.sub("&lt;", BARE_AMPERSAND.sub("&amp;", piece))


def _decode(text: str) -> str:
    """Entities with their semicolon only: without it, &copy=1 is part of an address. In a text that speaks of
    markup only those inside words: "don&#39;t", but not "write &euro; for it". Tags that are written out (&lt;b&gt;)
    stay so in prose, where they would be markup the next time; a page that is escaped as a whole is a page.
    """
    spoken_of = ABOUT_ENTITIES.search(text) is not None

    def decoded(match: re.Match[str]) -> str:
        inside = text[match.start() - 1 : match.start()].isalnum() and text[match.end() : match.end() + 1].isalnum()
        return html.unescape(AGAIN_AND_AGAIN.sub("&", match.group())) if inside or not spoken_of else match.group()

    def unless_mentioned(match: re.Match[str]) -> str:
        alone = text[match.end() : match.end() + 1] in ("", *" .,;:?!)\"'")
        known = MENTIONED if (shown := html.unescape(match.group())).strip() else MENTIONED_BLANK
        mentioned = alone and known.search(text[max(0, match.start() - MENTION_CHARS) : match.start()])
        return match.group() if mentioned else shown

    if spoken_of:
        return ENTITY.sub(decoded, text)
    text = AGAIN_AND_AGAIN.sub("&", text)
    found = ENTITY.sub(unless_mentioned, text)
    return text if TAG.search(found) and not is_enveloped(found) else found


def _render(source: str, quote: bool) -> str:
    """source: HTML in which what is no tag is escaped. quote: whether tags that the page shows become inline code."""
    lead = source[: len(source) - len(source.lstrip())]  # which the parser drops before the body
    root = LexborHTMLParser(f"<body>{source}").body
    if root is None:
        return source
    written: list[str] = [lead]
    todo: list[LexborNode | str] = [root]
    numbers: dict[int, str] = {}
    while todo:  # not recursive: markup may be nested as deeply as it likes
        node = todo.pop()
        if isinstance(node, str):
            written.append(node)
            continue
        tag = node.tag or ""
        if tag == "-text":
            text = node.text_content or ""
            written.append(TAGS.sub(r"`\g<0>`", text) if quote else text)
        elif tag == "pre" or (tag == "code" and "\n" in _code(node).strip()):
            written.append(_fence(_code(node)))
        elif tag == "code":
            written.append(_inline(_code(node)))
        elif tag == "table" and (rows := _rows(node)):
            written.append(f"\n\n{rows}\n\n")
        elif tag == "br":
            written.append("\n")
        elif tag == "hr":
            written.append("\n\n")
        elif tag == "img":
            written.append(node.attributes.get("alt") or "")
        elif not tag.startswith(("-", "!")) and tag not in HIDDEN:
            children = _children(node)
            if tag == "ol":
                numbers.update(_numbered(node, children))
            before, after = ("\n" + numbers.get(node.mem_id, "- "), "\n") if tag == "li" else _around(node, tag)
            todo.append(after)
            todo.extend(reversed(children))
            todo.append(before)
    return "".join(written)


def _children(node: LexborNode) -> list[LexborNode]:
    children, child = [], node.child
    while child is not None:
        children.append(child)
        child = child.next
    return children


def _numbered(node: LexborNode, children: list[LexborNode]) -> dict[int, str]:
    """The items of an ordered list, by the node's number: "1. " and so on, from its attribute "start"."""
    start = node.attributes.get("start") or ""
    items = [child for child in children if child.tag == "li"]
    first = int(start) if start.isdecimal() and len(start) < 7 else 1
    return {item.mem_id: f"{number}. " for number, item in enumerate(items, first)}


def _around(node: LexborNode, tag: str) -> tuple[str, str]:
    if tag == "sup":
        return ("", "") if ORDINAL.match(node.text(strip=True)) else ("^", "")
    if tag in ("s", "strike", "del"):
        return ("~~", "~~") if node.text(strip=True) else ("", "")
    if tag in PARAGRAPHS:
        return "\n\n", "\n\n"
    return ("\n", "\n") if tag in BLOCKS else ("", "")


def _rows(table: LexborNode) -> str:
    """A table as lines of cells between bars, the first underlined where it is a heading; "" for a table of one
    column or with code, lists or tables in it, which is there for the layout.
    """
    if table.css_first("td pre, td table, td ul, td ol, td p + p") is not None:
        return ""
    rows = [[cell for cell in _children(row) if cell.tag in ("td", "th")] for row in table.css("tr")]
    if max(map(len, rows), default=0) < 2:
        return ""
    lines = ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows if row]
    if all(cell.tag == "th" for cell in rows[0]):
        lines.insert(1, "|" + "---|" * len(rows[0]))
    captions = [caption.text(strip=True) + "\n" for caption in table.css("caption")]
    return "\n".join(captions + lines)


def _cell(cell: LexborNode) -> str:
    return " ".join(cell.text(separator=" ").replace("|", "\\|").split())


def _code(node: LexborNode) -> str:
    for line_break in node.css("br"):
        line_break.replace_with("\n")
    return node.text(strip=False)


def _fence(code: str) -> str:
    return code if "```" in code else "\n```\n" + code.strip("\n") + "\n```\n"


def _inline(code: str) -> str:
    return f"`{code.strip()}`" if code.strip() and "`" not in code else code
