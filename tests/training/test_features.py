"""Features are read once, batches hold every row once, scores do not depend on the batches."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from affekt.corpora import Corpus
from affekt.encoders import EmbeddingCache
from affekt.models import EmotionModel
from affekt.training import FeatureStore, build_model, length_batches, pad_features, predict_rows

LENGTHS = st.lists(st.integers(1, 500), max_size=70)


@given(LENGTHS, st.integers(1, 20), st.none() | st.integers(0, 99))
def test_batches_hold_every_position_once(lengths: list[int], size: int, seed: int | None) -> None:
    generator = None if seed is None else np.random.default_rng(seed)
    batches = list(length_batches(lengths, batch_size=size, generator=generator))
    assert sorted(int(i) for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= size for batch in batches)
    assert len(batches) == -(-len(lengths) // size)
    if seed is None:
        order = [lengths[int(i)] for batch in batches for i in batch]
        assert order == sorted(lengths, reverse=True)
    else:
        again = list(length_batches(lengths, batch_size=size, generator=np.random.default_rng(seed)))
        assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


def test_random_batches_are_of_similar_length_and_differ() -> None:
    lengths = np.random.default_rng(0).integers(50, 500, 200).tolist()
    generator = np.random.default_rng(1)
    first, second = (list(length_batches(lengths, batch_size=10, generator=generator)) for _ in range(2))
    assert {tuple(b) for b in first} != {tuple(b) for b in second}
    # multiplying by 0.9 to 1.1 can bring together lengths at most 1.1 / 0.9 apart, besides what a batch spans anyway
    spans = [max(lengths[i] for i in b) / min(lengths[i] for i in b) for b in first]
    assert np.median(spans) < 1.4


def test_pad_features_by_hand() -> None:
    items = [torch.ones(2, 3), 2 * torch.ones(4, 3)]
    batch, lengths = pad_features(items)
    assert lengths.tolist() == [2, 4]
    assert batch.shape == (2, 4, 3)
    assert batch[0, 2:].abs().sum() == 0
    assert torch.equal(batch[1], items[1])


@pytest.mark.parametrize("gib", [0.0, 12_000 / 2**30, 1.0])
def test_a_store_gives_the_front_end_whatever_it_keeps(trained: EmotionModel, tone_corpus: Corpus, gib: float) -> None:
    some = tone_corpus.select(range(8))
    store = FeatureStore(trained, some, memory_gib=gib)
    assert len(store) == 8
    for row in (3, 0, 3, 7):
        clip = torch.from_numpy(some.load(row))[None]
        wanted, counts = trained.front_end(clip, torch.tensor([clip.shape[1]]))
        assert torch.equal(store[row], wanted[0, : int(counts[0])])
        assert store.length(row) == int(counts[0]) == len(store[row])
    kept = sum(item.numel() * item.element_size() for item in store._kept.values())
    assert kept <= gib * 2**30
    assert (len(store._kept) == 3) == (gib == 1.0)
    batch, lengths = store.batch([3, 0])
    assert torch.equal(batch[1, : int(lengths[1])], store[0])


def test_a_store_reads_a_file_only_once(trained: EmotionModel, tone_corpus: Corpus) -> None:
    class Counting(FeatureStore):
        reads = 0

        def waveform(self, row: int) -> np.ndarray:
            self.reads += 1
            return super().waveform(row)

    store = Counting(trained, tone_corpus.select(range(6)))
    for _ in range(3):
        predict_rows(trained, store, range(6))
    assert store.reads == 6


def test_predictions_do_not_depend_on_order_or_batches(trained: EmotionModel, tone_corpus: Corpus) -> None:
    store = FeatureStore(trained, tone_corpus)
    rows = np.arange(len(tone_corpus))
    trained.train()
    logits = predict_rows(trained, store, rows)
    assert trained.training
    assert logits.shape == (72, 3)
    assert logits.dtype == np.float32
    order = np.random.default_rng(0).permutation(rows)
    for size in (1, 5, 100):
        assert predict_rows(trained, store, order, batch_size=size) == pytest.approx(logits[order], abs=1e-4)
    assert predict_rows(trained, store, [4, 4, 2]) == pytest.approx(logits[[4, 4, 2]], abs=1e-4)
    assert predict_rows(trained, store, []).shape == (0, 3)
    trained.eval()
    clip = torch.from_numpy(tone_corpus.load(9))[None]
    with torch.no_grad():
        alone = trained(clip, torch.tensor([clip.shape[1]]))[0].numpy()
    assert logits[9] == pytest.approx(alone, abs=1e-4)


@pytest.fixture
def with_encoder(encoder_folder: Callable[[str], Path]) -> EmotionModel:
    folder = encoder_folder("whisper")
    return build_model("encoder", ("anger", "joy", "sadness"), seed=1, options={"encoder": str(folder)}).eval()


def entries(cache: EmbeddingCache) -> list[Path]:
    return sorted(cache.folder.rglob("*.npy"))


def test_a_cache_holds_what_the_front_end_gives(
    with_encoder: EmotionModel, tone_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = tone_corpus.select(range(5))
    cache = EmbeddingCache(tmp_path)
    plain = FeatureStore(with_encoder, some)
    first = FeatureStore(with_encoder, some, cache=cache)
    assert all(torch.equal(first[row], plain[row]) for row in range(5))
    assert len(cache) == 5
    second = FeatureStore(with_encoder, some, cache=EmbeddingCache(tmp_path))
    monkeypatch.setattr(with_encoder, "front_end", None)  # it is not asked again
    assert all(torch.equal(second[row], plain[row]) for row in range(5))
    assert cache.discard([some.load(0)]) == 1
    third = FeatureStore(with_encoder, some, cache=cache)
    assert torch.equal(third[1], plain[1])
    with pytest.raises(TypeError):
        third[0]


def test_a_damaged_entry_is_computed_again(with_encoder: EmotionModel, tone_corpus: Corpus, tmp_path: Path) -> None:
    some = tone_corpus.select(range(2))
    cache = EmbeddingCache(tmp_path)
    first = FeatureStore(with_encoder, some, cache=cache)
    expected = [first[0], first[1]]
    content = entries(cache)[0].read_bytes()
    entries(cache)[0].write_bytes(content[:-40])
    again = FeatureStore(with_encoder, some, cache=cache)
    assert all(torch.equal(again[row], expected[row]) for row in range(2))
    assert sorted(len(file.read_bytes()) for file in entries(cache)) == [len(content)] * 2


def test_the_environment_is_for_frozen_encoders(
    with_encoder: EmotionModel,
    trained: EmotionModel,
    tone_corpus: Corpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AFFEKT_EMBEDDINGS", str(tmp_path / "kept"))
    some = tone_corpus.select(range(2))
    FeatureStore(trained, some).fill()  # log mel frames are as fast computed as read
    assert not (tmp_path / "kept").exists()
    FeatureStore(with_encoder, some).fill()
    assert len(list((tmp_path / "kept").rglob("*.npy"))) == 2


@pytest.mark.parametrize("size", [None, 1, 3, 50])
def test_filling_in_batches_gives_the_same(
    with_encoder: EmotionModel, tone_corpus: Corpus, tmp_path: Path, size: int | None
) -> None:
    some = tone_corpus.select(range(10))
    cache = EmbeddingCache(tmp_path)
    FeatureStore(with_encoder, some.select([2, 7]), cache=cache).fill()
    store = FeatureStore(with_encoder, some, cache=cache)
    store.fill(batch_size=size)
    assert sorted(store._kept) == list(range(10))
    assert len(cache) == 10
    for row in range(10):
        alone = FeatureStore(with_encoder, some)[row]
        torch.testing.assert_close(store[row], alone, atol=1e-5, rtol=0)
