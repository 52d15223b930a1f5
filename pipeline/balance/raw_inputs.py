"""What balance reads besides artifacts, as far as it is on: examples, probes, evaluation sets, the encoder. No
engine."""

from pathlib import Path

from configs.errors import UserError
from configs.profile import Profile
from pipeline.contract.fingerprint import FileHashes
from pipeline.contract.raw_inputs import encoder, file_hashes, probes
from pipeline.deduplicate.reference_files import reference_files
from pipeline.selection.examples import KEY


def raw_inputs(profile: Profile, hashes: FileHashes) -> dict[str, str]:
    """Label to content hash. Raises UserError when a file is missing."""
    found: dict[str, str] = {}
    examples, settings = profile.balance.selection.examples, profile.balance.decontamination
    if examples is not None:
        if not Path(examples).is_file():
            raise UserError(f"{KEY}: {examples}: no such file; write some examples of what is wanted into one")
        (found[KEY],) = file_hashes(KEY, [("examples", Path(examples))], hashes)
    measured = settings.against if settings.min_similarity is not None else ()
    if "probes" in measured:
        found |= probes(profile, hashes)
    if "evaluation_sets" in measured:
        only = profile.deduplicate.model_copy(update={"earlier": []})
        files = list(reference_files(only, profile.storage.root))
        digests = file_hashes("deduplicate.evaluation_sets", files, hashes)
        found |= {label: digest for (label, _), digest in zip(files, digests, strict=True)}
    encodes = examples is not None or {"probes", "evaluation_sets"} & set(measured)
    return found | (encoder(profile, hashes) if encodes else {})
