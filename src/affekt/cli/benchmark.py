"""affekt benchmark."""

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, validators

from affekt.cli.compare import comparison_settings
from affekt.cli.output import Output, OutputOptions
from affekt.cli.wording import split_commas

__all__ = ["forgetting"]

_POSITIVE = Parameter(validator=validators.Number(gte=1))


def forgetting(
    *corpora: str,
    out: Path,
    model: tuple[str, ...] = ("logmel-cnn",),
    methods: str | None = None,
    sizes: str | None = None,
    seeds: Annotated[int, _POSITIVE] = 5,
    draws: Annotated[int, _POSITIVE] = 5,
    models: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 0,
    models_methods: str | None = None,
    models_sizes: str = "50,speaker",
    workers: Annotated[int, _POSITIVE] = 1,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Measure how well methods forget, by a stated protocol, beside retraining and beside targets set in advance.

    For every corpus and kind of model: models of several seeds, all of them erasure-ready, forget recordings of several
    sizes and draws by every method; each result stands beside two models retrained without the recordings. With
    --models, many heads are unlearned and many retrained, and compared recording by recording. An interrupted benchmark
    goes on when the same command is given again.

    Args:
        corpora: Corpus folders, .csv or .parquet tables, or the word builtin.
        out: Folder for results.json, results.md, plot.svg, and a table of all sizes for every corpus and model.
        model: Kinds of models: a family, or FAMILY=FILE.toml with the settings that affekt compare takes. Give the
            option several times for several.
        methods: Methods, separated by commas, with settings after colons (l2ul:stop=zero); a standard selection if not
            given.
        sizes: Numbers of utterances to forget, separated by commas; speaker is everything of one speaker, 3-speakers
            everything of three, one request after the other. If not given: 1,10,50,100,speaker,3-speakers.
        seeds: Trained models; each has its own test speakers.
        draws: Forget sets of every size for every seed.
        models: Originals, retrained models for each of --models-sizes, and as many again for the floor: 64 can show
            what 5 seeds cannot. Only for heads on one layer of a frozen encoder; 0 trains none.
        models_methods: Methods for these; a selection of those that need no retained data if not given.
        models_sizes: Sizes of their forget sets, one each.
        workers: Processes that share the work.
        output: How to show the result.
    """
    from affekt.errors import ConfigError
    from affekt.reports import benchmark_with_report
    from affekt.unlearning.benchmark import ENSEMBLE_METHODS, METHODS_COMPARED, SIZES, BenchmarkRun
    from affekt.unlearning.benchmark_ensembles import EnsembleConfig
    from affekt.unlearning.compare import CompareConfig

    if not corpora:
        raise ConfigError("no corpus was named; one or more were expected; give folders, tables or the word builtin.")
    runs = []
    for corpus in corpora:
        for text in model:
            name, fields = _kind(text)
            compared = CompareConfig(
                corpus=corpus,
                methods=METHODS_COMPARED if methods is None else split_commas(methods, "method"),
                sizes=SIZES if sizes is None else split_commas(sizes, "size"),
                seeds=seeds,
                draws=draws,
                again=True,
                **fields,
            )
            many = None
            if models:
                many = EnsembleConfig(
                    compare=compared,
                    methods=ENSEMBLE_METHODS if models_methods is None else split_commas(models_methods, "method"),
                    sizes=split_commas(models_sizes, "size"),
                    models=models,
                )
            runs.append(BenchmarkRun(name=f"{Path(corpus).stem}, {name}", compare=compared, ensembles=many))
    with output.progress() as progress:
        results = benchmark_with_report(
            runs, out, command=["affekt", *sys.argv[1:]], workers=workers, progress=progress
        )
    output.show(results, [(out / "results.md").read_text(encoding="utf-8").rstrip()])
    return 0


def _kind(text: str) -> tuple[str, dict[str, Any]]:
    """``FAMILY`` or ``FAMILY=FILE.toml`` -> what it is called, and the fields of a comparison; always erasure-ready."""
    family, given, file = text.partition("=")
    path = Path(file) if given else None
    fields = comparison_settings(family, path)
    name = family if path is None else f"{family} ({path.stem})"
    return name, {"family": family, "erasure": {}, **fields}
