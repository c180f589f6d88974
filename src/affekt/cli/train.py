"""affekt train."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, validators

from affekt.cli.output import Flag, Output, OutputOptions
from affekt.cli.wording import count, interval, split_commas
from affekt.models import FAMILIES

if TYPE_CHECKING:
    from affekt.training import TrainingMethod

__all__ = ["train"]

_MODEL = Parameter(
    help=f"Model family: {', '.join(FAMILIES)}. The family text reads the column text of the corpus instead of hearing "
    "the recordings."
)


def train(
    corpus: str,
    /,
    *,
    out: Path,
    model: Annotated[str, _MODEL] = "logmel-cnn",
    encoder: str | None = None,
    method: str | None = None,
    config: Path | None = None,
    seed: Annotated[int, Parameter(validator=validators.Number(gte=0, lt=2**31))] = 0,
    test_speakers: str | None = None,
    erasure_ready: Flag = False,
    resume: Flag = False,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Train a model on a corpus, with speaker-disjoint test speakers.

    Writes a model directory: config.json, model.safetensors, a model card, what is needed to forget people later,
    and run.json. Training can be interrupted and resumed to the same weights. Several processes train together under
    "accelerate launch -m affekt train ...".

    Args:
        corpus: A corpus folder, a .csv or .parquet table, or the word builtin.
        out: Model directory to write; it must not exist yet.
        encoder: For the families encoder, ridge, ranker and audio-text: a folder with a pretrained speech encoder, or
            its name on the Hugging Face hub.
        method: How to learn; if not given, from labels alone. With captions that say valence and arousal: rankclap
            (with --model audio-text). To put recordings in order: ranklist (with --model ranker). With made-up features
            where a class is rare: information-augmentation. From few labels: fixmatch and fullmatch, and few-labels to
            compare them with.
        config: TOML file with training settings that differ from the family's recipe; [options] changes the network,
            [method] the settings of --method, [erasure] the folds of --erasure-ready.
        seed: Everything random follows from it, the choice of test speakers included.
        test_speakers: Ids of the speakers to keep for testing, separated by commas. If not given: those of the corpus's
            own split, where every row has one (train, dev or test), else a fifth of the speakers is drawn.
        erasure_ready: Train fold models too and save what they say about what they never heard, and the curvature of
            the loss, so that people can be forgotten better later. It takes several times as long.
        resume: Go on from the checkpoint of a run that was interrupted.
        output: How to show the result.
    """
    from affekt.cli.settings import overrides, read_toml, subtable
    from affekt.corpora import open_corpus
    from affekt.models import find_family
    from affekt.training import ErasureConfig, TrainConfig, recipe
    from affekt.training import train as train_model

    settings = recipe(model)
    options = None
    folds: dict[str, Any] = {}
    values: dict[str, Any] = {}
    if config is not None:
        values = read_toml(config)  # once: it may be a pipe
        settings = recipe(
            model, **overrides(values, TrainConfig, path=config, besides=["options", "method", "erasure"])
        )
        schema = find_family(model).options
        options = overrides(subtable(values, "options", path=config), schema, path=config, where="options.")
        folds = overrides(subtable(values, "erasure", path=config), ErasureConfig, path=config, where="erasure.")
    learner = _method(method, {} if config is None else subtable(values, "method", path=config), config)
    settings = replace(settings, method=learner)
    if encoder is not None:
        options = {**(options or {}), "encoder": encoder}
    erasure = ErasureConfig(**folds) if erasure_ready else None
    with output.progress() as progress:
        report = train_model(
            open_corpus(corpus),
            out,
            family=model,
            config=settings,
            options=options,
            seed=seed,
            test_speakers=None if test_speakers is None else split_commas(test_speakers, "speaker"),
            erasure=erasure,
            resume=resume,
            progress=progress,
        )
    test = report.test
    scores = []
    if test.uar is not None and test.chance_uar is not None:
        scores.append(
            f"test UAR    {interval(test.uar)} on {count(test.speakers, 'speaker')}, "
            f"chance {100 * test.chance_uar:.1f} %"
        )
    for name, found in test.attributes.items():
        if found is not None and found.ccc is not None:
            scores.append(f"test CCC    {found.ccc.estimate:.3f} [{found.ccc.low:.3f}, {found.ccc.high:.3f}] of {name}")
    output.show(
        report.to_json() | {"model": str(out)},
        [
            f"model       {out}",
            f"family      {model}",
            f"utterances  {len(report.fit.trained_rows)} trained on, {len(report.fit.heldout_rows)} held out, "
            f"{report.dev.utterances} dev, {test.utterances} test"
            + (f", {report.left_out} left out" if report.left_out else ""),
            f"epochs      {report.fit.epochs}, the best is {report.fit.best_epoch}",
            *scores,
            f"seconds     {report.seconds:.0f}",
        ],
    )
    return 0


def _method(name: str | None, values: dict[str, Any], path: Path | None) -> "TrainingMethod | None":
    """A training method with the settings of a file.

    Raises:
        ConfigError: there is no such method, or there are settings without one.
    """
    from affekt.cli.settings import overrides
    from affekt.errors import ConfigError
    from affekt.preference import METHODS as PREFERENCE
    from affekt.recognition import METHODS as RECOGNITION

    methods = {**PREFERENCE, **RECOGNITION}
    known = ", ".join(sorted(methods))
    if name is None:
        if values:
            raise ConfigError(
                f"{path} has a table [method] and no method is named; --method with one of {known} was expected; add "
                "it."
            )
        return None
    if name not in methods:
        raise ConfigError(f"unknown method {name!r}; one of {known} was expected; choose one of these.")
    kind = methods[name]
    return kind(**overrides(values, kind, path=path or Path(), where="method."))
