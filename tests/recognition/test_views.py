"""Views: which there are, that they can be repeated, and what is taken out of log-mel frames."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from affekt.audio.augmentation import WaveformAugmentation
from affekt.corpora import Corpus, Split, as_text
from affekt.encoders.text_augmentation import TextAugmentation
from affekt.errors import ConfigError, DataError
from affekt.recognition.views import STRONG, WEAK, SpecAugment, ViewConfig, ViewStore
from affekt.training import FeatureStore, build_model


@pytest.fixture(scope="module")
def tones(tone_split: Split) -> FeatureStore:
    model = build_model("logmel-cnn", tone_split.train.classes, seed=0)
    return FeatureStore(model, tone_split.train.select(range(6)))


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(st.integers(0, 100), st.integers(1, 60), st.integers(1, 30))
def test_spec_augment_blanks_bands_and_stretches(seed: int, frames: int, bands: int) -> None:
    config = SpecAugment(bands=5, frames=8, count=1)
    whole = torch.ones(frames, bands)
    found = config.apply(whole, generator(seed))
    blank = found == 0
    rows, columns = blank.all(1), blank.all(0)
    if not (rows.all() or columns.all()):
        assert torch.equal(blank, rows[:, None] | columns[None, :])
    assert int(rows.sum()) <= 8 or bool(columns.all())
    assert bool((whole == 1).all())
    assert torch.equal(found, config.apply(whole, generator(seed)))


def test_gain_moves_the_level() -> None:
    found = SpecAugment(bands=0, frames=0, gain=0.5).apply(torch.zeros(4, 4), generator())
    assert 0 < abs(float(found[0, 0])) <= 0.5
    assert torch.equal(found, found[0, 0].expand(4, 4))


def test_rows_of_views_are_those_of_their_recording(tones: FeatureStore) -> None:
    store = ViewStore(tones, ViewConfig(count=2))
    size = len(store)
    assert size == 6
    for role in (0, WEAK, STRONG):
        assert store.length(role * size + 3) == tones.length(3)
        assert torch.equal(store[role * size + 3], tones[3])


def test_weak_views_are_most_of_a_clip(tones: FeatureStore) -> None:
    store = ViewStore(tones, ViewConfig(count=1, crop=0.8))
    whole = tones[2]
    for seed in range(5):
        found = store.draw(WEAK * 6 + 2, generator(seed))
        assert 0.75 * len(whole) <= len(found) <= len(whole)
        assert any(
            torch.equal(whole[start : start + len(found)], found) for start in range(len(whole) - len(found) + 1)
        )


def test_strong_views_are_few_and_the_same_again(tones: FeatureStore) -> None:
    plain = SpecAugment(bands=0, frames=0)
    store = ViewStore(tones, ViewConfig(count=2, masks=plain))
    drawn = [store.draw(STRONG * 6 + 1, generator(seed)) for seed in range(12)]
    kinds = {tuple(item.flatten()[:50].tolist()) for item in drawn}
    assert len(kinds) == 2
    again = ViewStore(FeatureStore(tones.model, tones.corpus), ViewConfig(count=2, masks=plain))
    assert torch.equal(again.draw(STRONG * 6 + 1, generator(3)), drawn[3])
    other = ViewStore(FeatureStore(tones.model, tones.corpus), ViewConfig(count=2, masks=plain, seed=5))
    assert not torch.equal(other.draw(STRONG * 6 + 1, generator(3)), drawn[3])


def test_views_are_made_once_for_a_store(tones: FeatureStore) -> None:
    first, second = (ViewStore(tones, ViewConfig(count=2)) for _ in range(2))
    assert first._views is second._views
    assert ViewStore(tones, ViewConfig(count=3))._views is not first._views


def test_noise_of_a_folder_is_used(tones: FeatureStore, tmp_path: Path) -> None:
    times = np.arange(16000) / 16000
    (tmp_path / "deep").mkdir()
    soundfile.write(tmp_path / "deep" / "hum.wav", 0.1 * np.sin(2 * np.pi * 3000 * times), 16000)
    sound = WaveformAugmentation(picks=1, ways=("noise",), snr_db=(0.0, 0.0))
    views = {}
    for noise in (str(tmp_path), ""):
        config = ViewConfig(count=1, sound=sound, noise=noise, masks=SpecAugment(bands=0, frames=0))
        views[noise] = ViewStore(tones, config).draw(STRONG * 6, generator())
    hum = (views[str(tmp_path)] - tones[0]).mean(0)
    assert hum.argmax() > 40  # of 64 bands
    assert not torch.equal(views[str(tmp_path)], views[""])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no recording of noise"):
        ViewStore(tones, ViewConfig(noise=str(tmp_path / "empty")))


def test_texts_lose_words_or_get_others(tmp_path: Path) -> None:
    rows = {"file": ["a", "b"], "text": ["one two three four five six", "seven eight nine ten"], "emotion": ["x", "y"]}
    corpus = as_text(Corpus(name="two", root=Path(), table=pl.DataFrame(rows)))
    model = build_model("text", corpus.classes, seed=0, options={"words": 64, "characters": 64})
    store = FeatureStore(model, corpus)
    found = ViewStore(store, ViewConfig(count=1)).draw(STRONG * 2, generator())
    assert found.shape == store[0].shape
    assert not torch.equal(found, store[0])
    lexicon = tmp_path / "norms.csv"
    lexicon.write_text("word,valence,arousal,dominance\none,1,1,1\nuno,1,1,1\ntwo,9,9,9\n", encoding="utf-8")
    config = ViewConfig(count=1, lexicon=str(lexicon), text=TextAugmentation(picks=3, deletion=0, swap=0, synonym=0.99))
    replaced = ViewStore(store, config).draw(STRONG * 2, generator())
    assert not torch.equal(replaced, found)
    assert torch.equal(ViewStore(store, config).draw(WEAK * 2, generator()), store[0])


def test_settings_from_a_file_are_tables() -> None:
    config = ViewConfig(sound={"picks": 1}, masks={"count": 0}, text={"swap": 0.5})  # type: ignore[arg-type]
    assert (config.sound.picks, config.masks.count, config.text.swap) == (1, 0, 0.5)
    with pytest.raises(ConfigError, match="count is 0 and crop"):
        ViewConfig(count=0)
    with pytest.raises(ConfigError, match="bands is -1"):
        SpecAugment(bands=-1)
