"""What one server was measured to serve: serving.json under the root, which `benchmarks/serve.py --root` leaves."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from configs.errors import UserError
from configs.plan import Deployment

FILE = "serving.json"
REMEDY = "measure again with `python -m benchmarks.serve --root`, or remove the file"


@dataclass(frozen=True)
class Served:
    """One server, measured. clients: at once. latency: seconds of a reply of plan.deployment.reply_tokens tokens.

    servers: for the busiest minute, headroom and spares included. on: cores or GPU, and the model.
    """

    on: str
    clients: int
    tokens_a_second: float
    requests_a_second: float
    latency: float
    servers: int


def measured(root: Path, given: Deployment, peak: float) -> Served | None:
    """The number of clients that one server answers fastest in all, and each within the latency; None when nothing was
    measured. peak: requests a second. Raises UserError for a file that is none, or when no measurement is fast enough.

    Known limitation: the prompts are the benchmark's, of some 30 tokens, and not those of plan.deployment.
    """
    path = root / FILE
    if not path.is_file():
        return None
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        rows = [
            (row, row["first_token_ms"][1] + given.reply_tokens * row["between_ms"][0]) for row in report["clients"]
        ]
        found = [(float(row["tokens_a_second"]), int(row["clients"]), took / 1000) for row, took in rows]
        on = str(report["on"])
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UserError(f"{path}: is not what the benchmark wrote ({type(error).__name__}); {REMEDY}") from None
    within = [each for each in found if each[2] <= given.latency_seconds]
    if not within:
        fastest = min(took for *_, took in found)
        raise UserError(
            f"plan.deployment.latency_seconds: {given.latency_seconds:g}, but a reply of {given.reply_tokens} tokens "
            f"was measured to take {fastest:.3g} s at best on {on} ({path}); raise it, lower reply_tokens, or {REMEDY}"
        )
    tokens, clients, latency = max(within)
    rate = tokens / given.reply_tokens
    servers = max(1, math.ceil(peak / (rate * (1 - given.headroom)))) + given.spares
    return Served(on, clients, tokens, rate, latency, servers)
