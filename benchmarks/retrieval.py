"""Does Rank-N-Contrast order better than CLIP and SupCon, and is its gap between recordings and captions smaller?

One frozen speech encoder, one pair of projections, three losses, trained on captions that are drawn from valence and
arousal alone (no emotion is named). Speakers of the test side are never trained on, nor was anything chosen on them.
Learning rate and dropout are chosen for each loss by the mean tau of valence and arousal on the --dev speakers with
--choose, and written into the settings that the other runs read. Variants with sentences train on the training part of
EmoBank besides, half a sentence a recording, with the settings of their loss; all variants are asked about sentences of
its test part, without those whose text is in the training part, too.

    python benchmarks/retrieval.py READER FOLDER --encoder DIR --choose --dev 19,20 --out settings.json
    python benchmarks/retrieval.py READER FOLDER --encoder DIR --settings settings.json --dev 19,20 --out results/...
"""

import argparse
import copy
import json
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from affekt.corpora import READERS, Corpus
from affekt.encoders import read_lexicon
from affekt.files import write_json, write_text
from affekt.metrics import (
    bootstrap_values,
    centroid_distance,
    chance_recall_at_k,
    kendall_tau,
    median_rank,
    mmd,
    ordinal_scores,
    prompt_tau,
    ranking_difference,
    recall_at_k,
    retrieval_ranks,
    score_ranking,
    sliced_wasserstein,
    wasserstein,
)
from affekt.models import AudioTextNetwork, EmotionModel
from affekt.preference import (
    EmotionRankClap,
    axis_prompts,
    caption,
    embed_recordings,
    positions_from_norms,
    read_sentences,
)
from affekt.preference.captions import LEVELS, PHRASINGS, level_of, middle_of
from affekt.training import FeatureStore, build_model, fit, recipe, run_record

AXES = ("valence", "arousal")
LEVEL_PLACES = np.array([middle_of(level) for level in range(LEVELS)])
LOSSES = ("rnc", "supcon", "clip")
RATES = (1e-3, 3e-3)
DROPOUTS = (0.2, 0.5)
EMOBANK_SCALE = (1.0, 5.0)
PANELS = 3
"""Variants beside each other in the picture."""
DOTS = 200
"""Recordings of a panel, at most."""


class Variant(NamedTuple):
    """What is compared."""

    loss: str
    axes: tuple[str, ...] = AXES
    norms: bool = False
    sentences: bool = False

    @property
    def name(self) -> str:
        axis = "" if self.axes == AXES else f" {self.axes[0]}"
        return self.loss + axis + "+norms" * self.norms + "+sentences" * self.sentences


_VARIANTS = [
    *(Variant(loss) for loss in LOSSES),
    *(Variant("rnc", (axis,)) for axis in AXES),
    Variant("rnc", norms=True),
    *(Variant(loss, sentences=True) for loss in LOSSES),
    Variant("rnc", norms=True, sentences=True),
]
VARIANTS = {variant.name: variant for variant in _VARIANTS}
PAIRS = [
    ("rnc", "supcon"),
    ("rnc", "clip"),
    ("supcon", "clip"),
    ("rnc+norms", "rnc"),
    ("rnc valence", "rnc"),
    ("rnc arousal", "rnc"),
    *((f"{name}+sentences", name) for name in (*LOSSES, "rnc+norms")),
    ("rnc+sentences", "supcon+sentences"),
    ("rnc+sentences", "clip+sentences"),
    ("supcon+sentences", "clip+sentences"),
]
"""First and second of each difference."""


class Part(FeatureStore):
    """One layer of some rows of a store that has all layers of everything."""

    def __init__(self, whole: FeatureStore, rows: np.ndarray, layer: int) -> None:
        super().__init__(whole.model, whole.corpus.select(rows), memory_gib=0.0)
        self.items = [whole[int(row)][:, layer : layer + 1].clone() for row in rows]

    def __getitem__(self, row: int) -> torch.Tensor:
        return self.items[row]

    def length(self, row: int) -> int:
        return len(self.items[row])


