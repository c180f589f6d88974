"""The whole story on synthetic voices: train, forget one speaker, compare with a retrained model, report, sign."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.corpora import Corpus, Split, by_speaker, open_corpus
from affekt.files import check_new_folder, new_folder
from affekt.reports.certify import STATEMENT_FILE, Asked, certify
from affekt.reports.dsse import new_signing_key
from affekt.reports.forget_report import ForgetReport, forget_with_report
from affekt.reports.verify import Verification, verify
from affekt.training import ErasureConfig, Progress, TrainConfig, recipe, train_split, write_trained
from affekt.types import PathLike

__all__ = ["Demonstration", "demo"]

FAMILY = "logmel-cnn"

RECIPE = recipe(
    FAMILY,
    epochs=20,
    learning_rate=3e-3,
    label_smoothing=0.0,
    weight_decay=0.0,
    keep_last=True,
    heldout_fraction=0.12,
)
OPTIONS = {
    "dropout": 0.0,
    "head_dropout": 0.0,
    "stretch": 0.0,
    "shift_bands": 0,
    "mask_bands": 0,
    "mask_frames": 0,
}
"""The demonstration trains without augmentation and keeps the last epoch, so that the model memorises its training
speakers: the recipe of ``affekt train`` leaves so little memory of a person that there is nothing to show."""


ERASURE = ErasureConfig(rules=("across",))
"""Models that each never heard a part of the speakers: what they say of that part is saved."""


@dataclass(frozen=True, kw_only=True)
class Demonstration:
    """What the demonstration made."""

    report: ForgetReport
    statement_path: Path
    """The signed statement."""
    verification: Verification
    """What checking it found."""


def demo(
    out: PathLike,
    *,
    seed: int = 0,
    corpus: Corpus | None = None,
    config: TrainConfig | None = None,
    options: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> Demonstration:
    """Train on the built-in corpus, forget one of the training speakers, report, sign a statement and verify it.

    Writes ``model`` (trained on everybody, erasure-ready), ``retrained`` (the same recipe without that speaker),
    ``forgotten`` (the model after forgetting, with ``report.html``), ``statement`` (signed with a new ``demo.key``)
    and ``ledger.jsonl``.

    Args:
        out: a new folder.
        seed: decides the split, the weights and who is forgotten.
        corpus: another corpus than the built-in one.
        config: another recipe than :data:`RECIPE`.
        options: other sizes and augmentation of the network than :data:`OPTIONS`.
        progress: called as the work goes on.

    Raises:
        DataError: ``out`` exists.
        MissingExtraError: the built-in corpus is not there and espeakng-loader, which speaks it, is not installed.
    """
    out = check_new_folder(out)
    tell = progress or (lambda message, done, total: None)
    tell("making the built-in corpus", 0, 1)
    corpus = open_corpus("builtin") if corpus is None else corpus
    split = by_speaker(corpus, seed=seed)
    speaker = str(np.random.default_rng(seed).choice(split.train.speakers))
    without = Split(train=split.train.without_speakers(speaker), dev=split.dev, test=split.test)
    with new_folder(out) as folder:
        for name, part in (("model", split), ("retrained", without)):
            settings = config or RECIPE
            sizes = OPTIONS if options is None else options
            trained = train_split(
                part,
                family=FAMILY,
                config=settings,
                options=sizes,
                seed=seed,
                erasure=ERASURE if name == "model" else None,
                progress=_step(name, tell),
            )
            (folder / name).mkdir()
            write_trained(folder / name, trained, config=settings, seed=seed, data_sha256=corpus.digest)
        report = forget_with_report(
            folder / "model",
            corpus,
            folder / "forgotten",
            speaker=speaker,
            seed=seed,
            retrained=folder / "retrained",
            progress=progress,
        )
        tell("signing and verifying", 0, 1)
        key, public = new_signing_key(folder / "demo.key")
        certify(
            folder / "forgotten",
            before=folder / "model",
            keys=[key],
            out=folder / "statement",
            ledger=folder / "ledger.jsonl",
            asked=Asked(corpus=corpus, speaker=speaker),
        )
        verification = verify(
            folder / "statement" / STATEMENT_FILE,
            model=folder / "forgotten",
            keys=[public],
            ledger=folder / "ledger.jsonl",
        )
    return Demonstration(
        report=ForgetReport(
            verdict=report.verdict, content=report.content, report_path=out / "forgotten" / report.report_path.name
        ),
        statement_path=out / "statement" / STATEMENT_FILE,
        verification=verification,
    )


def _step(name: str, tell: Progress) -> Progress:
    """Progress of one of the two trainings."""
    words = {"model": "training on everybody", "retrained": "training without the person, for comparison"}[name]
    return lambda message, done, total: tell(f"{words}: {message}", done, total)
