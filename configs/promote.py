"""When a new model replaces the old one, and where models are tracked."""

from pathlib import Path

from pydantic import Field

from configs.section import Section


class Promote(Section):
    """Challenger against champion."""

    model_name: str = Field("parlance-chat", pattern=r"^[A-Za-z0-9_.-]+$", description="Name in the registry")
    min_improvement: float = Field(0.0, ge=0, lt=1, description="Least relative drop of test loss")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Confidence of the paired bootstrap over conversations")
    max_perplexity_over_unigram: float = Field(
        1.0, gt=0, description="A first model is promoted only below this multiple of the unigram baseline"
    )


class Tracking(Section):
    """MLflow."""

    uri: str | None = Field(None, description="Tracking and registry address; empty is SQLite under storage.root")
    experiment: str = Field("parlance", description="MLflow experiment")

    def address(self, root: Path) -> str:
        """The configured address, or that of SQLite under the root."""
        return self.uri or f"sqlite:///{root.resolve() / 'mlflow.db'}"
