from pathlib import Path

from affekt.cli.document import document

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"


def test_docs_are_up_to_date() -> None:
    assert DOCS.read_text(encoding="utf-8") == document(), "run: python -m affekt.cli.document docs/cli.md"


def test_every_command_is_there() -> None:
    text = document()
    for command in ("demo", "train", "evaluate", "predict", "forget", "compare", "cross-validate"):
        assert f"\n### affekt {command}\n" in text
    for command in ("show", "check", "import"):
        assert f"\n#### affekt corpus {command}\n" in text
