"""The built-in corpus: synthetic emotional speech, so that everything runs on a machine without data.

No person speaks in it. espeak-ng says neutral sentences in four languages; rules from the literature on emotional
speech synthesis (:mod:`affekt.corpora.prosody`) turn them into five emotions; invented speakers
(:mod:`affekt.corpora.voices`) have habits of their own. It is for tests, demonstrations and method work. A number
measured on it says nothing about people.
"""

import os
import secrets
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import soundfile

from affekt.corpora.corpus import Corpus
from affekt.corpora.espeak import Espeak
from affekt.corpora.opening import open_corpus
from affekt.corpora.prosody import EMOTIONS, delivery
from affekt.corpora.rendering import SAMPLE_RATE, render
from affekt.corpora.scripted import line, with_contour
from affekt.corpora.sentences import SENTENCES
from affekt.corpora.voices import voice
from affekt.errors import ConfigError, DataError
from affekt.types import PathLike

__all__ = ["LICENCE", "SOURCE", "VERSION", "build", "cache_folder"]

VERSION = 2
"""Counts up whenever a sample of the corpus changes, so that an old cache is never taken for the new corpus."""

SOURCE = (
    "synthetic: no person speaks; spoken by espeak-ng with emotional prosody by rule, made by affekt.corpora.builtin"
)
LICENCE = (
    "synthetic audio made by affekt on this machine, free to use for any purpose; espeak-ng itself is GPL-3 and is not "
    "part of affekt"
)


def build(
    *, seed: int = 0, speakers: int = 24, takes: int = 10, intents: bool = False, cache: PathLike | None = None
) -> Corpus:
    """Make the built-in corpus, or open it where it was made before.

    Every speaker says ``takes`` sentences, each in all five emotions: ``speakers * takes * 5`` utterances, 1,200 by
    default. The same seed gives the same samples on the same machine. Speaker v03 is the same person saying the same
    things in a small and in a large build of one seed.

    Args:
        seed: Another seed makes other people who say things in another way; 0 or more.
        speakers: Number of speakers, 1 to 99. Sexes alternate, languages change every two speakers.
        takes: Sentences a speaker says, 1 to 20.
        intents: Let everybody say English sentences that mean something (:mod:`affekt.corpora.scripted`), another one
            each time, with the intent in the column ``intent`` and in ``ambiguous`` whether the words fit every intent.
        cache: Folder that holds built corpora; see :func:`cache_folder`.

    Returns:
        A corpus with ``synthetic=True``. ``intensity`` is weak, medium or strong and null for neutral; the column
        ``strength`` holds it as a number. arousal, valence and dominance are null: nobody has rated anything.

    Raises:
        MissingExtraError: espeakng-loader is not installed and the corpus is not in the cache.
        ConfigError: a number out of range.
        DataError: the cache holds a damaged copy or cannot be written.
    """
    for name, value, low, high in (
        ("seed", seed, 0, 2**31 - 1),
        ("speakers", speakers, 1, 99),
        ("takes", takes, 1, min(len(texts) for texts in SENTENCES.values())),
    ):
        if not low <= value <= high:
            raise ConfigError(f"{name} is out of range (got {value}); expected {low} to {high}; choose another.")
    name = f"builtin{'-intents' if intents else ''}-v{VERSION}-seed{seed}-{speakers}x{takes}"
    folder = (cache_folder() if cache is None else Path(cache)) / name
    if not folder.exists():
        with Espeak() as espeak:
            _make(espeak, folder, seed=seed, speakers=speakers, takes=takes, intents=intents)
    corpus = open_corpus(folder)
    missing = sum(not corpus.path(row).is_file() for row in range(len(corpus)))
    if missing or len(corpus) != speakers * takes * len(EMOTIONS):
        raise DataError(
            f"the built-in corpus in {folder} is damaged (got {missing} missing recordings in {len(corpus)} rows); "
            f"expected {speakers * takes * len(EMOTIONS)} recordings; delete that folder and build again."
        )
    return corpus


def cache_folder() -> Path:
    """Where built corpora are kept: the environment variable AFFEKT_CACHE, or else ``~/.cache/affekt``."""
    chosen = os.environ.get("AFFEKT_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "affekt"


def _make(espeak: Espeak, folder: Path, *, seed: int, speakers: int, takes: int, intents: bool) -> None:
    """Build under a name of our own, then rename: nobody sees half a corpus, and the first of two builders wins."""
    stage = folder.parent / f".{folder.name}.{os.getpid()}-{secrets.token_hex(4)}"
    try:
        (stage / "audio").mkdir(parents=True)
        rows = _speak(espeak, stage, seed=seed, speakers=speakers, takes=takes, intents=intents)
        corpus = Corpus(
            name=folder.name,
            root=stage,
            table=pl.DataFrame(rows),
            classes=EMOTIONS,
            source=f"{SOURCE} (version {VERSION}, seed {seed})",
            licence=LICENCE,
            synthetic=True,
        )
        corpus.write(stage / "corpus", file_format="csv", copy_audio=True)
        try:
            (stage / "corpus").rename(folder)
        except OSError:
            if not folder.exists():
                raise
    except (OSError, soundfile.SoundFileError) as error:
        raise DataError(
            f"the built-in corpus cannot be written to {folder.parent} (got {error}); expected a folder with room for "
            "100 MB; free it or point AFFEKT_CACHE elsewhere."
        ) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _speak(
    espeak: Espeak, stage: Path, *, seed: int, speakers: int, takes: int, intents: bool
) -> list[dict[str, str | None]]:
    """Write all recordings; return the rows of the table."""
    rows: list[dict[str, str | None]] = []
    for index in range(speakers):
        speaker = voice(index, seed=seed)
        if intents:
            speaker = replace(speaker, language="en")
        for take in range(takes):
            # the same sentence in every emotion: the words must not give the emotion away
            text = SENTENCES[speaker.language][speaker.sentences[take]]
            for number, emotion in enumerate(EMOTIONS):
                how, strength = delivery(speaker, emotion, take, seed=seed)
                spoken, meaning = text, {}
                if intents:
                    said = line(index, emotion, take, seed=seed)
                    how, spoken, text = with_contour(how, said.intent), said.spoken, said.text
                    meaning = {"intent": said.intent, "ambiguous": str(said.ambiguous).lower()}
                samples = render(espeak, speaker, spoken, how, seed=[seed, 4, index, number, take])
                name = f"{speaker.name}-{emotion}-{take + 1:02d}"
                soundfile.write(stage / "audio" / f"{name}.flac", samples, SAMPLE_RATE, subtype="PCM_16")
                rows.append(
                    {
                        "utterance": name,
                        "file": f"audio/{name}.flac",
                        "speaker": speaker.name,
                        "sex": speaker.sex,
                        "language": speaker.language,
                        "text": text,
                        "emotion": emotion,
                        "intensity": _intensity(strength),
                        "strength": f"{strength:.3f}",
                        **meaning,
                    }
                )
    return rows


def _intensity(strength: float) -> str | None:
    if not strength:
        return None
    return "weak" if strength < 0.75 else "medium" if strength < 1.15 else "strong"
