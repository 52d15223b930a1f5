"""What enters a fingerprint besides configuration and artifacts: content hashes of files, versions of packages.

A stage that reads something raw names a function of (profile, hashes) as its `raw`; what several stages share
is here. These functions import no engine, as every command computes fingerprints.
"""

import hashlib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from configs.errors import UserError
from configs.load import load_words
from configs.probe import chosen
from configs.profile import Profile
from configs.review import Approval
from pipeline.contract.fingerprint import FileHashes, canonical_json
from pipeline.contract.objects import SourceFile
from pipeline.contract.pretrained import KEY, PACKAGE, pretrained_source


def approval(profile: Profile, hashes: FileHashes) -> dict[str, str]:  # noqa: ARG001
    """Whose answer counts, where a human is asked: what was approved by other rules is asked again.

    Without it, data that somebody approved under a profile that lets him would pass under one that does not.
    """
    if profile.review.mode != "human" or profile.approval == Approval():
        return {}
    rules = {"approvers": sorted(profile.approval.approvers), "own_runs": profile.approval.own_runs}
    return {"approval": hashlib.sha256(canonical_json(rules).encode()).hexdigest()}


def encoder(profile: Profile, hashes: FileHashes) -> dict[str, str]:
    """The encoder's files, or its package's version."""
    return model_files("embed.model", profile.embed.model, hashes)


def annotation(profile: Profile, hashes: FileHashes) -> dict[str, str]:
    """The encoder, and the files of words for groups; one that is wrong is refused before anything is read."""
    files = [(code, Path(given)) for code, given in profile.audit.lexicon.items() if isinstance(given, str)]
    for code, path in files:
        load_words(path, f"audit.lexicon.{code}")
    found = file_hashes("audit.lexicon", files, hashes)
    return encoder(profile, hashes) | {f"audit.lexicon/{c}": h for (c, _), h in zip(files, found, strict=True)}


def tokenizer(profile: Profile, hashes: FileHashes) -> dict[str, str]:
    """A tokenizer that is taken, not trained."""
    name = profile.tokenise.tokenizer
    if name == "pretrained":
        return pretrained(profile, hashes)
    return {} if name == "train" else model_files("tokenise.tokenizer", name, hashes)


def base(profile: Profile, hashes: FileHashes) -> dict[str, str]:
    """The pretrained weights that training begins from, and what they are asked; from scratch, nothing."""
    return pretrained(profile, hashes) | probes(profile, hashes) if profile.model.pretrained else {}


def pretrained(profile: Profile, hashes: FileHashes) -> dict[str, str]:
    """The files of `model.pretrained`; of a package its version, and the GGUF file that it carries."""
    name = profile.model.pretrained or ""
    source = pretrained_source(name)
    if source.file is None:
        return model_files(KEY, name, hashes)
    version = model_files(KEY, name, hashes) if name.startswith(PACKAGE) else {}
    (digest,) = file_hashes(KEY, [(source.file.name, source.file)], hashes)
    return version | {f"{KEY}/{source.file.name}": digest}


def probes(profile: Profile, hashes: FileHashes) -> dict[str, str]:
    """The files of the probes that are measured."""
    paths = chosen(profile.evaluate.probes, profile.evaluate.probe_files)
    found = file_hashes("evaluate.probe_files", [(name, path) for name, path in paths.items()], hashes)
    return {f"probes/{name}": hash_ for name, hash_ in zip(paths, found, strict=True)}


def registry(profile: Profile, hashes: FileHashes) -> dict[str, str]:  # noqa: ARG001
    """The address of a registry that is not the root's own: another one has another champion. As a hash, since it
    may hold a password."""
    uri = profile.tracking.uri
    return {"tracking.uri": hashlib.sha256(uri.encode()).hexdigest()} if uri else {}


def model_files(key: str, name: str, hashes: FileHashes) -> dict[str, str]:
    """Label to content hash of a folder's files; or the version of `package:NAME`; or the name on the hub.

    key: of the profile, for errors. Raises UserError when a file or package is missing.
    """
    if name.startswith("package:"):
        return {key: package_version(key, name.removeprefix("package:"))}
    folder = Path(name)
    if folder.is_dir():
        files = sorted((p.relative_to(folder).as_posix(), p) for p in folder.rglob("*") if p.is_file())
        return {f"{key}/{f}": h for (f, _), h in zip(files, file_hashes(key, files, hashes), strict=True)}
    return {key: f"hub:{name}"}


def file_hashes(label: str, files: Sequence[tuple[str, SourceFile]], hashes: FileHashes) -> list[str]:
    """The content hash of each (name, path). Raises UserError, with the label, for one that cannot be read."""
    try:
        found = hashes.of(path for _, path in files)
    except OSError as error:
        raise UserError(
            f"{label}: {error.filename}: cannot be read ({error.strerror}); check its permissions"
        ) from error
    return [found[path] for _, path in files]


def package_version(label: str, package: str) -> str:
    """name==version of an installed package. Raises UserError when it is not installed."""
    try:
        return f"{package}=={version(package)}"
    except PackageNotFoundError as error:
        raise UserError(f"{label}: the package {package} is not installed; pip install {package}") from error
