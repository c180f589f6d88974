"""Speaker-disjoint splits. A split that leaks is an error.

Which speaker goes where depends on the seed and the ids alone (a hash orders the speakers), so a split is the same on
every machine and in every version of NumPy. Speakers are matched by their ids as they are written: to use two corpora
in one split, give their speakers different ids.
"""

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from affekt.corpora.corpus import Corpus
from affekt.corpora.table import nearest
from affekt.errors import ProtocolError

__all__ = ["Split", "by_speaker", "leave_one_speaker_out", "official", "speaker_folds"]

_SIDES: Final = ("train", "dev", "test")


@dataclass(frozen=True)
class Split:
    """Three corpora without a common speaker.

    Raises:
        ProtocolError: A speaker or an utterance is on two sides, a speaker is not known, or train or test is empty.
    """

    train: Corpus
    """What models learn from."""
    dev: Corpus
    """What settings are chosen on; may be empty."""
    test: Corpus
    """What the reported numbers come from."""

    def __post_init__(self) -> None:
        for side in _SIDES:
            corpus: Corpus = getattr(self, side)
            if not len(corpus) and side != "dev":
                raise ProtocolError(
                    f"the {side} side of the split is empty; at least one utterance was expected there."
                )
            _require_speakers(corpus)
        for one, other in itertools.combinations(_SIDES, 2):
            left, right = getattr(self, one), getattr(self, other)
            both = sorted(set(left.speakers) & set(right.speakers))
            if both:
                raise ProtocolError(
                    f"{_named('speaker', both)} in {one} and {other}; "
                    "no speaker may be on two sides; use corpora.splits.by_speaker."
                )
            twice = sorted(set(left.table["utterance"]) & set(right.table["utterance"]))
            if twice:
                raise ProtocolError(f"{_named('utterance', twice)} in {one} and {other}; leave each on one side only.")


def by_speaker(
    corpus: Corpus,
    *,
    test_speakers: Sequence[str] | None = None,
    dev_speakers: Sequence[str] | None = None,
    test_fraction: float = 0.2,
    dev_fraction: float = 0.15,
    seed: int = 0,
) -> Split:
    """One split; what is not named is drawn, with the sexes in proportion where they are known.

    Args:
        corpus: Utterances with speakers.
        test_speakers: Speakers of the test side; None draws them.
        dev_speakers: Speakers of the dev side; None draws them from the others; empty leaves the side empty.
        test_fraction: Share of the speakers to draw for test, in (0, 1); at least one is drawn.
        dev_fraction: Share of the speakers to draw for dev, in [0, 1); at least one is drawn unless it is 0.
        seed: Another seed draws other speakers.

    Returns:
        The split.

    Raises:
        ProtocolError: A speaker is missing or unknown or named on both sides, or too few are there.
    """
    sexes = _sexes(corpus)
    _require_fraction("test_fraction", test_fraction, zero=False)
    _require_fraction("dev_fraction", dev_fraction, zero=True)
    known = set(sexes)
    for speaker in (*(test_speakers or ()), *(dev_speakers or ())):
        if speaker not in known:
            raise ProtocolError(f"unknown speaker '{speaker}' among {len(known)}; {nearest(speaker, known)}.")
    fixed_dev = set(dev_speakers or ())
    if test_speakers is not None:
        test = set(test_speakers)
        both = sorted(test & fixed_dev)
        if both:
            raise ProtocolError(f"{_named('speaker', both)} named for test and dev; name each on one side only.")
    else:
        free = sorted(known - fixed_dev)
        test = set(_draw(free, sexes, _count(test_fraction, len(known)), seed=seed, purpose="test"))
    dev = fixed_dev
    if dev_speakers is None and dev_fraction > 0:
        free = sorted(known - test)
        dev = set(_draw(free, sexes, _count(dev_fraction, len(known)), seed=seed, purpose="dev"))
    if not known - test - dev:
        raise ProtocolError(
            f"no speaker is left for train ({len(known)} in all, {len(test)} in test, {len(dev)} in dev); "
            "at least one was expected; use more speakers or smaller fractions."
        )
    return _split(corpus, test=test, dev=dev)


def leave_one_speaker_out(corpus: Corpus, *, dev_fraction: float = 0.15, seed: int = 0) -> Iterator[Split]:
    """One split per speaker, in sorted order: that speaker is test, some of the others are dev.

    Args:
        corpus: Utterances of at least three speakers.
        dev_fraction: Share of the other speakers to draw for dev, in (0, 1); at least one is drawn.
        seed: Another seed draws other dev speakers.

    Returns:
        The splits, made one at a time.

    Raises:
        ProtocolError: A row has no speaker, or there are fewer than three speakers.
    """
    return _rotate(corpus, [[speaker] for speaker in corpus.speakers], dev_fraction=dev_fraction, seed=seed)


def speaker_folds(corpus: Corpus, *, folds: int = 5, dev_fraction: float = 0.15, seed: int = 0) -> Iterator[Split]:
    """Cross-validation: the speakers are dealt into folds, and each fold is test once.

    Args:
        corpus: Utterances of at least three speakers.
        folds: Number of folds, 2 to the number of speakers; folds differ by one speaker at most.
        dev_fraction: Share of the other speakers to draw for dev, in (0, 1); at least one is drawn.
        seed: Another seed deals other folds.

    Returns:
        The splits, made one at a time.

    Raises:
        ProtocolError: A row has no speaker, or there are too few speakers.
    """
    sexes = _sexes(corpus)
    if not 2 <= folds <= len(sexes):
        raise ProtocolError(f"{folds} folds of {len(sexes)} speakers are impossible; use 2 to {len(sexes)} folds.")
    groups = _groups(sorted(sexes), sexes, seed=seed, purpose="folds")
    dealt = [speaker for sex in sorted(groups) for speaker in groups[sex]]
    # dealt in turn, each sex spreads evenly over the folds
    return _rotate(corpus, [dealt[k::folds] for k in range(folds)], dev_fraction=dev_fraction, seed=seed)


