"""The gate: whether a challenger is better where it must be, and has lost nothing that counts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from configs.promote import Promote, Require
from eval.legs import Pair
from eval.paired import Difference, difference, holm

LegVerdict = Literal["gain", "no change", "loss", "not compared"]
NAMED = 4
"""Most legs that a sentence tells the figures of."""


@dataclass(frozen=True)
class Leg:
    """One comparison, as promotion.json holds it.

    before, after: the figures, in `unit`, over `items` items of the kind `what`. gain: relative to the figure before
    where `relative`, else the difference; positive is better, but for a length, where it is the rise. low, high: its
    bounds, each at promote.confidence. p: chance of so large a loss between models that are alike, corrected for the
    number of legs. why: what there was nothing to compare for.
    """

    name: str
    unit: str
    what: str
    items: int
    before: float | None
    after: float | None
    relative: bool
    gain: float | None
    low: float | None
    high: float | None
    p: float | None
    require: Require
    tolerance: float
    verdict: LegVerdict
    why: str = ""

    def words(self) -> str:
        """The figures, for a sentence."""
        assert self.gain is not None
        assert self.low is not None
        assert self.high is not None
        unit, digits = ("%", 2) if self.relative else (" points", 1)
        gain, low, high = (f"{100 * value:+.{digits}f}" for value in (self.gain, self.low, self.high))
        return (
            f"{self.name} ({self.before:.4f} to {self.after:.4f} {self.unit} over {self.items:,} {self.what}, "
            f"{gain}{unit}, between {low} and {high})"
        )


@dataclass(frozen=True)
class Outcome:
    """passed: whether the challenger may replace its rival. reason: why, naming the legs."""

    passed: bool
    reason: str
    legs: list[Leg]


def judge(pairs: Iterable[Pair], config: Promote, rival: str, against_base: bool = False) -> Outcome:
    """Compares leg by leg and decides. rival: what the challenger is compared with, in words.

    A leg that must gain, does when the lower bound of its gain is above 0 and the gain is its tolerance or more. All of
    them must, so that none is corrected for the others (Berger 1982, the intersection-union test). A leg that must not
    lose, has lost when its p, corrected for the number of such legs (Holm), is below 1 − promote.confidence and the
    loss is above its tolerance: so the chance that any of them is called lost between models that are alike, the
    family-wise error rate, is below 1 − promote.confidence. What cannot be compared holds nobody up, unless it must
    gain.
    """
    legs = compared(list(pairs), config, against_base)
    lost = [leg for leg in legs if leg.require == "no_loss" and leg.verdict == "loss"]
    lacking = [leg for leg in legs if leg.require == "gain" and leg.verdict != "gain"]
    gained = [leg for leg in legs if leg.require == "gain" and leg.verdict == "gain"]
    sentences = [_lacks(leg) for leg in lacking]
    if lost:
        sentences.append(f"Lost on {_told(lost)}.")
        sentences += [f"Better on {_told(gained)}."] if gained else []
    elif not lacking:
        kept = sum(leg.require == "no_loss" and leg.verdict in ("gain", "no change") for leg in legs)
        sentences.append(f"Better than {rival} on {_told(gained)}." if gained else f"Not worse than {rival}.")
        sentences += [f"No significant loss on {kept} other legs."] if kept else []
    sentences += _not_compared(legs)
    return Outcome(not lost and not lacking, " ".join(sentences), legs)


def compared(pairs: list[Pair], config: Promote, against_base: bool = False) -> list[Leg]:
    """The legs with their verdicts, in the order of the pairs."""
    rules = [config.rule(pair.name, against_base) for pair in pairs]
    found = {
        i: difference(pair.before_N, pair.after_N, pair.statistic, config.confidence)
        for i, pair in enumerate(pairs)
        if not pair.why
    }
    family = [i for i in found if rules[i][0] == "no_loss"]
    worse = {i: min(1.0, 2 * min(d.worse, d.better)) if pairs[i].both_ways else d.worse for i, d in found.items()}
    better = {i: d.better for i, d in found.items()}
    for ps in (worse, better):
        ps |= zip(family, holm([ps[i] for i in family]), strict=True)
    doubt = 1 - config.confidence
    legs = []
    for i, (pair, (require, tolerance)) in enumerate(zip(pairs, rules, strict=True)):
        d = found.get(i)
        verdict = _verdict(pair, d, require, tolerance, worse[i], better[i], doubt) if d else "not compared"
        legs.append(
            Leg(
                name=pair.name,
                unit=pair.unit,
                what=pair.what,
                items=len(pair.after_N),
                before=pair.before,
                after=pair.after,
                relative=pair.relative,
                gain=d.gain if d else None,
                low=d.low if d else None,
                high=d.high if d else None,
                p=worse.get(i),
                require=require,
                tolerance=tolerance,
                verdict=verdict,
                why=pair.why,
            )
        )
    return legs


def _verdict(
    pair: Pair, d: Difference, require: Require, tolerance: float, worse: float, better: float, doubt: float
) -> LegVerdict:
    """worse, better: p of so large a loss, and gain, by chance."""
    if worse < doubt and (abs(d.gain) if pair.both_ways else -d.gain) > tolerance:
        return "loss"
    if pair.both_ways:
        return "no change"
    gained = d.low > 0 and d.gain >= tolerance if require == "gain" else better < doubt
    return "gain" if gained else "no change"


def _lacks(leg: Leg) -> str:
    """Why a leg that must gain does not."""
    if leg.verdict == "not compared":
        return f"{leg.name} must gain and cannot be compared: {leg.why}."
    assert leg.low is not None
    if leg.verdict == "loss":
        return f"Worse on {leg.words()}."
    if leg.low > 0:
        return f"Better by less than the {leg.tolerance:.2%} that are asked for, on {leg.words()}."
    return f"Not better by more than chance on {leg.words()}."


def _not_compared(legs: list[Leg]) -> list[str]:
    """Legs that must not lose and for which nothing can be said, by the reason."""
    reasons = {leg.why: None for leg in legs if leg.require == "no_loss" and leg.why}
    alike = {why: [leg for leg in legs if leg.require == "no_loss" and leg.why == why] for why in reasons}
    told = "; ".join(f"{_listed([leg.name for leg in a])} ({why})" for why, a in alike.items())
    return [f"Not compared: {told}."] if alike else []


def _told(legs: list[Leg]) -> str:
    return _listed([leg.words() if i < NAMED else leg.name for i, leg in enumerate(legs)])


def _listed(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
