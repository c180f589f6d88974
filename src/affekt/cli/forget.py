"""affekt forget."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from affekt.cli.output import Output, OutputOptions

__all__ = ["forget"]


def forget(
    model: Path,
    corpus: str,
    /,
    *,
    out: Path,
    speaker: str | None = None,
    utterances: Path | None = None,
    method: str = "auto",
    config: Path | None = None,
    retrained: Path | None = None,
    seed: Annotated[int, Parameter(validator=validators.Number(gte=0, lt=2**31))] = 0,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Make a model forget a speaker or some utterances, and report what that did.

    Writes a new model directory with a report beside the weights; the old model is left as it is. The method is given
    the recordings to forget and what training saved in the model directory, and no other recording. Exit code 1: the
    report's verdict is that the model has not forgotten, or that nobody can tell.

    Args:
        model: Model directory.
        corpus: The corpus that holds the recordings to forget: a folder, a .csv or .parquet table, or the word builtin.
        out: Model directory to write; it must not exist yet.
        speaker: Forget everything this speaker said.
        utterances: Forget these utterances: a file with one utterance id a line, or a .csv file with a column
            utterance.
        method: auto tries what the model allows, in a declared order, until the audit of one does not fail. Or one
            method. With what --erasure-ready training saved: out_of_fold, kfac, head_newton, ssd, fold_swap, and for
            the family ridge exact. For any model: amun, forget_set_alone, l2ul, boundary_shrink, gradient_ascent,
            random_labels, negmerge, jit. References that also read the rest of the corpus: retrain, finetune, scrub,
            salun, bad_teacher, random_labels_retained.
        config: TOML file with settings that differ from the method's defaults.
        retrained: Directory of a model retrained without these recordings, to compare with; or a folder of such
            directories: four or more make the tests those of tier T1, 19 or more can clear a deletion.
        seed: Everything random follows from it.
        output: How to show the result.
    """
    from affekt.cli.settings import overrides, read_toml
    from affekt.corpora import open_corpus
    from affekt.errors import ConfigError
    from affekt.reports import forget_with_report
    from affekt.reports.forget_report import AUTO
    from affekt.unlearning import METHODS, method_config

    if (speaker is None) == (utterances is None):
        raise ConfigError("what to forget was not said once; give either --speaker ID or --utterances FILE.")
    settings = None
    if method != AUTO:
        method_config(method)  # names the methods if there is no such
        settings = None if config is None else overrides(read_toml(config), METHODS[method].Config, path=config)
    elif config is not None:
        raise ConfigError("--config holds settings of one method (got --method auto); name the method too.")
    with output.progress() as progress:
        report = forget_with_report(
            model,
            open_corpus(corpus),
            out,
            speaker=speaker,
            utterances=None if utterances is None else read_ids(utterances),
            method=method,
            settings=settings,
            seed=seed,
            retrained=retrained,
            progress=progress,
        )
    output.show(report.to_json(), [*report.summary, f"Report: {report.report_path}"])
    return 0 if report.succeeded else 1


def read_ids(path: Path) -> tuple[str, ...]:
    """Utterance ids from a file: one a line, or the column ``utterance`` of a .csv file.

    Raises:
        DataError: the file is missing, empty or has no such column.
    """
    from affekt.errors import DataError

    if path.suffix.lower() == ".csv":
        from affekt.corpora.table import read_table

        if not path.is_file():
            raise DataError(f"there is no file {path}; a list of utterances was expected; check the path.")
        frame = read_table(path)
        if "utterance" not in frame.columns:
            raise DataError(f"{path} has no column 'utterance' (got {', '.join(frame.columns)}); rename the column.")
        ids = tuple(str(name) for name in frame["utterance"].drop_nulls())
    else:
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except OSError as error:
            raise DataError(
                f"{path} cannot be read ({error.strerror}); a file with one utterance id a line was expected; "
                "check the path."
            ) from None
        except UnicodeDecodeError:
            raise DataError(f"{path} is no text; one utterance id a line was expected; check the path.") from None
        ids = tuple(line.strip() for line in lines if line.strip())
    if not ids:
        raise DataError(f"{path} names no utterance; one utterance id a line was expected; fill the file.")
    return ids
