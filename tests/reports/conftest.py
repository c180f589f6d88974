"""A small model directory made by train, a model retrained without one of its speakers, and what was asked."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from affekt.corpora import Corpus
from affekt.models import EmotionModel
from affekt.training import TrainConfig, train

OPTIONS = {"channels": [4, 8, 8], "width": 32, "n_mels": 32}


@dataclass(frozen=True)
class Trained:
    """A model directory, the corpus it was trained on, and who stood where."""

    folder: Path
    corpus: Corpus
    config: TrainConfig
    sides: dict[str, list[str]]
    """Side -> utterance ids, as the erasure record tells them apart."""

    def speaker(self, side: str) -> str:
        """A speaker of one side."""
        return self.sides[side][0].split("-")[0]


@pytest.fixture(scope="session")
def options() -> dict[str, object]:
    """Sizes of a very small network."""
    return OPTIONS


@pytest.fixture(scope="session")
def trained_folder(tone_corpus: Corpus, tone_recipe: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A very small model that learned the tones, saved by train."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    config = replace(tone_recipe, epochs=6)
    train(tone_corpus, folder, config=config, options=OPTIONS, seed=1, test_speakers=["s6"])
    record = EmotionModel.from_pretrained(folder).erasure
    assert record is not None
    sides: dict[str, list[str]] = {}
    for row, utterance in enumerate(tone_corpus.table["utterance"]):
        side = record.side(tone_corpus.load(row))
        assert side is not None
        sides.setdefault(side, []).append(utterance)
    return Trained(folder, tone_corpus, config, sides)


@dataclass(frozen=True)
class Issued:
    """A deletion with a statement about it, the second in its ledger; a test must put back what it changes."""

    before: Path
    after: Path
    folder: Path
    key: Path
    public: Path
    ledger: Path
    speaker: str
    corpus: Corpus

    @property
    def statement(self) -> Path:
        """The envelope."""
        return self.folder / "statement.dsse.json"

    @property
    def request_key(self) -> Path:
        """The key of the commitment."""
        return self.folder.with_name(self.folder.name + ".request-key")


@pytest.fixture(scope="session")
def issued(trained_folder: Trained, tmp_path_factory: pytest.TempPathFactory) -> Issued:
    """One of the training speakers is forgotten, and a statement with commitment and ledger issued."""
    from affekt.reports.certify import Asked, certify
    from affekt.reports.dsse import new_signing_key
    from affekt.reports.forget_report import forget_with_report

    root = tmp_path_factory.mktemp("issued")
    speaker = trained_folder.speaker("train")
    forget_with_report(
        trained_folder.folder,
        trained_folder.corpus,
        root / "after",
        speaker=speaker,
        method="gradient_ascent",
        settings={"max_steps": 20},
    )
    key, public = new_signing_key(root / "operator.key")
    found = Issued(
        before=trained_folder.folder,
        after=root / "after",
        folder=root / "statement",
        key=key,
        public=public,
        ledger=root / "ledger.jsonl",
        speaker=speaker,
        corpus=trained_folder.corpus,
    )
    for out, asked in (("earlier", None), ("statement", Asked(corpus=trained_folder.corpus, speaker=speaker))):
        certify(found.after, before=found.before, keys=[key], out=root / out, ledger=found.ledger, asked=asked)
    return found
