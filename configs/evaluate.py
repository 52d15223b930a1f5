"""How a trained model is measured."""

from pydantic import Field

from configs.section import Section

REPLIES_AT_ONCE = 32
"""Prompts that eval/generate.py answers together."""


class Evaluate(Section):
    """Scores on the held-out test split."""

    generations: int = Field(
        64, ge=1, description="Replies generated for BLEU and ROUGE, as evenly as can be over the conversations"
    )
    max_new_tokens: int = Field(48, ge=1, description="Longest generated reply (tokens)")
    max_prompt_tokens: int | None = Field(
        None,
        ge=16,
        description="Longest prompt, its latest turns; empty takes what the sequence length leaves (tokens)",
    )
    repetition_penalty: float = Field(
        1.0,
        ge=1,
        le=2,
        description="Divides the likelihood of tokens that a reply has already; 1 leaves loops to be seen",
    )
    samples: int = Field(8, ge=3, description="Exchanges shown in the report")
    probes: tuple[str, ...] | None = Field(
        None, description="Names of the probes that are measured; empty measures all in configs/probes and probe_files"
    )
    probe_files: tuple[str, ...] = Field(
        (), description="YAML files of further probes; the file's name names the probe"
    )
    probe_replies: int = Field(
        16, ge=0, description="First items of a probe of short answers that the model also answers"
    )
    probe_items: int | None = Field(None, ge=1, description="Most items of a probe, its first; empty takes all")
    tasks: tuple[str, ...] = Field((), description="Tasks of lm-eval that are run; the package must be installed")
    task_folder: str | None = Field(None, description="Folder of further tasks, as lm-eval's --include_path")
    task_items: int | None = Field(None, ge=1, description="Most items of a task, its first; empty takes all")
