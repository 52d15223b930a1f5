"""The model in use, as one that writes."""

from pathlib import Path

from configs.credentials import masked
from configs.errors import UserError
from pipeline.contract.artifact import check_part
from pipeline.contract.pretrained import Source
from pipeline.generate.raw_inputs import CHAMPION, KEY


def champion_folder(address: str, name: str) -> Source:
    """The weights of the registry's champion. Raises UserError when there is none, or its folder is not here."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        source = MlflowClient(address, address).get_model_version_by_alias(name, CHAMPION).source or ""
    except MlflowException as error:
        reason = f"{masked(address)} names no champion of {name} ({str(error).splitlines()[0][:120]})"
        raise UserError(f"{KEY}: {reason}; train and promote one, or name other weights") from error
    folder = Path(source.removeprefix("file://"))
    if not folder.is_dir():
        raise UserError(f"{KEY}: the champion of {name} lay in {masked(source)}, which is not here; name other weights")
    check_part(folder)
    return Source(str(folder))
