"""affekt compare."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter, validators

from affekt.cli.output import Output, OutputOptions
from affekt.cli.wording import split_commas
from affekt.models import FAMILIES

__all__ = ["compare", "comparison_settings"]

_POSITIVE = Parameter(validator=validators.Number(gte=1))


def compare(
    corpus: str,
    /,
    *,
    out: Path,
    methods: str | None = None,
    forget: Literal["random", "speaker"] = "random",
    sizes: str = "1,10,50,100,speaker",
    seeds: Annotated[int, _POSITIVE] = 2,
    draws: Annotated[int, _POSITIVE] = 3,
    model: Annotated[str, Parameter(help=f"Model family: {', '.join(FAMILIES)}.")] = "logmel-cnn",
    config: Path | None = None,
    workers: Annotated[int, _POSITIVE] = 1,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Compare unlearning methods with retraining on one corpus.

    For every seed a model is trained; for every size and draw some of its training recordings are forgotten by every
    method and by retraining without them. An interrupted comparison goes on when the same command is given again.

    Args:
        corpus: A corpus folder, a .csv or .parquet table, or the word builtin.
        out: Folder for results.json, results.md, plot.svg and report.html.
        methods: Methods, separated by commas, with settings after colons (l2ul:stop=zero); a standard selection if not
            given.
        forget: Where the recordings to forget are drawn from: random, all speakers; speaker, one speaker a draw.
        sizes: Numbers of utterances to forget, separated by commas; speaker is everything of one speaker, 3-speakers
            everything of three, one request after the other.
        seeds: Trained models; each has its own test speakers.
        draws: Forget sets of every size for every seed.
        config: TOML file with tables [train], [options] of the network and [methods.NAME], relearn_steps and
            retained_sample. With a table [erasure], even an empty one, models are trained as by --erasure-ready.
        workers: Processes that share the work.
        output: How to show the result.
    """
    from affekt.reports import compare_with_report
    from affekt.unlearning.compare import DEFAULT_METHODS, CompareConfig

    chosen = CompareConfig(
        corpus=corpus,
        family=model,
        methods=DEFAULT_METHODS if methods is None else split_commas(methods, "method"),
        forget=forget,
        sizes=split_commas(sizes, "size"),
        draws=draws,
        seeds=seeds,
        **comparison_settings(model, config),
    )
    with output.progress() as progress:
        results = compare_with_report(
            chosen, out, workers=workers, command=["affekt", *sys.argv[1:]], progress=progress
        )
    output.show(results, [(out / "results.md").read_text(encoding="utf-8").rstrip()])
    return 0


def comparison_settings(model: str, path: Path | None) -> dict[str, Any]:
    """What a TOML file says of a comparison: fields of ``CompareConfig``, the recipe of the model's family among them.

    Raises:
        ConfigError: the file cannot be read, or a key or value is none.
    """
    from affekt.cli.settings import check_keys, overrides, read_toml, subtable
    from affekt.models import find_family
    from affekt.training import ErasureConfig, TrainConfig, recipe
    from affekt.unlearning import METHODS
    from affekt.unlearning.compare import CompareConfig

    fields: dict[str, Any] = {"train": recipe(model)}
    if path is None:
        return fields
    values = read_toml(path)
    tables = ("erasure", "methods", "options", "train")
    check_keys(values, [*tables, "relearn_steps", "retained_sample"], path=path)
    plain = {key: value for key, value in values.items() if key not in tables}
    fields |= overrides(plain, CompareConfig, path=path)
    if "erasure" in values:
        found = subtable(values, "erasure", path=path)
        fields["erasure"] = overrides(found, ErasureConfig, path=path, where="erasure.")
    options = subtable(values, "options", path=path)
    fields["options"] = overrides(options, find_family(model).options, path=path, where="options.")
    changes = overrides(subtable(values, "train", path=path), TrainConfig, path=path, where="train.")
    fields["train"] = recipe(model, **changes)
    chosen = subtable(values, "methods", path=path)
    check_keys(chosen, METHODS, path=path)
    fields["settings"] = {
        name: overrides(subtable(chosen, name, path=path), METHODS[name].Config, path=path, where=f"{name}.")
        for name in chosen
    }
    return fields