class Written:
    """Sentences of EmoBank's test part, which no variant is trained on."""

    def __init__(self, file: Path) -> None:
        import polars as pl

        table = pl.read_csv(file)
        read = read_sentences(file, scale=EMOBANK_SCALE)
        trained = set(read.texts)
        mine = table.filter((pl.col("split") == "test") & ~pl.col("text").str.strip_chars().is_in(sorted(trained)))
        self.texts: list[str] = mine["text"].to_list()
        assert self.texts
        assert trained.isdisjoint(text.strip() for text in self.texts)
        self.ratings = {axis: mine[axis[0].upper()].to_numpy() for axis in AXES}
        self.clusters: dict[str, Any] = {
            "clusters": mine["id"].str.split("_").list.first().to_numpy(),
            "cluster_unit": "document",
        }
        self.summary = {
            "tested": len(self.texts),
            "trained": len(read),
            "share": EmotionRankClap.sentence_share,
            "sha256": read.sha256,
        }

    def scores(self, model: EmotionModel) -> dict[str, np.ndarray]:
        """By the text side alone."""
        with torch.no_grad():
            vectors = network(model).embed_text(self.texts).numpy()
        return ordinal(model, vectors, "seen")


class Gone(torch.nn.Module):
    """In the place of an encoder that is not needed any more."""

    def blocks(self) -> torch.nn.ModuleList:
        return torch.nn.ModuleList()


class Remembered:
    """An encoder of texts that encodes each text once, for all copies of a model."""

    def __init__(self, texts: Any) -> None:
        self.texts, self.width = texts, texts.width
        self.known: dict[str, np.ndarray] = {}

    def __deepcopy__(self, memo: Any) -> "Remembered":
        return self

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        self.known.update(zip(new, self.texts.encode(new), strict=True))
        return np.stack([self.known[text] for text in texts])


