"""Whether the markup in a text is how it was shown, as on a rendered page, or what the text is about.

Two kinds of text lose their markup: a page, all of whose prose lies in block elements (an export of a forum or of a
rich-text editor), and prose with the marks that such an editor leaves (bold, a line break, a paragraph). Code that
somebody shows or asks about, a "<div>" in a sentence, JSX, XML, Markdown and templates keep every character. In
doubt a text is left alone: markup that stays costs a few tokens, markup that goes may have been the question.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple


def names_of(names: str) -> frozenset[str]:
    """The elements that are named, apart by spaces."""
    return frozenset(names.split())


PARAGRAPHS = names_of("p blockquote h1 h2 h3 h4 h5 h6 ul ol dl table")
BLOCKS = names_of("div li tr dt dd center figure figcaption tbody thead tfoot caption pre address")
CELLS = names_of("td th tr tbody thead tfoot caption col colgroup")
INLINE = names_of(
    "a abbr b big br cite code del em font hr i img ins kbd mark o:p q s samp small span strike strong sub sup tt "
    "u var wbr td th col colgroup"
)
DOCUMENT = names_of(
    "html body head title meta link base script style noscript nav main section article header footer aside"
)
"""Parts of a whole document: nobody's editor writes them, but a crawled page has them."""
CONTROLS = names_of(
    "form input button select option optgroup textarea label fieldset legend iframe object embed canvas svg path "
    "video audio source template slot dialog details summary picture"
)
"""What only a programmer writes, and a Markdown file of a repository."""
KNOWN = PARAGRAPHS | BLOCKS | INLINE | DOCUMENT | CONTROLS
VOID = names_of("br hr img wbr col meta link base input source embed")
CLOSED_BY_THE_NEXT = names_of("p li td th tr dt dd option o:p col colgroup tbody thead tfoot")
"""Elements whose end tag HTML lets one leave out."""

