import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import numpy as np
import pytest
import soundfile

from affekt.corpora import by_speaker, open_corpus
from affekt.corpora.builtin import VERSION, build, cache_folder
from affekt.corpora.prosody import EMOTIONS, delivery
from affekt.corpora.voices import voice
from affekt.errors import ConfigError, DataError, MissingExtraError

speaking = pytest.mark.skipif(
    subprocess.run([sys.executable, "-c", "import espeakng_loader"], capture_output=True).returncode != 0,
    reason="needs the extra 'voices'",
)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return build(speakers=4, takes=2, cache=tmp_path_factory.mktemp("cache"))


def sound(corpus):
    """Digest of every recording, by utterance."""
    return {
        corpus.table["utterance"][row]: hashlib.sha256(soundfile.read(corpus.path(row), dtype="int16")[0]).hexdigest()
        for row in range(len(corpus))
    }


@speaking
def test_table(small):
    assert len(small) == 4 * 2 * 5
    assert small.speakers == ("v01", "v02", "v03", "v04")
    assert small.classes == EMOTIONS
    assert set(Counter(zip(small.table["speaker"], small.emotions, strict=True)).values()) == {2}
    assert set(small.table["sex"]) == {"female", "male"}
    assert set(small.table["language"]) == {"en", "de"}
    assert set(small.table["intensity"]) <= {None, "weak", "medium", "strong"}
    neutral = small.select(small.table["emotion"] == "neutral").table
    assert neutral["intensity"].null_count() == 8
    for measure in ("arousal", "valence", "dominance", "age"):
        assert small.table[measure].null_count() == len(small)


@speaking
def test_words_do_not_give_the_emotion_away(small):
    for speaker in small.speakers:
        table = small.with_speakers(speaker).table
        said = {emotion: sorted(table.filter(table["emotion"] == emotion)["text"]) for emotion in EMOTIONS}
        assert len(set(map(tuple, said.values()))) == 1


@speaking
def test_it_says_that_it_is_synthetic(small):
    assert small.synthetic
    assert "synthetic" in small.source
    assert "synthetic" in small.licence
    assert "synthetic = true" in (small.root / "corpus.toml").read_text()


@speaking
def test_recordings(small):
    levels = {emotion: [] for emotion in EMOTIONS}
    for row, emotion in enumerate(small.emotions):
        header = soundfile.info(small.path(row))
        assert (header.samplerate, header.channels, header.subtype) == (16000, 1, "PCM_16")
        samples = small.load(row)
        assert np.isfinite(samples).all()
        assert 0.02 < np.abs(samples).max() < 0.96
        assert 0.8 < samples.size / 16000 < 4
        levels[emotion].append(10 * np.log10(np.mean(samples.astype(np.float64) ** 2)))
    assert np.mean(levels["anger"]) > np.mean(levels["neutral"]) + 2
    assert np.mean(levels["sadness"]) < np.mean(levels["neutral"]) - 2


@speaking
def test_another_process_another_order_another_size_same_samples(small, tmp_path):
    code = (
        "import sys; from affekt.corpora.espeak import Espeak, Utterance; from affekt.corpora.builtin import build\n"
        "with Espeak() as espeak: espeak.speak(Utterance(text='Una frase cualquiera.', voice='es+f4', seed=9))\n"
        "build(speakers=2, takes=1, cache=sys.argv[1])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    (folder,) = tmp_path.iterdir()
    other = sound(open_corpus(folder))
    assert len(other) == 10
    assert other == {utterance: digest for utterance, digest in sound(small).items() if utterance in other}


@speaking
def test_another_seed_sounds_different(small, tmp_path):
    other = sound(build(seed=1, speakers=1, takes=1, cache=tmp_path))
    here = sound(small)
    assert not set(other.values()) & set(here.values())


@speaking
def test_the_second_time_it_is_opened_not_built(small, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)  # nobody can speak any more
    again = build(speakers=4, takes=2, cache=small.root.parent)
    assert again.digest == small.digest
    assert again.synthetic


@speaking
def test_two_builders_at_once(tmp_path):
    with ThreadPoolExecutor(3) as pool:
        corpora = list(pool.map(lambda _: build(speakers=1, takes=1, cache=tmp_path), range(3)))
    assert len({corpus.digest for corpus in corpora}) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == [f"builtin-v{VERSION}-seed0-1x1"]


@speaking
def test_a_killed_build_leaves_no_corpus_behind(tmp_path):
    code = "import sys; from affekt.corpora.builtin import build; build(takes=20, cache=sys.argv[1])"
    builder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".*/audio/*.flac")) and time.monotonic() < deadline:
        time.sleep(0.02)
    builder.kill()
    builder.wait()
    assert list(tmp_path.glob(".*/audio/*.flac"))
    assert not list(tmp_path.glob("builtin*"))


