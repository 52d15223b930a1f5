"""What of the evaluation can be refused before anything starts. Imports no torch."""

from fnmatch import fnmatchcase

from configs.audit import OTHER_TOPIC
from configs.errors import UserError
from configs.probe import chosen, load_probe
from configs.profile import Profile
from configs.promote import LEGS
from eval import harness


def check(profile: Profile) -> None:
    """Raises UserError for a probe that is not there or wrong, or for tasks that lm-eval cannot run."""
    for path in chosen(profile.evaluate.probes, profile.evaluate.probe_files).values():
        load_probe(path)
    harness.check(profile.evaluate)


def check_legs(profile: Profile) -> None:
    """Raises UserError for a leg that the gate will not know, by name or by pattern."""
    known = [name for name in LEGS if not name.endswith("*")]
    known += [f"probe:{name}" for name in chosen(profile.evaluate.probes, profile.evaluate.probe_files)]
    known += [f"source:{source.name}" for source in profile.acquire.sources]
    known += [f"topic:{topic}" for topic in (*profile.audit.topics, OTHER_TOPIC)]
    for name in profile.promote.legs:
        if not any(leg == name or fnmatchcase(leg, name) for leg in known):
            raise UserError(f"promote.legs: no leg is called {name!r}; legs are: {', '.join(known)}")