NAMES = "|".join(sorted(map(re.escape, KNOWN), key=lambda name: (-len(name), name)))
TAG = re.compile(rf"<(?P<close>/?)(?P<name>{NAMES})(?P<attributes>[\s/][^<>]*)?>", re.IGNORECASE)
OTHER, OTHER_END = re.compile(r"<([A-Za-z][\w:.-]*)(?:\s[^<>]*)?>"), re.compile(r"</([A-Za-z][\w:.-]*)\s*>")
PROGRAM = re.compile(
    r"\{[{%#]|[%#}]\}|<[%?]|</?>|<[A-Z][a-z]+\w*(?:\s+[\w.-]+=|\s*/>)|=\s?\{|=>|&&|\);|\son[a-z]+\s*=\s*[\"'{]|\sv-[a-z]+=|\sng-[a-z]+="
    r"|\s[:@*][a-z.-]+=[\"']|\sclassName=|\[\(?ng|\shx-[a-z]+=|\bimport \w+ from\b"
)
"""Templates, JSX, handlers of events, statements of a program."""
MARKDOWN = re.compile(r"^[ ]{0,3}(?:```|~~~)|^[ \t]*\|?[ ]*:?-{2,}:?[ ]*\|", re.MULTILINE)
NESTED = re.compile(r"^<[a-z][^\n]*\n(?:[ ]{2,}|\t+)<[a-z!]|^(?:[ ]{2,}|\t+)</?(?:div|ul|li|tr|td|th)\b", re.I | re.M)
"""Tags on lines of their own, indented by their depth: as people write source, and no exporter."""
ABOUT_MARKUP = re.compile(
    r"\b(?:x?html5?|css|xml|jsx|tsx|javascript|php|dom|markup|markdown|tags?|selectors?|xpath|attributes?|rend(?:ers?|ered|ering)"
    r"|divs?|spans?|href|parsers?|pars(?:e[sd]?|ing)|regexp?|escap(?:e[sd]?|ing)|stylesheets?|snippets?|web ?pages?"
    r"|beautiful ?soup|bs4|react|angular|vue|bootstrap|jquery|entit(?:y|ies)|unicode|formatting|syntax)\b"
    r"|\b(?:explain|writ(?:e|ing)|typ(?:e|ing)|us(?:e|ing)|insert|wrap|between|instead of|versus|vs\.?|called) <",
    re.IGNORECASE,
)
"""Words that speak of markup, and those right before an element that is mentioned."""
ABOUT_LOOKS = re.compile(
    r"\b(?:bold(?:ed|face)?|italics?|emphasi[sz]\w*|underlin\w+|strike-?through|line ?breaks?|superscripts?|subscripts?"
    r"|hyperlinks?)\b",
    re.IGNORECASE,
)
"""What marks do, said outside of them."""
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|<!DOCTYPE[^<>]*>", re.DOTALL | re.IGNORECASE)
PRE = re.compile(r"<(pre|code)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
UNSEEN = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
QUOTED = re.compile(rf"[\"'`=]<(?:{NAMES})\b[^<>]*>|</(?:{NAMES})>[\"'`]", re.IGNORECASE)
STYLED = re.compile(r"\b(?:class|id)\s*=\s*(?![\"']?Mso)")
"""A name for a style sheet; Word's own names are not a programmer's."""
EXPORTED = re.compile(
    r"\b(?:class|id)\s*=\s*[\"']?(?:gmail|yahoo|yiv|moz-|ql-|x_|bbcode|bb_|cke|mce|post|message|msg|comment|reply|entry"
    r"|quote|signature|user-?content|forum)[\w-]*[\"']?(?=[\s>]|\Z)",
    re.IGNORECASE,
)
"""A name that forums, mail programs and editors give to what somebody wrote."""
ASKED = re.compile(r"\?[^<>]*:\s*<\w|\?\s*<(?:p|div|ul|ol|h\d|blockquote|dl)\b", re.IGNORECASE)
"""A question right before an element: likely it is about that one."""
MARKED = re.compile(r"<(?P<name>b|i|em|strong|u|s|code|tt|mark)>(?P<words>[^<>]{1,200})</(?P=name)>", re.IGNORECASE)
AMID = re.compile(r" [a-z]|[.,;:?!)]")
DOCTYPE = re.compile(r"\s*<!DOCTYPE", re.IGNORECASE)
WORD = re.compile(r"[\u3040-\u9fff\uac00-\ud7af]{1,2}|[^\W_]+(?:'[^\W_]+)*")
"""A word; of scripts without spaces, two characters."""
WORDS_A_BLOCK, WORDS_A_STYLED_BLOCK, WORDS_OF_A_DOCUMENT = 3, 8, 60
"""Prose has that many words for each block element, for each when the elements bear classes, and in all, when the
text is a whole document; what a programmer writes to show an element has one or two ("Hello")."""
WORDS_OF_A_LOOSE_BLOCK, WORDS_OF_AN_ITEM = 2, 2
LIST = names_of("ul ol li p")
INTRODUCED = re.compile(r"[:.!]\s*<(?:ul|ol)>(?:\s*<li>[^<>]*</li>)+\s*</(?:ul|ol)>", re.IGNORECASE)
"""A list after a sentence, or after what says that a list follows."""


class Tag(NamedTuple):
    """One tag: its name in small letters, whether it closes, its attributes as written, where it is."""

    name: str
    closes: bool
    attributes: str
    start: int
    end: int


class Shape(NamedTuple):
    """What a text is made of: words inside and outside block elements, block elements that hold words, which elements
    there are, whether any block bears a class of a style sheet, or only one that an export gives, and whether any tag
    lacks its other half."""

    inside: int
    outside: int
    blocks: int
    names: frozenset[str]
    styled: bool
    exported: bool
    unpaired: bool


def is_enveloped(text: str) -> bool:
    """Whether a text is a page all of whose words lie in block elements. text: without code in Markdown."""
    return is_page(text) and not _shape(UNSEEN.sub(r"<\1></\1>", text), list(_tags(text))).outside


def is_page(text: str) -> bool:
    """Whether a text is shown with the markup that it holds. text: without code in Markdown."""
    text = UNSEEN.sub(r"<\1></\1>", text)
    tags = list(_tags(text))
    if not tags or MARKDOWN.search(text):
        return False
    prose = PRE.sub(" ", text)
    if PROGRAM.search(prose) or _has_other_elements(prose):
        return False
    shape = _shape(text, tags)
    if shape.names & CONTROLS:
        return False
    return _is_loose(prose, shape) if shape.outside else _is_enveloped(prose, shape)


def _tags(text: str) -> Iterator[Tag]:
    for match in TAG.finditer(text):
        yield Tag(match["name"].lower(), bool(match["close"]), match["attributes"] or "", *match.span())


def _has_other_elements(text: str) -> bool:
    """Whether it holds an element that HTML does not know, with its end tag: XML, or the marks of a prompt."""
    return any(name.lower() not in KNOWN for name in set(OTHER.findall(text)) & set(OTHER_END.findall(text)))


def _shape(text: str, tags: list[Tag]) -> Shape:
    open_blocks: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    inside = outside = blocks = 0
    styled = exported = unpaired = opened = False
    ends = [Tag("", False, "", 0, 0), *tags, Tag("", False, "", len(text), len(text))]
    for before, tag in pairwise(ends):
        words = len(WORD.findall(COMMENT.sub(" ", text[before.end : tag.start])))
        blocks += opened and words > 0
        opened &= not words
        if open_blocks.total():
            inside += words
        else:
            outside += words
        if tag.name in PARAGRAPHS or tag.name in BLOCKS:
            if not tag.closes:
                opened = tag.name not in CELLS
                own = tag.name != "pre" and STYLED.search(tag.attributes) is not None
                given = own and STYLED.search(EXPORTED.sub("", tag.attributes)) is None
                styled, exported = styled or (own and not given), exported or given
                open_blocks[tag.name] += not (tag.name in CLOSED_BY_THE_NEXT and open_blocks[tag.name])
            elif open_blocks[tag.name]:
                open_blocks[tag.name] -= 1
        if tag.name and tag.name not in VOID and tag.name not in CLOSED_BY_THE_NEXT:
            pairs[tag.name] += -1 if tag.closes else 1
            unpaired |= pairs[tag.name] < 0
    names = frozenset(tag.name for tag in tags)
    return Shape(inside, outside, blocks, names, styled, exported, unpaired or any(pairs.values()))


def _is_enveloped(prose: str, shape: Shape) -> bool:
    """A page: all words in block elements, in such number as prose has, and not laid out as source is."""
    if shape.names <= {"p", *INLINE} - CELLS and not shape.styled and not NESTED.search(prose):
        return shape.inside > 0
    if shape.names & DOCUMENT - {"html", "body"} or DOCTYPE.match(prose):
        return shape.inside >= WORDS_OF_A_DOCUMENT and shape.inside >= WORDS_A_STYLED_BLOCK * shape.blocks
    nested = NESTED.search(prose) is not None
    if shape.unpaired or (nested and shape.styled):
        return False
    paragraphs = "p" in shape.names and not (shape.styled or shape.exported or nested)
    least = WORDS_A_STYLED_BLOCK if shape.styled or nested else 1 if paragraphs else WORDS_A_BLOCK
    if shape.names <= LIST | INLINE and not nested:
        least = min(least, WORDS_OF_AN_ITEM)
    return shape.inside >= least * shape.blocks and (paragraphs or "table" not in shape.names)


def _is_loose(prose: str, shape: Shape) -> bool:
    """Prose with an editor's marks: paired, around words, with nothing in the text that speaks of markup."""
    if (
        shape.unpaired
        or shape.styled
        or shape.exported
        or shape.names & (DOCUMENT | CELLS | {"table"})
        or "<!--" in prose
    ):
        return False
    if ABOUT_MARKUP.search(TAG.sub("<", prose)) or ABOUT_LOOKS.search(MARKED.sub(" ", prose)):
        return False
    if QUOTED.search(prose) or _contrasts(prose):
        return False
    if not all(map(_breaks, re.finditer(r"<[bh]r\s*/?>", prose, re.IGNORECASE))):
        return False
    if not shape.blocks:
        return True
    if shape.names <= LIST | INLINE and INTRODUCED.search(prose) and not NESTED.search(prose):
        return True
    asked = ASKED.search(prose)
    least = WORDS_A_STYLED_BLOCK if asked else WORDS_OF_A_LOOSE_BLOCK
    return shape.inside >= least * shape.blocks and not NESTED.search(prose)


def _contrasts(prose: str) -> bool:
    """Whether the same words stand in two kinds of marks, or with and without them: <i>Hamlet</i> or Hamlet?"""
    marked = [(match["name"].lower(), " ".join(match["words"].split())) for match in MARKED.finditer(prose)]
    kinds: dict[str, set[str]] = {}
    for name, said in marked:
        kinds.setdefault(said, set()).add(name)
    if any(len(names) > 1 for names in kinds.values()):
        return True
    bare = MARKED.sub(" ", prose)
    return "?" in prose and any(re.search(rf"\bor {re.escape(said)}(?!\w)", bare) for said in kinds if said)


def _breaks(match: re.Match[str]) -> bool:
    """Whether a <br> ends a line of prose; one amid a sentence, between spaces, is spoken of."""
    text, start = match.string, match.start()
    amid = text[start - 1 : start] == " " and text[start - 2 : start - 1].islower()
    return not amid or AMID.match(text, match.end()) is None
