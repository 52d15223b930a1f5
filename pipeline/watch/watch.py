"""What is new since the last run, held against the champion's corpus, and whether that is reason to train anew."""

from typing import Any

import pyarrow.compute as pc

from configs.profile import Profile
from pipeline.contract.artifact import ArtifactStore
from pipeline.drift.comparison import compare, findings
from pipeline.drift.corpus import READ, Corpus, of_artifacts
from pipeline.drift.drift import champions
from pipeline.watch.prepared import prepared
from pipeline.watch.reasons import Ratings, complaint, reasons
from pipeline.watch.unread import Unread, unread


def watched(profile: Profile, store: ArtifactStore, ratings: Ratings) -> dict[str, Any]:
    """{files, rows, at_least, digest, ratings {liked, disliked}, complaint, version, measures, findings, why, reasons}.

    why: that nothing was compared, and why not.
    """
    limits, settings = profile.watch, profile.drift
    new = unread(profile, store, settings.sample)
    version, rows, why = _compared(profile, store, new)
    found = findings(rows)
    return {
        "files": sorted(new.labels),
        "rows": new.rows,
        "at_least": new.at_least,
        "digest": new.digest,
        "ratings": {"liked": ratings.liked, "disliked": ratings.disliked},
        "complaint": complaint(ratings, limits),
        "version": version,
        "measures": rows,
        "findings": found,
        "why": why,
        "reasons": reasons(new.rows, new.at_least, found, ratings, limits),
    }


def _compared(profile: Profile, store: ArtifactStore, new: Unread) -> tuple[int | None, list[dict[str, Any]], str]:
    """The champion's version, the measures, and why there are none."""
    version, theirs, why = champions(store, profile.promote.model_name, READ)
    if not why and new.rows < profile.watch.min_rows:
        why = f"{new.rows:,} new conversations are fewer than watch.min_rows ({profile.watch.min_rows:,})"
    if why:
        return version, [], why
    now = prepared(new.sample.sort_by("row_id").slice(0, profile.drift.sample), profile)
    then = comparable(of_artifacts(theirs.__getitem__, profile.drift.sample), now)
    if now.vectors_ND.shape[1] != then.vectors_ND.shape[1]:
        return version, [], "the champion's conversations were embedded by another encoder"
    return version, compare(now, then, profile.drift, profile.seed), ""


def comparable(then: Corpus, now: Corpus) -> Corpus:
    """The part of the champion's corpus that came from the sources of what is new; all of it where none did.

    What one source brings differs from a mixture of many without anything having changed.
    """
    known = set(pc.unique(then.kept["source"]).to_pylist()) & set(pc.unique(now.kept["source"]).to_pylist())
    return then.of_sources(known) if known else then


def told(found: dict[str, Any]) -> list[str]:
    """What was found, in lines."""
    more = " or more" if found["at_least"] else ""
    lines = [f"{found['rows']:,}{more} new conversations in {len(found['files']):,} files that no run has read"]
    ratings = found["ratings"]
    lines.append(
        f"ratings since the champion: {ratings['liked']:,} liked, {ratings['disliked']:,} disliked or corrected"
    )
    lines += [f"drift: not measured: {found['why']}"] if found["why"] else []
    lines += [f"drift: {f['severity']}: {f['subject']}: {f['message']}" for f in found["findings"]]
    if not found["why"] and not found["findings"]:
        lines.append(f"drift: none of {len(found['measures'])} measures has moved")
    if found["complaint"] and not found["rows"]:
        lines.append(f"{found['complaint']}; there is nothing new to learn from")
    return lines + ([f"reason: {reason}" for reason in found["reasons"]] or ["no reason to train anew"])
