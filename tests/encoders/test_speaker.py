"""The built-in speaker embedding: deterministic, blind to gain, and better than chance at telling voices apart."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.corpora import Corpus
from affekt.encoders import SpeakerStatistics, similarity
from affekt.errors import ConfigError, MissingExtraError, ShapeError
from affekt.types import Waveform


def test_shape_length_and_determinism(make_tone: Callable[..., Waveform]) -> None:
    clip = make_tone("joy", hz=120.0, seconds=0.5, seed=1)
    encoder = SpeakerStatistics(coefficients=12)
    vector = encoder.embed(clip)
    assert vector.shape == (encoder.width,) == (36,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)
    assert np.array_equal(vector, SpeakerStatistics(coefficients=12).embed(clip))


@settings(max_examples=15, deadline=None)
@given(gain=st.floats(0.05, 4.0))
def test_gain_changes_nothing(make_tone: Callable[..., Waveform], gain: float) -> None:
    clip = make_tone("anger", hz=120.0, seconds=0.5, seed=1)
    encoder = SpeakerStatistics()
    np.testing.assert_allclose(encoder.embed(np.float32(gain) * clip), encoder.embed(clip), atol=1e-4)


def auc(same: np.ndarray, other: np.ndarray) -> float:
    """P(a pair of one voice is more similar than a pair of two)."""
    return float((same[:, None] > other[None, :]).mean() + 0.5 * (same[:, None] == other[None, :]).mean())


def separation(corpus: Corpus) -> float:
    encoder = SpeakerStatistics()
    vectors = np.stack([encoder.embed(corpus.load(row, sample_rate=16000)) for row in range(len(corpus))])
    likeness = similarity(vectors, vectors)
    speakers = np.array(corpus.table["speaker"].to_list())
    pairs = np.triu_indices(len(speakers), 1)
    one = (speakers[:, None] == speakers[None, :])[pairs]
    return auc(likeness[pairs][one], likeness[pairs][~one])


def test_the_built_in_voices_are_told_apart() -> None:
    from affekt.corpora import builtin

    try:
        corpus = builtin.build(speakers=6, takes=2)
    except MissingExtraError:
        pytest.skip("espeakng-loader is not installed")
    assert separation(corpus) > 0.6


def test_similarity_is_a_cosine() -> None:
    a, b = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[2.0, 0.0], [0.0, -3.0], [0.0, 0.0]])
    np.testing.assert_allclose(similarity(a, b), [[1, 0, 0], [0.5**0.5, -(0.5**0.5), 0]], atol=1e-12)
    assert similarity(a[0], b[0]).shape == (1, 1)


def test_what_cannot_be_embedded() -> None:
    with pytest.raises(ShapeError, match=r"\(T,\) with T >= 1600 \(got \(1599,\)\)"):
        SpeakerStatistics().embed(np.zeros(1599, np.float32))
    with pytest.raises(ShapeError, match=r"got \(2, 1600\)"):
        SpeakerStatistics().embed(np.zeros((2, 1600), np.float32))
    with pytest.raises(ConfigError, match="coefficients is 1; 2 to 39"):
        SpeakerStatistics(coefficients=1)
