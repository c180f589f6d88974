"""affekt compare."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

from affekt.cli.output import Output, OutputOptions
from affekt.cli.wording import split_commas

__all__ = ["compare"]

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
    model: str = "logmel-cnn",
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
        model: Model family: logmel-cnn, emo18, zhao19, encoder or ridge.
        config: TOML file with tables [train], [options] of the network and [methods.NAME], relearn_steps and
            retained_sample. With a table [erasure], even an empty one, models are trained as by --erasure-ready.
        workers: Processes that share the work.
        output: How to show the result.
    """
    from affekt.cli.settings import check_keys, overrides, read_toml, subtable
    from affekt.models import FAMILIES
    from affekt.reports import compare_with_report
    from affekt.training import ErasureConfig, TrainConfig, recipe
    from affekt.unlearning import METHODS
    from affekt.unlearning.compare import DEFAULT_METHODS, CompareConfig

    train, settings, probes = recipe(model), {}, {}
    if config is not None:
        values = read_toml(config)
        tables = ("erasure", "methods", "options", "train")
        check_keys(values, [*tables, "relearn_steps", "retained_sample"], path=config)
        plain = {key: value for key, value in values.items() if key not in tables}
        probes = overrides(plain, CompareConfig, path=config)
        options = subtable(values, "options", path=config)
        if "erasure" in values:
            found = subtable(values, "erasure", path=config)
            probes["erasure"] = overrides(found, ErasureConfig, path=config, where="erasure.")
        probes["options"] = overrides(options, FAMILIES[model][1], path=config, where="options.")
        train = recipe(
            model, **overrides(subtable(values, "train", path=config), TrainConfig, path=config, where="train.")
        )
        chosen_settings = subtable(values, "methods", path=config)
        check_keys(chosen_settings, METHODS, path=config)
        settings = {
            name: overrides(
                subtable(chosen_settings, name, path=config), METHODS[name].Config, path=config, where=f"{name}."
            )
            for name in chosen_settings
        }
    chosen = CompareConfig(
        corpus=corpus,
        family=model,
        methods=DEFAULT_METHODS if methods is None else split_commas(methods, "method"),
        forget=forget,
        sizes=split_commas(sizes, "size"),
        draws=draws,
        seeds=seeds,
        train=train,
        settings=settings,
        **probes,
    )
    with output.progress() as progress:
        results = compare_with_report(
            chosen, out, workers=workers, command=["affekt", *sys.argv[1:]], progress=progress
        )
    output.show(results, [(out / "results.md").read_text(encoding="utf-8").rstrip()])
    return 0
