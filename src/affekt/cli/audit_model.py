"""affekt audit."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

from affekt.cli.forget import read_ids
from affekt.cli.output import Output, OutputOptions

__all__ = ["audit_model"]


def audit_model(
    before: Path,
    after: Path,
    corpus: str,
    /,
    *,
    speaker: str | None = None,
    utterances: Path | None = None,
    references: Path | None = None,
    heard: Path | None = None,
    unlearned: Path | None = None,
    tier: Literal["T0", "T1"] | None = None,
    out: Path | None = None,
    seed: Annotated[int, Parameter(validator=validators.Number(gte=0, lt=2**31))] = 0,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Audit whether a model has forgotten a speaker or some utterances.

    Any two models will do, whoever made the second one forget. Every figure stands beside that of the model before,
    and of models that never heard the recordings, where there are any. Exit code 1: the verdict is that the model has
    not forgotten, forgot too hard or lost too much, or that there was nothing to forget.

    Args:
        before: Model directory before the deletion.
        after: Model directory after it.
        corpus: The corpus that holds the recordings: a folder, a .csv or .parquet table, or the word builtin.
        speaker: Everything this speaker said should be forgotten.
        utterances: These utterances should be forgotten: a file with one utterance id a line, or a .csv file with a
            column utterance.
        references: Folder with directories of models that never heard the recordings; 19 or more can clear a
            deletion. Without it, answers that erasure-ready training saved serve, if it was repeated often enough.
        heard: Folder with directories of four or more other models that were trained on the recordings, for online
            LiRA.
        unlearned: Folder with directories of four or more other models that were trained on the recordings and made to
            forget them in the same way; with eight references or more, for what only many models can show.
        tier: T0 needs no references, T1 does; the highest there is, if not given.
        out: New folder for audit.json and report.html, in which nobody is named.
        seed: Everything random follows from it.
        output: How to show the result.
    """
    from affekt.corpora import open_corpus
    from affekt.errors import ConfigError
    from affekt.reports import audit_with_report

    if (speaker is None) == (utterances is None):
        raise ConfigError("what should be forgotten was not said once; give either --speaker ID or --utterances FILE.")
    with output.progress() as progress:
        found = audit_with_report(
            before,
            after,
            open_corpus(corpus),
            speaker=speaker,
            utterances=None if utterances is None else read_ids(utterances),
            references=references,
            heard=heard,
            unlearned=unlearned,
            tier=tier,
            out=out,
            seed=seed,
            progress=progress,
        )
    lines = found.summary if found.page is None else [*found.summary, f"Report: {found.page}"]
    output.show(found.to_json(), lines)
    return 0 if found.succeeded else 1
