"""Text encoders: the built-in one by hand, the pretrained one against a loop."""

import doctest
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import affekt.encoders.text
from affekt.encoders import HashedText, PretrainedText, read_lexicon
from affekt.errors import CheckpointError, ConfigError, DataError

LEXICON = {"good": (8.0, 4.0, 6.0), "bad": (2.0, 6.0, 4.0), "table": (5.0, 2.0, 5.0)}


def test_the_example_gives_what_it_says() -> None:
    assert doctest.testmod(affekt.encoders.text).failed == 0


def test_shape_length_and_determinism() -> None:
    encoder = HashedText(words=64, characters=128)
    found = encoder.encode(["The lamp is on the table.", "", "die Lampe"])
    assert found.shape == (3, encoder.width) == (3, 192)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found[:, :64], axis=1), [1, 0, 1], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found[:, 64:], axis=1), [1, 0, 1], atol=1e-6)
    assert np.array_equal(
        found, HashedText(words=64, characters=128).encode(["The lamp is on the table.", "", "die Lampe"])
    )
    assert encoder.encode([]).shape == (0, 192)


def test_hashes_are_the_same_in_every_process() -> None:
    """A golden value: Python's own hash differs from process to process, this one must not."""
    (found,) = HashedText(words=8, characters=8).encode(["so sad"])
    assert np.flatnonzero(found[:8]).tolist() == GOLDEN[0]
    np.testing.assert_allclose(found[:8][GOLDEN[0]] * 3**0.5, GOLDEN[1], atol=1e-6)


GOLDEN = ([1, 2, 7], [1.0, 1.0, 1.0])


def test_texts_that_share_words_are_closer() -> None:
    first, same, other = HashedText().encode(["what a lovely day", "a lovely day it was", "nobody called him back"])
    assert first @ same > 0.5 > 0.3 > first @ other
    upper, lower = HashedText().encode(["WHAT A Lovely day!", "what a lovely day"])
    assert np.array_equal(upper, lower)


def test_norms_are_those_of_the_known_words() -> None:
    encoder = HashedText(lexicon=LEXICON, words=8, characters=8)
    assert encoder.width == 29
    norms = encoder.encode(["A GOOD table, really", "unknown words"])[:, 16:]
    values = np.array(list(LEXICON.values()))
    known = (values[[0, 2]] - values.mean(0)) / values.std(0)
    expected = [known.mean(0), known.std(0), known.min(0), known.max(0), [0.5]]
    np.testing.assert_allclose(norms[0], np.concatenate(expected), atol=1e-6)
    assert not norms[1].any()


def test_the_scale_of_the_norms_does_not_matter() -> None:
    other = {word: tuple((value - 5) / 4 for value in values) for word, values in LEXICON.items()}
    texts = ["good", "bad table"]
    ours, theirs = (HashedText(lexicon=lexicon).encode(texts) for lexicon in (LEXICON, other))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_lexicon_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Word,extra,Valence,AROUSAL,dominance\nGood,x,8,4,6\nBad,y,2,6,4\n")
    (tmp_path / "b.csv").write_text(",Word,V.Mean.Sum,V.SD.Sum,A.Mean.Sum,D.Mean.Sum\n1,Good,8,1,4,6\n2,bad,2,1,6,4\n")
    expected = {"good": (8.0, 4.0, 6.0), "bad": (2.0, 6.0, 4.0)}
    assert read_lexicon(tmp_path / "a.csv") == read_lexicon(tmp_path / "b.csv") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("word,valence,arousal\na,1,2\n", "has no column dominance"),
        ("word,valence,arousal,dominance\n", "holds no words"),
        ("", "has no column word"),
        ("word,valence,arousal,dominance\na,1,2,3\nb,1,x,3\n", "line 3 of the lexicon .* not a number"),
        ("word,valence,arousal,dominance\na,1,2,nan\n", "line 2 of the lexicon .* not a number"),
        ("word,valence,arousal,dominance\na,1\n", "line 2 of the lexicon .* not a number"),
    ],
)
def test_lexicons_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_lexicon(tmp_path / "a.csv")


def test_lexicons_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_lexicon(tmp_path / "none.csv")
    (tmp_path / "a.csv").write_bytes(b"word,valence,arousal,dominance\n\xff\xfe,1,2,3\n")
    with pytest.raises(DataError, match="not CSV in UTF-8"):
        read_lexicon(tmp_path / "a.csv")


def test_impossible_settings() -> None:
    with pytest.raises(ConfigError, match=r"words is 0; 1 or more places"):
        HashedText(words=0)


@pytest.fixture(scope="module")
def bert(make_text_encoder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = ["so", "sad", "am", "i", "very", "not", "the", "glad", "lamp"]
    return make_text_encoder(tmp_path_factory.mktemp("text") / "bert", words, max_position_embeddings=12)


def test_a_pretrained_encoder_gives_the_mean_over_its_tokens(bert: Path) -> None:
    import torch
    from transformers import BertModel, BertTokenizer

    texts = ["so sad", "i am very very glad not sad", "the lamp", "so " * 40]
    found = PretrainedText(str(bert), batch_size=3).encode(texts)
    assert found.shape == (4, 16)
    model, tokenizer = BertModel.from_pretrained(bert).eval(), BertTokenizer.from_pretrained(bert)
    for text, vector in zip(texts, found, strict=True):
        with torch.no_grad():
            batch = tokenizer(text, return_tensors="pt", truncation=True, max_length=12)
            expected = model(**batch).last_hidden_state[0].mean(0)
        np.testing.assert_allclose(vector, expected.numpy(), atol=1e-5)


def test_a_text_encoder_that_is_none(tmp_path: Path, encoder_folder: Callable[[str], Path]) -> None:
    with pytest.raises(DataError, match="there is no encoder folder"):
        PretrainedText("/no/such/folder")
    with pytest.raises(CheckpointError, match=r"has no config.json"):
        PretrainedText(str(tmp_path))
    with pytest.raises(ConfigError, match=r"is a speech encoder \(whisper\)"):
        PretrainedText(str(encoder_folder("whisper")))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "model.safetensors").write_bytes(b"no")
    with pytest.raises(CheckpointError, match=r"the text encoder .* cannot be loaded"):
        PretrainedText(str(tmp_path))


@pytest.mark.data
def test_the_published_norms_are_read(data_root: Callable[[str], Path]) -> None:
    lexicon = read_lexicon(data_root("text") / "Ratings_Warriner_et_al.csv")
    assert len(lexicon) > 13_900
    assert lexicon["sunshine"][0] > 7 > 3 > lexicon["torture"][0]
