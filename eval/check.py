"""What of the evaluation can be refused before anything starts. Imports no torch."""

from configs.probe import chosen, load_probe
from configs.profile import Profile
from eval import harness


def check(profile: Profile) -> None:
    """Raises UserError for a probe that is not there or wrong, or for tasks that lm-eval cannot run."""
    for path in chosen(profile.evaluate.probes, profile.evaluate.probe_files).values():
        load_probe(path)
    harness.check(profile.evaluate)
