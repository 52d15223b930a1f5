"""What the generator is, for the fingerprint: the same settings with another model write other rows. No engine."""

from configs.profile import Profile
from pipeline.contract.fingerprint import FileHashes
from pipeline.contract.pretrained import PACKAGE, pretrained_source
from pipeline.contract.raw_inputs import encoder, file_hashes, model_files

KEY = "balance.generator.model"
CHAMPION = "champion"


def raw_inputs(profile: Profile, hashes: FileHashes) -> dict[str, str]:
    """The encoder, which tells topics, and the generator's files. A champion or a server is known by its name only,
    as both may change under it: what was generated once is kept."""
    generator = profile.balance.generator
    if not generator.model:
        return {}
    found = encoder(profile, hashes)
    if generator.served or generator.model == CHAMPION:
        return found
    source = pretrained_source(generator.model)
    if source.file is None:
        return found | model_files(KEY, generator.model, hashes)
    version = model_files(KEY, generator.model, hashes) if generator.model.startswith(PACKAGE) else {}
    (digest,) = file_hashes(KEY, [(source.file.name, source.file)], hashes)
    return found | version | {f"{KEY}/{source.file.name}": digest}