def main() -> int:
    """Choose, or measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reader", choices=sorted(READERS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--layer", type=int, default=3)
    parser.add_argument("--dev", default="", help="speakers for early stopping and for --choose; none: the next fold's")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--lexicon", default="", help="norms of words: beside the hashed words of a second text side")
    parser.add_argument("--variants", default="rnc,supcon,clip", help=f"out of {', '.join(VARIANTS)}")
    parser.add_argument("--norms-as-positions", action="store_true", help="places of emotions from --lexicon")
    parser.add_argument(
        "--emobank", type=Path, help="emobank.csv: sentences to ask about, and for +sentences to train on"
    )
    parser.add_argument("--also", default="", help="READER=FOLDER of recordings to search with the same models")
    parser.add_argument("--settings", type=Path)
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    for name in options.variants.split(","):
        if name not in VARIANTS:
            parser.error(f"unknown variant {name!r}; known are {', '.join(VARIANTS)}")
        if VARIANTS[name].norms and not options.lexicon:
            parser.error(f"the variant {name} needs --lexicon")
        if VARIANTS[name].sentences and options.emobank is None:
            parser.error(f"the variant {name} needs --emobank")
    torch.set_num_threads(1)
    started = time.perf_counter()
    corpus = READERS[options.reader](options.folder)
    bench = Bench(corpus, options)
    record: dict[str, Any] = {
        "command_line": shlex.join(["python", "benchmarks/retrieval.py", *sys.argv[1:]]),
        "corpus": corpus.name,
        "data_sha256": corpus.digest,
        "speakers": len(corpus.speakers),
        "utterances": len(corpus),
    }
    if options.choose:
        record |= {"grid": bench.choose()}
        record["settings"] = {
            loss: max((row for row in record["grid"] if row["loss"] == loss), key=lambda row: row["tau"])
            for loss in LOSSES
        }
        write_json(options.out, run_record("retrieval-settings", **record, seconds=time.perf_counter() - started))
        return 0
    options.out.mkdir(parents=True, exist_ok=True)
    for found in bench.measure():  # what is done is on disk if the rest is never reached
        whole = run_record("retrieval", **record, **found, seconds=time.perf_counter() - started)
        write_json(options.out / "results.json", whole)
        write_text(options.out / "results.md", table(whole))
        bench.picture(options.out / "embedding.svg")
    sys.stdout.write(table(whole))
    return 0


class Bench:
    """A corpus with its features, and what is run on it."""

    def __init__(self, corpus: Corpus, options: argparse.Namespace) -> None:
        self.options, self.corpus = options, corpus
        positions = {}
        if options.norms_as_positions:
            positions = positions_from_norms(read_lexicon(options.lexicon), corpus.classes)
        self.positions = {name: list(place) for name, place in positions.items()}
        # as the family encoder keeps them, so that what lies in AFFEKT_EMBEDDINGS serves here too
        self.listener = build_model("encoder", corpus.classes, seed=0, options={"encoder": options.encoder})
        self.templates: dict[tuple[str, float], EmotionModel] = {}
        self.store = FeatureStore(self.listener, corpus)
        self.store.fill()
        self.places = EmotionRankClap(positions=self.positions).places(corpus)
        self.speakers = np.array(corpus.table["speaker"].to_list())
        self.dev = [name for name in options.dev.split(",") if name]
        chosen = {} if options.settings is None else json.loads(options.settings.read_text())["settings"]
        self.settings = {
            loss: {name: chosen[loss][name] for name in ("learning_rate", "dropout")} if loss in chosen else {}
            for loss in LOSSES
        }
        self.written = None if options.emobank is None else Written(options.emobank)
        self.shown: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def part(self, rows: np.ndarray, store: FeatureStore | None = None) -> Part:
        return Part(store or self.store, rows, self.options.layer)

    def built(self, lexicon: str, dropout: float, seed: int) -> EmotionModel:
        """A model with fresh projections and without the speech encoder, whose features are there already."""
        key = lexicon, dropout
        if key not in self.templates:
            network_options = {
                "encoder": self.options.encoder,
                "settings": {"layer": self.options.layer},
                "lexicon": lexicon,
                "dropout": dropout,
                "embedding": 128,
            }
            model = build_model("audio-text", self.corpus.classes, seed=0, options=network_options)
            inside = network(model)
            inside.text_features(["opens the encoder of texts"])
            inside._texts = Remembered(inside._texts)
            inside.source.encoder = Gone()
            self.templates[key] = model
        model = copy.deepcopy(self.templates[key])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for side in (network(model).audio, network(model).text):
                side.first.reset_parameters()
                side.second.reset_parameters()
        return model

    def folds(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Rows to train on, for early stopping and to test; every speaker who is not in --dev is tested once."""
        tested = [name for name in sorted(set(self.speakers)) if name not in self.dev]
        parts = [tested[number :: self.options.folds] for number in range(self.options.folds)]
        for number, part in enumerate(parts):
            dev = self.dev or parts[(number + 1) % len(parts)][:2]
            sides = [np.isin(self.speakers, names) for names in (dev, part)]
            yield np.flatnonzero(~sides[0] & ~sides[1]), np.flatnonzero(sides[0]), np.flatnonzero(sides[1])

    def trained(
        self,
        train: np.ndarray,
        dev: np.ndarray,
        variant: Variant,
        *,
        seed: int,
        **changes: Any,
    ) -> EmotionModel:
        settings = {"learning_rate": 1e-3, "dropout": 0.3, **self.settings.get(variant.loss, {}), **changes}
        model = self.built(self.options.lexicon if variant.norms else "", settings["dropout"], seed)
        read: dict[str, Any] = {}
        if variant.sentences:  # the share is the default of the method
            read = {"sentences": str(self.options.emobank), "sentence_scale": EMOBANK_SCALE}
        method = EmotionRankClap(
            loss=variant.loss,  # type: ignore[arg-type]
            axes=variant.axes,
            name_share=0.0,
            positions=self.positions,
            **read,
        )
        config = recipe(
            "audio-text",
            epochs=self.options.epochs,
            batch_size=self.options.batch,
            learning_rate=settings["learning_rate"],
            heldout_fraction=0.0,
            method=method,
        )
        stores = self.part(train), self.part(dev)
        fit(model, stores[0].corpus, stores[1].corpus, config=config, seed=seed, stores=stores)
        return model

    def choose(self) -> list[dict[str, Any]]:
        """Tau on the --dev speakers over the grid, trained on all others."""
        dev = np.flatnonzero(np.isin(self.speakers, self.dev))
        train = np.flatnonzero(~np.isin(self.speakers, self.dev))
        rows = []
        for loss in LOSSES:
            for rate in RATES:
                for dropout in DROPOUTS:
                    found = []
                    for seed in range(min(2, self.options.seeds)):
                        changes = {"learning_rate": rate, "dropout": dropout}
                        model = self.trained(train, dev, Variant(loss), seed=seed, **changes)
                        scores = ordinal(model, embed_recordings(model, self.part(dev)), "seen")
                        found.append([kendall_tau(self.places[dev, i], scores[axis]) for i, axis in enumerate(AXES)])
                    rows.append(
                        {"loss": loss, **changes, "tau": float(np.mean(found)), "taus": np.mean(found, 0).tolist()}
                    )
                    sys.stderr.write(f"{rows[-1]}\n")
        return rows

    def measure(self) -> Iterator[dict[str, Any]]:
        """All variants on all folds and seeds, one after the other; each time everything that is known by then."""
        options = self.options
        also = None
        if options.also:
            reader, _, folder = options.also.partition("=")
            other = READERS[reader](folder)
            whole = FeatureStore(self.listener, other)
            whole.fill()
            also = self.part(np.arange(len(other)), whole)
        found: dict[str, dict[str, Any]] = {}
        tested = np.concatenate([test for _, _, test in self.folds()])
        for name in options.variants.split(","):
            found[name] = self.variant(VARIANTS[name], also)
            yield {
                "seeds": list(range(options.seeds)),
                "folds": options.folds,
                "tested_speakers": len(set(self.speakers[tested])),
                "tested_utterances": len(tested),
                "settings": self.settings,
                "epochs": options.epochs,
                "batch_size": options.batch,
                "also": options.also.partition("=")[0],
                "positions": self.positions or "affekt.preference.POSITIONS",
                "sentences": None if self.written is None else self.written.summary,
                "rows": [{key: row[key] for key in row if not key.startswith("_")} for row in found.values()],
                "differences": [
                    self.difference(found[first], found[second])
                    for first, second in PAIRS
                    if first in found and second in found
                ],
            }

    def variant(self, variant: Variant, also: FeatureStore | None) -> dict[str, Any]:
        """One variant over folds and seeds."""
        size = len(self.corpus)
        fold_of = np.full(size, -1)
        scores = {p: {axis: np.full((self.options.seeds, size), np.nan) for axis in AXES} for p in PHRASINGS}
        hits = np.full((self.options.seeds, size), np.nan)
        each: list[dict[str, float]] = []
        elsewhere: list[dict[str, float]] = []
        read: list[dict[str, np.ndarray]] = []
        for seed in range(self.options.seeds):
            for number, (train, dev, test) in enumerate(self.folds()):
                model = self.trained(train, dev, variant, seed=seed)
                audio = embed_recordings(model, self.part(test))
                fold_of[test] = number
                for phrasing in PHRASINGS:
                    for axis, values in ordinal(model, audio, phrasing).items():
                        scores[phrasing][axis][seed, test] = values
                numbers, ranks = self.retrieval(model, audio, test)
                hits[seed, test] = ranks <= 1
                each.append({"fold": number, "seed": seed, **numbers, **self.gap(model, audio, test)})
                if also is not None:
                    elsewhere.append(self.elsewhere(model, also))
                if self.written is not None:
                    read.append(self.written.scores(model))
                if seed == 0 and number == 0 and not variant.norms and variant.axes == AXES:
                    self.shown[variant.name] = (audio, captions_of(model), self.places[test])
            sys.stderr.write(f"{variant.name} seed {seed}: {each[-1]}\n")
        rows = np.flatnonzero(fold_of >= 0)
        taus = {
            phrasing: {
                axis: asdict(self.tau(rows, fold_of, values[:, rows], i).tau)
                for i, (axis, values) in enumerate(scores[phrasing].items())
            }
            for phrasing in PHRASINGS
        }
        keys = [key for key in each[0] if key not in ("fold", "seed")]
        result: dict[str, Any] = {
            "name": variant.name,
            "loss": variant.loss,
            "axes": list(variant.axes),
            "lexicon": variant.norms,
            "sentences": variant.sentences,
            "tau": taus,
            "recall_at_1_audio_to_text": asdict(bootstrap_values(hits[:, rows].mean(0), clusters=self.speakers[rows])),
            "runs": {key: spread([run[key] for run in each]) for key in keys},
            "_runs": each,
            "_scores": scores,
            "_folds": fold_of,
        }
        if elsewhere:
            result["elsewhere"] = {key: spread([run[key] for run in elsewhere]) for key in elsewhere[0]}
        if self.written is not None:
            result["_read"] = {axis: np.stack([run[axis] for run in read]) for axis in AXES}
            result["emobank"] = {
                f"tau_{axis}": asdict(score_ranking(self.written.ratings[axis], values, **self.written.clusters).tau)
                for axis, values in result["_read"].items()
            }
        return result

    def tau(self, rows: np.ndarray, folds: np.ndarray, values: np.ndarray, axis: int) -> Any:
        return score_ranking(self.places[rows, axis], values, within=folds[rows], clusters=self.speakers[rows])

    def difference(self, first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
        """First less second: tau with an interval over speakers, the gaps as means over paired runs."""
        rows = np.flatnonzero(first["_folds"] >= 0)
        found: dict[str, Any] = {"first": first["name"], "second": second["name"]}
        for phrasing, ending in (("seen", ""), ("unseen", "_unseen")):
            for i, axis in enumerate(AXES):
                one, two = (side["_scores"][phrasing][axis][:, rows] for side in (first, second))
                found[f"tau_{axis}{ending}"] = asdict(
                    ranking_difference(
                        self.places[rows, i], one, two, within=first["_folds"][rows], clusters=self.speakers[rows]
                    ).tau
                )
        if self.written is not None:
            for axis, truth in self.written.ratings.items():
                one, two = (side["_read"][axis] for side in (first, second))
                found[f"emobank_tau_{axis}"] = asdict(ranking_difference(truth, one, two, **self.written.clusters).tau)
        for key in ("mmd", "wasserstein", "sliced_wasserstein", "recall_at_1_text_to_audio"):
            apart = np.array([a[key] - b[key] for a, b in zip(first["_runs"], second["_runs"], strict=True)])
            runs = np.array([run["fold"] for run in first["_runs"]])
            found[key] = asdict(bootstrap_values(apart, clusters=runs, cluster_unit="fold"))
            found[key]["positive"] = float((apart > 0).mean())
        return found

    def retrieval(
        self, model: EmotionModel, audio: np.ndarray, test: np.ndarray
    ) -> tuple[dict[str, float], np.ndarray]:
        """Captions of the 25 levels against recordings, both ways; also the rank of each recording's caption."""
        text = captions_of(model)
        own = np.array([LEVELS * level_of(v) + level_of(a) for v, a in self.places[test]])
        there = np.unique(own)
        scores = audio @ text.T  # (N, 25)
        right = own[:, None] == np.arange(LEVELS**2)
        back, answers = scores.T[there], right.T[there]
        found = {
            "recall_at_1_audio_to_text": recall_at_k(scores, right, k=1),
            "recall_at_5_audio_to_text": recall_at_k(scores, right, k=5),
            "median_rank_audio_to_text": median_rank(scores, right),
        }
        for k in (1, 5, 10):
            found[f"recall_at_{k}_text_to_audio"] = recall_at_k(back, answers, k=k)
            found[f"chance_at_{k}_text_to_audio"] = chance_recall_at_k(answers, k=k)
        found["median_rank_text_to_audio"] = median_rank(back, answers)
        places = self.places[test]
        for i, axis in enumerate(AXES):
            similar = audio @ level_embeddings(model, axis, "seen").T
            found[f"prompt_tau_{axis}"] = prompt_tau(similar, LEVEL_PLACES, places[:, i])
        return found, retrieval_ranks(scores, right)

    def gap(self, model: EmotionModel, audio: np.ndarray, test: np.ndarray) -> dict[str, float]:
        """Between the test recordings and one caption of each."""
        texts = [caption(float(self.places[i, 0]), float(self.places[i, 1]), variant=int(i)) for i in test]
        with torch.no_grad():
            text = network(model).embed_text(texts).numpy()
        return {
            "mmd": mmd(audio, text),
            "wasserstein": wasserstein(audio, text),
            "sliced_wasserstein": sliced_wasserstein(audio, text),
            "centroid_distance": centroid_distance(audio, text),
            "audio_spread": float(np.linalg.norm(audio - audio.mean(0), axis=1).mean()),
            "text_spread": float(np.linalg.norm(text - text.mean(0), axis=1).mean()),
        }

    def elsewhere(self, model: EmotionModel, also: FeatureStore) -> dict[str, float]:
        """The same models on a corpus of other speakers in another language; places by the same rule."""
        places = EmotionRankClap(positions=self.positions).places(also.corpus)
        scores = ordinal(model, embed_recordings(model, also), "seen")
        return {f"tau_{axis}": kendall_tau(places[:, i], scores[axis]) for i, axis in enumerate(AXES)}

    def picture(self, file: Path) -> None:
        """The two main axes of the space: recordings of one test fold and the 25 captions, by valence and arousal."""
        import matplotlib

        matplotlib.use("svg")
        import matplotlib.pyplot as plt
        from matplotlib.lines import Line2D

        if not self.shown:
            return
        wide = min(PANELS, len(self.shown))
        rows = len(AXES) * -(-len(self.shown) // PANELS)
        size = (3.3 * wide + 1.1, 3.3 * rows + 0.6)
        figure, axes = plt.subplots(rows, wide, figsize=size, squeeze=False, layout="constrained")
        for panel in axes.flat:
            panel.set_axis_off()
        for number, (name, (audio, text, places)) in enumerate(self.shown.items()):
            both = np.concatenate([audio, text])
            _, values, lines = np.linalg.svd(both - both.mean(0), full_matrices=False)
            flat = (both - both.mean(0)) @ lines[:2].T
            for i in range(2):  # which way an axis of a decomposition points means nothing: to more arousal here
                flat[:, i] *= np.sign(np.corrcoef(flat[: len(audio), i], places[:, 1])[0, 1])
            grid = flat[len(audio) :].reshape(LEVELS, LEVELS, 2)
            some = np.unique(np.linspace(0, len(audio) - 1, DOTS).round().astype(int))
            shares = (100 * values[:2] ** 2 / (values**2).sum()).round().astype(int)
            for i, shown in enumerate(AXES):
                panel = axes[len(AXES) * (number // PANELS) + i, number % PANELS]
                panel.set_axis_on()
                panel.set_facecolor("0.93")
                style: dict[str, Any] = {"cmap": "plasma", "vmin": 0, "vmax": 1}
                panel.scatter(*flat[some].T, c=places[some, i], s=9, lw=0, **style)
                for line in grid if i else grid.swapaxes(0, 1):  # along the axis that is shown, the other is held
                    panel.plot(*line.T, "-", color="black", lw=0.7, alpha=0.7)
                    dots = panel.scatter(
                        *line.T, marker="s", s=24, c=LEVEL_PLACES, edgecolors="black", lw=0.7, zorder=3, **style
                    )
                panel.set_title(f"{name}: {shown}")
                panel.set_xlabel(f"first axis ({shares[0]} % of the variance)")
                panel.set_ylabel(f"second axis ({shares[1]} %)")
                panel.set_xticks([])
                panel.set_yticks([])
        marks = [
            Line2D([], [], marker="o", ms=4, ls="", color="grey", label="recording"),
            Line2D([], [], marker="s", ms=5, lw=0.7, color="black", mfc="none", label="captions, least to most"),
        ]
        figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), frameon=False)
        figure.colorbar(dots, ax=axes.ravel().tolist(), label="valence or arousal, by the rule", shrink=0.5)
        figure.savefig(file, metadata={"Date": None})
        plt.close(figure)


def network(model: EmotionModel) -> AudioTextNetwork:
    assert isinstance(model.network, AudioTextNetwork)
    return model.network


def level_embeddings(model: EmotionModel, axis: str, phrasing: Any) -> np.ndarray:
    """One vector a level: the mean over its phrases, of length 1, (L, E)."""
    found = []
    with torch.no_grad():
        for prompts in axis_prompts(axis, phrasing=phrasing):  # type: ignore[arg-type]
            vector = network(model).embed_text(prompts).mean(0)
            found.append((vector / vector.norm()).numpy())
    return np.stack(found)


def captions_of(model: EmotionModel) -> np.ndarray:
    """One caption for each of the 25 levels, the first variant, (25, E)."""
    texts = [caption(v, a) for v in LEVEL_PLACES for a in LEVEL_PLACES]
    with torch.no_grad():
        return network(model).embed_text(texts).numpy()


def ordinal(model: EmotionModel, vectors: np.ndarray, phrasing: str) -> dict[str, np.ndarray]:
    """Expected level of each axis for embeddings, by prompts of that axis alone."""
    temperature = float(network(model).temperature.detach())
    return {
        axis: ordinal_scores(vectors @ level_embeddings(model, axis, phrasing).T, LEVEL_PLACES, temperature=temperature)
        for axis in AXES
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean, standard deviation, least and most over runs."""
    array = np.asarray(values, dtype=np.float64)
    return {"mean": float(array.mean()), "sd": float(array.std()), "min": float(array.min()), "max": float(array.max())}


def table(record: dict[str, Any]) -> str:
    """The numbers as Markdown."""
    lines = [
        f"# Searching {record['corpus']} with captions",
        "",
        f"`{record['command_line']}`",
        "",
        f"{record['tested_speakers']} test speakers, {record['tested_utterances']} utterances, "
        f"{record['folds']} folds, {len(record['seeds'])} seeds. Tau-b of valence and arousal as the rule gives them, "
        "95 % intervals over speakers; gaps are means over folds and seeds with their standard deviation.",
        "",
        "| loss | tau valence | tau arousal | tau valence, unseen phrases | tau arousal, unseen phrases "
        "| recall@1 audio to text | recall@5 text to audio (chance) | MMD² | W1 | sliced W1 |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]

    def interval(found: dict[str, float]) -> str:
        return f"{found['estimate']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"

    def mean(found: dict[str, float]) -> str:
        return f"{found['mean']:.3f} ± {found['sd']:.3f}"

    for row in record["rows"]:
        runs, tau = row["runs"], row["tau"]
        cells = [interval(tau[p][axis]) for p in ("seen", "unseen") for axis in AXES]
        recall = f"{runs['recall_at_5_text_to_audio']['mean']:.3f} ({runs['chance_at_5_text_to_audio']['mean']:.3f})"
        gaps = [mean(runs[key]) for key in ("mmd", "wasserstein", "sliced_wasserstein")]
        lines.append(
            f"| {row['name']} | {' | '.join(cells)} | {interval(row['recall_at_1_audio_to_text'])} | {recall} "
            f"| {' | '.join(gaps)} |"
        )
    lines += further_table(record, interval, mean)
    keys = ["tau_valence", "tau_arousal", "tau_valence_unseen", "tau_arousal_unseen"]
    keys += ["mmd", "wasserstein", "sliced_wasserstein"]
    headings = ["tau valence", "tau arousal", "tau valence, unseen", "tau arousal, unseen", "MMD²", "W1", "sliced W1"]
    if record["sentences"] is not None:
        keys += [f"emobank_tau_{axis}" for axis in AXES]
        headings += [f"EmoBank tau {axis}" for axis in AXES]
    if record["differences"]:
        lines += ["", f"| first less second | {' | '.join(headings)} |", f"|---|{'---|' * len(headings)}"]
    for row in record["differences"]:
        cells = [interval(row[key]) for key in keys]
        lines.append(f"| {row['first']} less {row['second']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def further_table(record: dict[str, Any], interval: Any, mean: Any) -> list[str]:
    """Sentences that people wrote, and recordings of another corpus."""
    columns: dict[str, Any] = {}
    notes = []
    if record["sentences"] is not None:
        columns |= {f"EmoBank tau {a}": lambda row, a=a: interval(row["emobank"][f"tau_{a}"]) for a in AXES}
        notes.append(
            f"{record['sentences']['tested']} sentences of EmoBank's test part, by the text side alone; intervals over "
            "documents."
        )
    if record["also"]:
        name = record["also"]
        columns |= {f"{name} tau {a}": lambda row, a=a: mean(row["elsewhere"][f"tau_{a}"]) for a in AXES}
        notes.append(f"{name} is ordered by the same models, means over folds and seeds with their standard deviation.")
    if not columns:
        return []
    lines = ["", " ".join(notes), "", f"| loss | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    return lines + [f"| {row['name']} | {' | '.join(c(row) for c in columns.values())} |" for row in record["rows"]]


if __name__ == "__main__":
    raise SystemExit(main())