def official(corpus: Corpus) -> Split:
    """The split that the corpus itself names in its column ``split``: train, dev or test in every row.

    Args:
        corpus: Utterances with speakers and sides.

    Returns:
        The split; dev may be empty.

    Raises:
        ProtocolError: A side is missing or unknown, or speakers are on two sides.
    """
    sides = corpus.table["split"]
    if sides.null_count() == len(sides):
        raise ProtocolError(
            f"corpus '{corpus.name}' names no split; train, dev or test was expected in the column 'split'; "
            "use corpora.splits.by_speaker."
        )
    for row, side in enumerate(sides.to_list()):
        if side not in _SIDES:
            utterance = corpus.table["utterance"][row]
            raise ProtocolError(
                f"utterance '{utterance}' (row {row + 1}) has the split '{side or ''}'; "
                "train, dev or test was expected; correct it or select the other rows first."
            )
    train, dev, test = (corpus.select(pl.col("split") == side) for side in _SIDES)
    return Split(train=train, dev=dev, test=test)


def _rotate(corpus: Corpus, tests: Sequence[Sequence[str]], *, dev_fraction: float, seed: int) -> Iterator[Split]:
    """Check now, then make one split per group of test speakers as they are asked for."""
    sexes = _sexes(corpus)
    _require_fraction("dev_fraction", dev_fraction, zero=False)
    fewest = len(sexes) - max((len(test) for test in tests), default=0)
    if fewest < 2:
        raise ProtocolError(
            f"{len(sexes)} speakers are too few: test takes {len(sexes) - fewest} and train and dev need one each; "
            "use more speakers or more folds."
        )

    def splits() -> Iterator[Split]:
        for k, test in enumerate(tests):
            rest = sorted(set(sexes) - set(test))
            count = min(_count(dev_fraction, len(rest)), len(rest) - 1)
            yield _split(corpus, test=set(test), dev=set(_draw(rest, sexes, count, seed=seed, purpose=f"dev {k}")))

    return splits()


def _split(corpus: Corpus, *, test: set[str], dev: set[str]) -> Split:
    """The split with these speakers in test and dev and all others in train."""
    in_test = pl.col("speaker").is_in(sorted(test))
    in_dev = pl.col("speaker").is_in(sorted(dev))
    return Split(train=corpus.select(~in_test & ~in_dev), dev=corpus.select(in_dev), test=corpus.select(in_test))


def _draw(speakers: Sequence[str], sexes: dict[str, str], count: int, *, seed: int, purpose: str) -> list[str]:
    """Draw speakers, each sex by its share (largest remainders; the hash breaks ties)."""
    groups = _groups(speakers, sexes, seed=seed, purpose=purpose)
    count = min(count, len(speakers))
    quota = {sex: count * len(group) / len(speakers) for sex, group in groups.items()}
    taken = {sex: int(share) for sex, share in quota.items()}
    order = sorted(quota, key=lambda sex: (taken[sex] - quota[sex], _rank(sex, seed=seed, purpose=purpose)))
    for sex in order[: count - sum(taken.values())]:
        taken[sex] += 1
    return [speaker for sex, group in groups.items() for speaker in group[: taken[sex]]]


def _groups(speakers: Sequence[str], sexes: dict[str, str], *, seed: int, purpose: str) -> dict[str, list[str]]:
    """Speakers by sex, in the order that the seed gives them."""
    groups: dict[str, list[str]] = defaultdict(list)
    for speaker in sorted(speakers, key=lambda speaker: _rank(speaker, seed=seed, purpose=purpose)):
        groups[sexes[speaker]].append(speaker)
    return dict(groups)


def _rank(name: str, *, seed: int, purpose: str) -> bytes:
    return hashlib.sha256(f"{seed}\n{purpose}\n{name}".encode()).digest()


def _count(fraction: float, total: int) -> int:
    """How many speakers a fraction is: the nearest whole number, never none."""
    return max(1, round(fraction * total))


def _sexes(corpus: Corpus) -> dict[str, str]:
    """Sex of each speaker; "" where it is unknown or the rows disagree."""
    _require_speakers(corpus)
    seen = corpus.table.select("speaker", "sex").drop_nulls().unique().rows()
    found: dict[str, set[str]] = defaultdict(set)
    for speaker, sex in seen:
        found[speaker].add(sex)
    return {speaker: next(iter(found[speaker])) if len(found[speaker]) == 1 else "" for speaker in corpus.speakers}


def _require_speakers(corpus: Corpus) -> None:
    missing = corpus.table["speaker"].null_count()
    if missing:
        raise ProtocolError(
            f"{missing} of {len(corpus)} utterances of corpus '{corpus.name}' name no speaker; "
            "a speaker-disjoint split needs one in every row; fill the column 'speaker' of its table."
        )


def _require_fraction(name: str, value: float, *, zero: bool) -> None:
    if not (0 < value < 1 or (zero and value == 0)):
        raise ProtocolError(f"{name} is {value}; a number between 0 and 1 was expected; use 0.2, for example.")


def _named(noun: str, names: Sequence[str]) -> str:
    """``speaker 03 is`` or ``speakers 03, 08 are``, at most eight of them."""
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f"{noun} {shown} is" if len(names) == 1 else f"{noun}s {shown} are"
