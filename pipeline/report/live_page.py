"""The report of a run that goes on, as a server shows it: with a part that asks what the run is at, and shows that.

The written report holds no script. This part does, and a content policy by its hash lets it, and no other, run.
"""

import base64
import hashlib
import re
from pathlib import Path

PART = (Path(__file__).parent / "templates" / "live.html").read_bytes()
"""The same for every run: what is shown comes as JSON from live.json beside the page, and becomes text."""

MAIN = b"\n<main>\n"


def _script_digest() -> str:
    [script] = re.findall(rb"<script>(.*?)</script>", PART, re.DOTALL)
    return base64.b64encode(hashlib.sha256(script).digest()).decode("ascii")


CONTENT_POLICY = (
    f"default-src 'none'; script-src 'sha256-{_script_digest()}'; style-src 'unsafe-inline'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def with_live(page: bytes, recorded: str) -> bytes:
    """A written report with the live part above its sections. recorded: pipeline.report.live.recorded of what it shows,
    so that it is fetched again when there is more."""
    before, main, after = page.partition(MAIN)
    assert main, "a report has a main part"
    part = PART.replace(b'<section id="live"', f'<section id="live" data-recorded="{recorded}"'.encode(), 1)
    return before + b"\n" + part + main + after
