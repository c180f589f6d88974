"""Shortcut baselines: what a classifier scores that never hears how anything is said.

Each baseline sees one cheap property of the utterances of a corpus and is tested on speakers that it never met. A
baseline above chance says that the corpus gives emotions away by that property, and that a model may have learned no
more than that.

Interval and chance: the interval resamples speakers. A baseline is *flagged* when its interval lies above 1 / K. With
few speakers such intervals are too narrow, so a permutation test stands beside it: labels are shuffled within each
speaker and the predictions are scored again (they are not made again, so that the test costs nothing). Seven baselines
are seven chances to be flagged by luck.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from affekt.corpora import Corpus, Sound, listen, sentence_keys
from affekt.errors import ConfigError, DataError
from affekt.metrics import Interval, bootstrap, score_confusion, uar
from affekt.training.linear_probe import deal_speakers
from affekt.types import FloatArray, IntArray

__all__ = ["SHORTCUTS", "Shortcut", "Shortcuts", "shortcuts"]

SHORTCUTS: Final[dict[str, str]] = {
    "text": "words (1, 2) and letters (2 to 4) of the text, or the code of the sentence",
    "duration": "logarithm of the length, and its square",
    "level": "level and peak of the recording in dBFS, and their squares",
    "silence": "seconds before and after the speech (frames more than 30 dB below the loudest)",
    "speaker": "sex, age and language of the speaker",
    "format": "sample rate, channels and encoding of the file",
    "all": "all of these together",
}
"""Name of a baseline and what it sees."""


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    """What one baseline scored."""

    name: str
    """A key of :data:`SHORTCUTS`."""
    uar: Interval | None
    """UAR over all speakers; None where the corpus does not know the property or it is the same everywhere."""
    why_not: str
    """Why there is no score; empty where there is one."""
    above_chance: bool
    """Whether the interval lies above 1 / K."""
    shuffled: float | None
    """Mean UAR with labels shuffled within speakers."""
    shuffled_top: float | None
    """UAR that 5 % of the shuffles exceed."""
    p: float | None
    """Share of shuffles, the true labels counted among them, that score at least as high."""


@dataclass(frozen=True, kw_only=True)
class Shortcuts:
    """All baselines of a corpus."""

    utterances: int
    speakers: int
    classes: tuple[str, ...]
    chance: float
    """1 / (number of classes that occur)."""
    folds: int
    """Speaker folds; as many as speakers where one was left out at a time."""
    baselines: tuple[Shortcut, ...]
    seconds: float

    @property
    def flagged(self) -> tuple[str, ...]:
        """Names of the baselines above chance."""
        return tuple(found.name for found in self.baselines if found.above_chance)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self) | {"flagged": list(self.flagged)}


def shortcuts(
    corpus: Corpus,
    *,
    sounds: Sequence[Sound] | None = None,
    audio: bool = True,
    most_folds: int = 24,
    permutations: int = 1000,
    resamples: int = 1000,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> Shortcuts:
    """Score every shortcut baseline of a corpus on speakers that it was not trained on.

    Each is a multinomial logistic regression (C = 1, classes balanced) on standardised features; nothing is chosen by
    looking at results. One speaker is left out at a time, or the speakers are dealt into ``most_folds`` folds if there
    are more.

    Args:
        corpus: Labelled utterances of at least two speakers.
        sounds: What :func:`affekt.corpora.listen` found, if that was done already.
        audio: Whether to read the recordings; without them only text and speaker can be scored.
        most_folds: Most speaker folds.
        permutations: Shuffles of the labels within speakers.
        resamples: Bootstrap resamples of speakers.
        seed: Deals, shuffles and resamples.
        progress: Called after each baseline, and while recordings are read.

    Returns:
        The scores; the same for the same corpus and seed.

    Raises:
        DataError: A label or a speaker is missing, or there are fewer than two speakers or classes.
        ConfigError: A number is out of range.
    """
    started = time.perf_counter()
    if permutations < 1 or most_folds < 2:
        raise ConfigError(
            f"permutations is {permutations} and most_folds {most_folds}; at least 1 and 2 were expected; change them."
        )
    labels = corpus.labels()
    speakers = corpus.table["speaker"].to_list()
    if None in speakers or len(set(speakers)) < 2:
        raise DataError(
            f"corpus '{corpus.name}' names {len(corpus.speakers)} speakers, and none in {speakers.count(None)} rows; "
            "at least two, and one in every row, were expected; shortcut baselines are tested on other speakers."
        )
    present = len(np.unique(labels))
    if present < 2:
        raise DataError(
            f"corpus '{corpus.name}' has {present} class; at least two were expected; there is nothing to tell apart."
        )
    if sounds is None and audio:
        told = None if progress is None else lambda done, total: progress("listening", done, total)
        sounds = listen(corpus, progress=told)
    count = len(set(speakers))
    folds = deal_speakers(speakers, folds=None if count <= most_folds else most_folds, seed=seed)
    names = np.asarray(speakers)
    sides = [np.isin(names, test) for test in folds]
    seen = _features(corpus, sounds)
    found: list[Shortcut] = []
    for number, name in enumerate(SHORTCUTS, 1):
        parts = [part for part in seen.values() if not isinstance(part, str)] if name == "all" else [seen[name]]
        why_not = parts[0] if parts and isinstance(parts[0], str) else "" if parts else "nothing is known"
        if why_not:
            found.append(_unknown(name, str(why_not)))
        else:
            prediction = np.zeros(len(labels), np.int64)
            for tested in sides:
                prediction[tested] = _predicted(parts, labels, tested)
            found.append(
                _scored(name, labels, prediction, names, permutations=permutations, resamples=resamples, seed=seed)
            )
        if progress is not None:
            progress("baselines", number, len(SHORTCUTS))
    return Shortcuts(
        utterances=len(corpus),
        speakers=count,
        classes=corpus.classes,
        chance=1.0 / present,
        folds=len(folds),
        baselines=tuple(found),
        seconds=time.perf_counter() - started,
    )


def _features(corpus: Corpus, sounds: Sequence[Sound] | None) -> dict[str, Any]:
    """What each baseline sees: texts, a table of numbers, a list of categories, or a reason why there is nothing."""
    table = corpus.table
    sentences = sentence_keys(corpus)
    seen: dict[str, Any] = {}
    if len(set(sentences)) < 2:
        seen["text"] = "no text is known" if sentences[0] is None else "every utterance says the same"
    else:
        seen["text"] = [sentence or "" for sentence in sentences]
    for name in ("duration", "level", "silence"):
        seen[name] = "the recordings were not read"
    if sounds is not None:
        length = np.log([[sound.seconds] for sound in sounds])
        seen["duration"] = np.hstack([length, length**2])
        level = np.array([[sound.level_db, sound.peak_db] for sound in sounds]) / 20.0
        seen["level"] = np.hstack([level, level**2])
        seen["silence"] = np.array([[sound.leading, sound.trailing] for sound in sounds])
        for name in ("duration", "level", "silence"):
            if not np.ptp(seen[name], axis=0).any():
                seen[name] = "it is the same everywhere"
    people = list(zip(*(table[name].to_list() for name in ("sex", "age", "language")), strict=True))
    seen["speaker"] = [[f"{value}" for value in person] for person in people]
    if len(set(people)) < 2:
        known = any(value is not None for value in people[0])
        seen["speaker"] = "it is the same everywhere" if known else "sex, age and language are not known"
    seen["format"] = "the recordings were not read"
    if sounds is not None:
        formats = [[str(sound.sample_rate), str(sound.channels), sound.encoding] for sound in sounds]
        seen["format"] = formats if len(set(map(tuple, formats))) > 1 else "it is the same everywhere"
    return {name: seen[name] for name in SHORTCUTS if name != "all"}


def _predicted(parts: Sequence[Any], labels: IntArray, tested: npt.NDArray[np.bool_]) -> IntArray:
    """Predictions for the tested rows by a regression on the others; everything is fitted on the others alone."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    train, test = np.flatnonzero(~tested), np.flatnonzero(tested)
    one: list[Any] = []
    two: list[Any] = []
    for part in parts:
        if isinstance(part, np.ndarray):
            steps = [StandardScaler()]
            left, right = list(part[train]), list(part[test])
        elif isinstance(part[0], str):
            steps = [
                TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+"),
                TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)),
            ]
            left, right = [part[row] for row in train], [part[row] for row in test]
            if not any(left):
                continue
        else:
            steps = [OneHotEncoder(handle_unknown="ignore")]
            left, right = [part[row] for row in train], [part[row] for row in test]
        for step in steps:
            one.append(csr_matrix(step.fit_transform(left)))
            two.append(csr_matrix(step.transform(right)))
    if len(np.unique(labels[train])) < 2 or not one:
        return np.full(test.size, labels[train][0])
    model = LogisticRegression(C=1.0, class_weight="balanced", max_iter=2000)
    model.fit(_compact(hstack(one)), labels[train])
    return np.asarray(model.predict(_compact(hstack(two))), np.int64)


