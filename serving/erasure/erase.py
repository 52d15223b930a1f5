"""Erases a person: from the server, its memory and feedback, and every artifact under a root."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from configs.profile import Profile
from pipeline.contract.artifact import ARTIFACTS, PARTS, ArtifactStore
from pipeline.contract.progress import say
from pipeline.contract.stages import STAGES
from pipeline.review.marks import journal
from pipeline.rows.bans import FOLDER, Bans
from serving.dialogue.dialogue import FOLDER as SERVER
from serving.dialogue.dialogue import database_of
from serving.dialogue.feedback import FOLDER as FEEDBACK
from serving.erasure import artifacts, kept
from serving.erasure.certificate import write_certificate
from serving.erasure.models import flag_models
from serving.erasure.only_theirs import only_theirs
from serving.erasure.texts import names_words, scrub_file
from serving.erasure.theirs import Theirs, files_of_conversations, find, learned_rows
from serving.erasure.words import Words
from serving.keys import Keys

TEXTS = (".log", ".md", ".json", ".jsonl", ".txt", ".html", ".csv")
EVENTS = "events.out.tfevents"
"""TensorBoard's files, which may show samples; one that does is deleted."""

REPORTS = ("report.json", "report.html")
"""Of a run: derived, and written anew by `parlance report`."""


def erase(profile: Profile, root: Path, user: str) -> tuple[Path, list[str]]:
    """Removes all that is known of a user; returns the certificate's file, and lines on what could not be removed.

    First the ban, so that no run brings anything back; last the rows by which the rest is known, so that after a crash
    the same command goes on. Raises UserError while a run is making an artifact.
    """
    at = datetime.now(UTC).isoformat(timespec="seconds")
    root = root.resolve()
    store, database = ArtifactStore(root), database_of(profile, root)
    try:
        left = artifacts.leftovers(root)
        keys = Keys(root).forget(user)
        texts, conversations, files = kept.feedback_texts(root, user)
        theirs = find(root, user, conversations)
        theirs.texts |= texts | kept.written_texts(database, user)
        theirs.files |= files
        say(f"erase: {len(theirs.rows):,} rows in artifacts, {len(conversations):,} records of feedback")
        bans = Bans.read(root).adding(user, [*theirs.conversations, *conversations], theirs.files)
        bans.write(root)
        learned = learned_rows(root, theirs)
        every = artifacts.runs_of(root)
        only = only_theirs(store, files_of_conversations(root), theirs.rows, theirs.texts)
        words = Words(theirs.texts, theirs.rows, only)
        models = flag_models(store, every, learned, at)
        feedback = kept.erase_feedback(root, user)
        beside = [*_scrub_beside(root, words), *_scrub_notes(root, theirs.rows)]
        changed = []
        after_acquire = [stage for stage in STAGES if stage != "acquire"]
        parts = list(artifacts.remove_parts(root, after_acquire, theirs.rows))
        for entry in artifacts.take_out(store, theirs, words, at, profile.vectors):
            say(f"erase: {entry['stage']} {entry['fingerprint'][:12]}: {entry['rows']:,} rows, {entry['files']} files")
            changed.append(entry)
        parts += artifacts.remove_parts(root, ["acquire"], theirs.rows)
        say(f"erase: {len(parts):,} parts deleted")
        points = kept.erase_points(profile, theirs.rows)
        sessions = kept.erase_sessions(database, user)
        database.scrub()
        memory = kept.erase_vectors(database, profile, root, user)
        remaining = [] if memory == "erased" else [f"memory: {memory}"]
        database.scrub()
    finally:
        database.close()
    statement = {
        "what": "erasure of a person's data",
        "person": bans.of(user),
        "begun": at,
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "root": str(root),
        "keys": keys,
        "sessions": sessions,
        "memory": memory,
        "feedback": feedback,
        "artifacts": changed,
        "parts_deleted": parts,
        "files": [*beside, *points],
        "leftovers_deleted": left,
        "models": models,
        "sources_not_ours": _foreign(theirs, root),
        "backups_not_ours": list(profile.serving.dialogue.backups),
        "remaining": remaining,
    }
    name = f"erasure-{at.replace(':', '').replace('-', '')[:15]}-{bans.of(user)[:8]}"
    return write_certificate(root / FOLDER, name, statement), remaining


def _scrub_notes(root: Path, rows: set[str]) -> list[dict[str, Any]]:
    """Takes what reviewers noted of the person's rows out of their marks; which rows they marked stays, by id."""
    marks = journal(root)
    kept = marks.read()
    noted = [mark for mark in kept if mark["row"] in rows and mark.get("note")]
    if not noted:
        return []
    marks.rewrite([mark | {"note": ""} if mark in noted else mark for mark in kept])
    return [{"file": marks.path.relative_to(root).as_posix(), "done": f"notes of {len(noted):,} marks emptied"}]


def _foreign(theirs: Theirs, root: Path) -> dict[str, int]:
    """Files of sources that others keep, and conversations of the person in them: acquire refuses these from now on."""
    ours = {path.name for path in (root / FEEDBACK).glob("*.jsonl")}
    return {file: number for file, number in sorted(theirs.sources.items()) if file.split("/")[-1] not in ours}


def _scrub_beside(root: Path, words: Words) -> list[dict[str, Any]]:
    """Takes the person's words out of reports, logs and samples beside the artifacts; what was done to each file."""
    done: list[dict[str, Any]] = []
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_file() or path.relative_to(root).parts[0] in (
            ARTIFACTS, PARTS, SERVER, FEEDBACK, FOLDER
        ):  # fmt: skip
            continue
        name = path.relative_to(root).as_posix()
        if path.name in REPORTS and words.shown(path.read_text(encoding="utf-8", errors="replace")):
            for report in REPORTS:
                path.with_name(report).unlink(missing_ok=True)
            done.append({"file": name, "done": "deleted; parlance report writes it anew"})
        elif path.name.startswith(EVENTS) and words.shown(path.read_text(encoding="utf-8", errors="replace")):
            path.unlink()
            done.append({"file": name, "done": "deleted"})
        elif path.is_file() and path.suffix in TEXTS and scrub_file(path, words, names_words(name)):
            done.append({"file": name, "done": "lines and entries replaced"})
    return done
