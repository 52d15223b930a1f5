"""Stages that make one part of each file of what they read: what a file becomes follows from its content."""

from pipeline.contract.artifact import Artifact
from pipeline.contract.execute import StageContext
from pipeline.contract.parts import Part
from pipeline.contract.stage import config_slice


def file_parts(
    context: StageContext, source: Artifact, folders: tuple[str, ...] = ("data",), more: dict[str, str] | None = None
) -> dict[str, Part]:
    """Name of each file of the first folder of an artifact to the part that it becomes, in order of name.

    folders: a file of the same name in another one of them belongs to it. more: label to hash of what else decides.
    """
    digests, config = source.digests, config_slice(context.stage, context.profile)
    names = [path.partition("/")[2] for path in sorted(digests) if path.startswith(f"{folders[0]}/")]
    found = {}
    for name in names:
        files = {folder: digests[f"{folder}/{name}"] for folder in folders if f"{folder}/{name}" in digests}
        found[name] = context.part(config, files | (more or {}))
    return found


def link_files(context: StageContext, parts: dict[str, Artifact], folders: tuple[str, ...]) -> None:
    """Makes the artifact of the parts of files. folders: each has the file of a part, DATA.parquet, under its name."""
    for name, part in parts.items():
        held = part.digests
        files = {f"{folder}.parquet": f"{folder}/{name}" for folder in folders if f"{folder}.parquet" in held}
        context.link(part, files)
