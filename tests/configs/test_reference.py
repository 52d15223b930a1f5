"""The reference page follows from the models."""

from pathlib import Path

from configs.reference import reference


def test_the_page_in_docs_is_what_the_models_say() -> None:
    page = Path(__file__).resolve().parent.parent.parent / "docs" / "configuration.md"
    assert page.read_text(encoding="utf-8") == reference(), "run: python -m configs.reference > docs/configuration.md"