def _compact(table: Any) -> Any:
    """Dense where there are few columns: much faster."""
    return table.toarray() if table.shape[1] <= 64 else table.tocsr()


def _scored(
    name: str,
    labels: IntArray,
    prediction: IntArray,
    speakers: npt.NDArray[Any],
    *,
    permutations: int,
    resamples: int,
    seed: int,
) -> Shortcut:
    """UAR with its interval, and where it lies among the scores of shuffled labels."""
    interval = bootstrap("uar", labels, prediction, clusters=speakers, resamples=resamples, seed=seed)
    chance = 1.0 / len(np.unique(labels))
    shuffled = _shuffled(labels, prediction, speakers, permutations=permutations, seed=seed)
    reached = int((shuffled >= uar(labels, prediction) - 1e-12).sum())
    return Shortcut(
        name=name,
        uar=interval,
        why_not="",
        above_chance=interval.low > chance,
        shuffled=float(shuffled.mean()),
        shuffled_top=float(np.quantile(shuffled, 0.95)),
        p=(1 + reached) / (1 + permutations),
    )


def _shuffled(
    labels: IntArray, prediction: IntArray, speakers: npt.NDArray[Any], *, permutations: int, seed: int
) -> FloatArray:
    """UAR of the predictions against labels shuffled within speakers, shape (permutations,)."""
    random = np.random.default_rng(seed)
    size = int(max(labels.max(), prediction.max())) + 1
    order = np.argsort(speakers, kind="stable")
    inside = np.unique(speakers[order], return_inverse=True)[1].astype(np.float64)
    truth, guess = labels[order], prediction[order]
    counts = np.empty((permutations, size, size))
    for number in range(permutations):
        # sorting by speaker and a random number below 1 shuffles each speaker's rows among themselves
        drawn = truth[np.argsort(inside + random.random(len(truth)), kind="stable")]
        counts[number] = np.bincount(drawn * size + guess, minlength=size * size).reshape(size, size)
    return np.asarray(score_confusion("uar", counts))


def _unknown(name: str, why_not: str) -> Shortcut:
    return Shortcut(name=name, uar=None, why_not=why_not, above_chance=False, shuffled=None, shuffled_top=None, p=None)