@speaking
def test_a_damaged_copy_is_refused(tmp_path):
    corpus = build(speakers=1, takes=1, cache=tmp_path)
    corpus.path(2).unlink()
    with pytest.raises(DataError, match=r"damaged \(got 1 missing recordings in 5 rows\)"):
        build(speakers=1, takes=1, cache=tmp_path)


@speaking
def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match="cannot be written"):
        build(speakers=1, takes=1, cache=tmp_path / "file")


@speaking
def test_splits_share_no_speaker(small):
    split = by_speaker(small, test_speakers=["v04"], dev_speakers=["v03"])
    assert split.train.speakers == ("v01", "v02")
    assert split.train.synthetic


def test_the_environment_chooses_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("AFFEKT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path


def test_the_cache_is_in_the_home_folder_without_a_setting(monkeypatch):
    monkeypatch.delenv("AFFEKT_CACHE", raising=False)
    assert cache_folder().parts[-2:] == (".cache", "affekt")


def test_missing_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'affekt\[voices\]'"):
        build(cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"speakers": 0}, {"speakers": 100}, {"takes": 0}, {"takes": 21}])
def test_numbers_out_of_range(wrong, tmp_path):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} is out of range"):
        build(cache=tmp_path, **wrong)


def test_importing_does_not_load_espeak():
    code = "import sys, affekt.corpora.builtin; sys.exit('espeakng_loader' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ.copy()).returncode == 0


def test_whoever_changes_the_rules_counts_the_version_up():
    plan = [
        [asdict(voice(index)), [delivery(voice(index), emotion, take) for emotion in EMOTIONS for take in range(2)]]
        for index in range(3)
    ]
    text = json.dumps(_rounded(json.loads(json.dumps(plan, default=asdict))), sort_keys=True)
    assert (VERSION, hashlib.sha256(text.encode()).hexdigest()[:12]) == (2, "318417a0c40d")


def _rounded(value):
    """Four decimals: other machines may differ in the last bits."""
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return {name: _rounded(one) for name, one in value.items()} if isinstance(value, dict) else value


@speaking
@pytest.mark.slow
def test_it_is_neither_too_easy_nor_too_hard(tmp_path, monkeypatch):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import recall_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    monkeypatch.setenv("AFFEKT_CACHE", str(tmp_path))
    corpus = open_corpus("builtin")
    assert len(corpus) == 1200
    assert len(corpus.speakers) == 24
    features = np.array([_summary(corpus.load(row)) for row in range(len(corpus))])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.03, max_iter=500))
    speakers = corpus.table["speaker"].to_list()
    guesses = cross_val_predict(model, features, corpus.labels(), groups=speakers, cv=GroupKFold(4))
    uar = recall_score(corpus.labels(), guesses, average="macro")
    assert 0.5 < uar < 0.75  # means and deviations of a spectrum; a network is expected to do better


def _summary(samples):
    """Mean and deviation over time of 40 log energies, spaced evenly in octaves."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 400)[::160] * np.hanning(400)
    power = np.abs(np.fft.rfft(frames, 1024)) ** 2
    edges = np.unique(np.geomspace(4, 513, 41).astype(int))
    energy = np.log(np.add.reduceat(power, edges[:-1], axis=1) + 1e-8)
    return np.concatenate([energy.mean(axis=0), energy.std(axis=0), np.diff(energy, axis=0).std(axis=0)])


@speaking
def test_intents_are_an_option_of_their_own(small, tmp_path):
    found = build(speakers=2, takes=5, intents=True, cache=tmp_path)
    assert found.synthetic
    assert found.name.startswith("builtin-intents-")
    assert set(found.table["language"]) == {"en"}
    assert Counter(found.table["intent"]) == dict.fromkeys(
        ("agreement", "question", "refusal", "request", "statement"), 10
    )
    assert set(found.table["ambiguous"]) == {"true", "false"}
    assert set(zip(found.emotions, found.table["intent"], strict=True)) == {
        (emotion, intent) for emotion in EMOTIONS for intent in found.table["intent"]
    }
    assert "ambiguous" not in small.table.columns
    assert small.table["intent"].null_count() == len(small)
    voices = {row["utterance"]: row for row in found.table.to_dicts()}
    assert voices["v01-anger-01"]["strength"] == small.table.filter(utterance="v01-anger-01")["strength"][0]
