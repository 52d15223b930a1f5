"""What of a reply its layout or its prompt accounts for, where the reply repeats itself or has few letters.

Tables, code, logs, opening hours and sums repeat themselves and hold more digits and marks than prose, and are wanted.
So is what the user asks for: "print 50 zeros". What is left is measured: a loop, or characters without sense.
"""

import re
from collections import Counter

from pipeline.clean.repair.code import CODE_OR_INDENTED

ROW = re.compile(
    r"[^\w|\n]*\|?[^\w|\n]*\w[^|\n]*(?:\|[^\w|\n]*\w[^|\n]*)+\|?[^\w\n]*"  # | a | b |
    r"|[^\W\d_][\w.'-]*(?: [\w.'-]+){0,3}(?:\s+[-+]?\d[\d.,%:]*){2,}"  # Ann 12 34
    r"|[^\t\n]*\w[^\t\n]*(?:\t+[^\t\n]*\w[^\t\n]*){2,}|[\s|:+=-]{3,}"
)
"""A line of a table: cells between bars or tabs, a name and its numbers, or a rule."""
STATEMENT = re.compile(
    r"\s*(?:def|class|import|from|for|if|else|elif|while|return|print|var|let|const|function|public|private|SELECT|INSERT|FROM"
    r"|#include|\$|>>>|//|/\*|sudo|pip|git|docker|curl|echo)\b.*|\s*[\w.\[\]\"']+\s?(?:[-+*/|&]?=|:=|\+\+|->|=>)\s?\S.*"
    r"|.*\w\(.*\)[;:{]?|.*\w.*[;{}]|\s*[}\])]+[;,]?|\s*</?\w[^>]*>.*|\s*\\(?:begin|end|frac|sum|int)\b.*|.*\$[^$]+\$.*"
)
"""A line of code, of a shell, of LaTeX."""
LABELLED = re.compile(
    r"\W*[^\W\d_]{2}[^:\n]{0,40}:\s?\S.*"  # Monday: 9:00
    r"|.*(?<!\d)(?:\d{1,2}[:.h]\d\d|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4})(?!\d).*"  # a time or a date
    r"|(?:.*[\s(])?[$€£¥]\s?\d.*|.*\d\s?(?:[€£¥%°](?![\w%])|(?:[ap]m|[mck]?[mgl]|kg|km|mph|kb|mb|gb|ms|min|hrs?|usd|eur|ft|in|lbs?|oz)\b).*"
    r"|.*\b(?:DEBUG|INFO|WARN(?:ING)?|ERROR|FATAL|TRACE)\b.*"
    r"|.*\d\s?[-+*/×÷^=<>≤≥≈]\s?\(?-?\d.*|.*[\w)\]]\s?[=≈]\s?-?[\d(].*"  # a sum
)
NAMES = re.compile(r"[^\W\d_]{2}.*\b[^\W\d_]{2}", re.DOTALL)
"""Two words: what marks itself as code, and has none, is not."""
LAID_OUT = (ROW, STATEMENT, LABELLED)
LONGEST = 300
"""Characters of a line that is looked at, which bounds the cost."""
MOST_OF_ONE_LINE = 12
"""A line that comes more often is a loop, however it is laid out."""

OF_NUMBERS = (
    r"\d|\b(?:numbers?|digits?|decimals?|count(?:ing|down)?|primes?|fibonacci|sequence|calculat\w+|sums?|multipl\w+|plus|minus|pi|solve"
    r"|tables?|matrix|list|print|output|hours|open|schedule|times?|dates?|when|prices?|costs?|codes?|hex|binary|scores?"
    r"|how (?:much|many|long|far|old|big|tall)|convert|years?|random|phone|coordinates?|statistics|results?)\b"
)
OF_MARKS = (
    rf"{OF_NUMBERS}|\b(?:emojis?|symbols?|ascii|draw|art|patterns?|regex\w*|formula\w*|equations?|latex|punctuation|commands?|scripts?"
    r"|expressions?|math\w*|urls?|links?|characters?|braille|morse|encode\w*|base64|hash|json|csv|xml|html|yaml|sql|diagram)\b"
)
OF_LOOPS = (
    r"\d\s?[x×]\s?\d|\b(?:repeat\w*|times|over and over|again and again|tables?|grids?|matrix|print|output|chorus"
    r"|lyrics|songs?|sing|chant|mantra|rhymes?|poems?|tongue twisters?|patterns?|ascii"
    r"|copies|loops?|template|lorem|spam)\b"
)
ASKED = {
    kind: re.compile(cues, re.IGNORECASE)
    for kind, cues in (("digits", OF_NUMBERS), ("non_letters", OF_MARKS), ("repetition", OF_LOOPS))
}
"""Score to what a prompt says that asks for much of it."""


def unaccounted(kind: str, prompt: str, reply: str) -> str:
    """What of a reply neither its prompt nor its layout accounts for. kind: the score, of ASKED."""
    if ASKED[kind].search(prompt):
        return ""
    pieces = CODE_OR_INDENTED.split(reply)
    lines = "".join(p for n, p in enumerate(pieces) if n % 2 == 0 or not NAMES.search(p)).split("\n")
    often = Counter(line.strip() for line in lines)
    return "\n".join(line for line in lines if often[line.strip()] > MOST_OF_ONE_LINE or not _is_laid_out(line))


def _is_laid_out(line: str) -> bool:
    return len(line) <= LONGEST and any(pattern.fullmatch(line) for pattern in LAID_OUT)
