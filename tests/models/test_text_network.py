"""The family that reads: what it takes in, what it refuses, and that it can be saved."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from affekt.audio.batching import pad_batch
from affekt.corpora import Corpus, as_text
from affekt.corpora.text_corpus import samples_of
from affekt.encoders import HashedText, read_lexicon
from affekt.errors import CheckpointError, ConfigError, DataError
from affekt.models import EmotionModel, ModelConfig, TextOptions
from affekt.training import FeatureStore

TEXTS = ["What a lovely day!", "", "I am so sad."]
SMALL = {"words": 32, "characters": 32, "hidden": 8}


def model(**options: object) -> EmotionModel:
    config = ModelConfig(
        family="text", classes=("joy", "sadness"), options={**SMALL, **options}, intents=("ask", "tell")
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return EmotionModel(config).eval()


def lexicon(folder: Path, *, good: float = 8.0) -> str:
    file = folder / "norms.csv"
    file.write_text(f"word,valence,arousal,dominance\nlovely,{good},4,5\nsad,2,3,4\n", encoding="utf-8")
    return str(file)


def test_it_reads_what_hashed_text_reads(tmp_path: Path) -> None:
    path = lexicon(tmp_path)
    found = model(lexicon=path)
    features, lengths = found.front_end(*pad_batch([samples_of(text) for text in TEXTS]))
    expected = HashedText(lexicon=read_lexicon(path), words=32, characters=32).encode(TEXTS)
    np.testing.assert_array_equal(features.squeeze(1).numpy(), expected)
    assert lengths.tolist() == [1, 1, 1]


def test_a_text_says_the_same_in_every_batch() -> None:
    found = model()
    clips = [samples_of(text) for text in TEXTS]
    together = found.heads(*found.front_end(*pad_batch(clips)))
    for row, clip in enumerate(clips):
        alone = found.heads(*found.front_end(*pad_batch([clip])))
        torch.testing.assert_close(together.logits[row], alone.logits[0])
        torch.testing.assert_close(together.intents[row], alone.intents[0])
    assert together.intents.shape == (3, 2)


def test_it_refuses_a_recording() -> None:
    with pytest.raises(DataError, match="a recording was given to what reads texts"):
        model()(torch.rand(1, 16000), torch.tensor([16000]))


def test_it_is_saved_and_loaded(tmp_path: Path) -> None:
    found = model(lexicon=lexicon(tmp_path))
    batch = pad_batch([samples_of(text) for text in TEXTS])
    loaded = EmotionModel.from_pretrained(found.save_pretrained(tmp_path / "model"))
    torch.testing.assert_close(loaded(*batch), found(*batch), rtol=0, atol=0)


def test_another_lexicon_is_refused(tmp_path: Path) -> None:
    path = lexicon(tmp_path)
    with pytest.raises(CheckpointError, match="is not the one this model was built with"):
        model(lexicon=path, lexicon_sha256="0" * 64)
    saved = model(lexicon=path).save_pretrained(tmp_path / "model")
    lexicon(tmp_path, good=7.0)
    with pytest.raises(CheckpointError, match="is not the one this model was built with"):
        EmotionModel.from_pretrained(saved)


def test_a_store_of_a_text_corpus_gives_the_numbers_of_its_texts() -> None:
    rows = {"file": ["a.wav", "b.wav"], "text": [TEXTS[0], TEXTS[2]], "emotion": ["joy", "sadness"]}
    store = FeatureStore(model(), as_text(Corpus(name="two", root=Path(), table=pl.DataFrame(rows))))
    store.fill()
    np.testing.assert_array_equal(store[1][0].numpy(), HashedText(words=32, characters=32).encode([TEXTS[2]])[0])


@pytest.mark.parametrize(("name", "value"), [("words", 0), ("characters", -1), ("hidden", -1), ("dropout", 1.0)])
def test_options_out_of_range(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{name} is {value}"):
        TextOptions(**{name: value})  # type: ignore[arg-type]
