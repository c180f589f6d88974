"""affekt cross-validate."""

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, validators

from affekt.cli.output import Output, OutputOptions
from affekt.cli.wording import split_commas
from affekt.models import FAMILIES

__all__ = ["cross_validate"]

_POSITIVE = Parameter(validator=validators.Number(gte=1))
_MODELS = Parameter(
    help=f"Model families, separated by commas: {', '.join(FAMILIES)}. Settings follow after colons, as in "
    "encoder:layer=2:epochs=20."
)


def cross_validate(
    corpus: str,
    /,
    *,
    out: Path,
    models: Annotated[str, _MODELS] = "logmel-cnn",
    folds: Annotated[int | None, Parameter(validator=validators.Number(gte=2))] = None,
    seeds: Annotated[int, _POSITIVE] = 2,
    config: Path | None = None,
    workers: Annotated[int, _POSITIVE] = 1,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Measure model families with every speaker as a test speaker once.

    An interrupted run goes on when the same command is given again.

    Args:
        corpus: A corpus folder, a .csv or .parquet table, or the word builtin.
        out: Folder for results.json and results.md.
        folds: Speaker folds; one speaker is left out at a time if not given.
        seeds: Trainings of every fold.
        config: TOML file with a table of training settings for each family, with its network under options.
        workers: Processes that share the work.
        output: How to show the result.
    """
    from affekt.cli.settings import check_keys, overrides, read_toml, subtable
    from affekt.models import find_family
    from affekt.reports import cross_validate_with_report
    from affekt.training import CrossValidation, TrainConfig

    settings: dict[str, dict[str, Any]] = {}
    networks: dict[str, dict[str, Any]] = {}
    if config is not None:
        values = read_toml(config)
        check_keys(values, FAMILIES, path=config)
        for name in values:
            found = subtable(values, name, path=config)
            where = f"{name}."
            settings[name] = overrides(found, TrainConfig, path=config, where=where, besides=["options"])
            network = subtable(found, "options", path=config)
            networks[name] = overrides(network, find_family(name).options, path=config, where=f"{where}options.")
    chosen = CrossValidation(
        corpus=corpus,
        families=split_commas(models, "model"),
        folds=folds,
        seeds=seeds,
        train=settings,
        options=networks,
    )
    with output.progress() as progress:
        results = cross_validate_with_report(
            chosen, out, workers=workers, command=["affekt", *sys.argv[1:]], progress=progress
        )
    output.show(results, [(out / "results.md").read_text(encoding="utf-8").rstrip()])
    return 0
