"""As much of DeepSpeed's engine as a checkpoint asks for, without ZeRO and on one rank."""

from pathlib import Path
from typing import Any

import torch

from configs.train import Train
from training.optimizer import adamw


class PlainEngine:
    """A model and its optimizer, after one step. Writes the file that DeepSpeed would."""

    device = torch.device("cpu")
    save_non_zero_checkpoint = True
    save_zero_checkpoint = False

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module
        self.optimizer = self.basic_optimizer = adamw(module, Train(learning_rate=0.1), fused=False)
        self.checkpoint_engine: Any = Plain()
        self.step()

    def step(self) -> None:
        for parameter in self.module.parameters():
            parameter.grad = torch.ones_like(parameter)
        self.optimizer.step()

    def zero_optimization_stage(self) -> int:
        return 0

    def module_state_dict(self) -> dict[str, Any]:
        return self.module.state_dict()

    def save_checkpoint(self, folder: str, tag: str, save_latest: bool) -> None:  # noqa: ARG002
        state = {
            "module": self.module_state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "frozen_param_fragments": None,
        }
        self.checkpoint_engine.save(state, f"{folder}/{tag}/mp_rank_00_model_states.pt")


class Plain:
    """DeepSpeed's own writer of files."""

    def save(self, state: Any, path: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, path)
