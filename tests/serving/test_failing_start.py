"""A server that cannot start says why, and nothing else."""

import gc
import json
from pathlib import Path

import pytest

from configs.errors import UserError
from configs.load import load_profile
from serving.commands.serve import run


def test_neither_the_model_nor_its_tokenizer_loads(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text(json.dumps({"model_type": "nonsense"}))
    overrides = ["serving.port=0", "serving.embedded.processes=1", f"serving.model={tmp_path / 'model'}"]
    with pytest.raises(UserError, match="the model does not load"):
        run(load_profile("demo", overrides), tmp_path / "root")
    gc.collect()  # asyncio tells of an error that nobody asked for when its task goes
    assert "Traceback" not in caplog.text
