"""The cache of representations: exact, safe, and forgetful on request."""

import doctest
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import affekt.encoders.cache
from affekt.encoders import EmbeddingCache, chosen_cache
from affekt.errors import ConfigError, DataError


def clip(seed: int, length: int = 800) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(length).astype(np.float32)


def files(cache: EmbeddingCache) -> list[Path]:
    return sorted(path for path in cache.folder.rglob("*") if path.is_file())


def test_the_example_gives_what_it_says() -> None:
    assert doctest.testmod(affekt.encoders.cache).failed == 0


@settings(max_examples=30, deadline=None)
@given(
    value=arrays.arrays(
        st.sampled_from([np.float32, np.float16, np.int64]), arrays.array_shapes(min_dims=1, max_dims=4, max_side=5)
    ),
    seed=st.integers(0, 9),
)
def test_what_was_put_in_comes_out(tmp_path_factory: pytest.TempPathFactory, value: np.ndarray, seed: int) -> None:
    cache = EmbeddingCache(tmp_path_factory.mktemp("cache"))
    cache.put("a", clip(seed), value)
    found = cache.get("a", clip(seed))
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable
    assert found.dtype == value.dtype
    assert found.shape == value.shape
    assert found.tobytes() == value.tobytes()


def test_key_and_samples_both_count(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    cache.put("a", clip(1), np.array([1.0]))
    changed = clip(1)
    changed[400] = np.nextafter(changed[400], np.float32(9))
    assert cache.get("b", clip(1)) is None
    assert cache.get("a", changed) is None
    assert cache.get("a", clip(1)[:-1]) is None
    assert cache.get("a", clip(1)[:-1].reshape(-1)) is None
    assert cache.get("a", clip(1)) is not None


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "tail"])
def test_a_damaged_file_is_taken_for_none_and_made_again(tmp_path: Path, damage: str) -> None:
    cache = EmbeddingCache(tmp_path)
    cache.put("a", clip(1), np.arange(50.0))
    (file,) = files(cache)
    content = bytearray(file.read_bytes())
    if damage == "bit":
        content[200] ^= 1
    file.write_bytes({"cut": content[:150], "bit": content, "empty": b"", "tail": content[:-1]}[damage])
    assert cache.get("a", clip(1)) is None
    assert files(cache) == []
    cache.put("a", clip(1), np.arange(50.0))
    assert np.array_equal(cache.get("a", clip(1)), np.arange(50.0))


def test_everything_of_a_recording_can_be_removed(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    for key in ("a", "b"):
        for seed in (1, 2, 3):
            cache.put(key, clip(seed), np.array([seed]))
    assert len(cache) == 6
    assert cache.discard([clip(1), clip(2), clip(9)]) == 2
    assert [cache.get(key, clip(seed)) is None for key in ("a", "b") for seed in (1, 2, 3)] == [True, True, False] * 2
    assert len(files(cache)) == 2
    (tmp_path / "mine.txt").write_text("mine")
    cache.clear()
    assert len(cache) == cache.size() == 0
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["mine.txt"]


def test_names_of_files_say_nothing(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    cache.put("whisper of ann", clip(1), np.array([1.0]))
    (file,) = files(cache)
    assert all(len(part) in (2, 64, 36) for part in file.relative_to(tmp_path).parts)
    assert b"ann" not in file.read_bytes()


def test_what_is_used_least_recently_goes_first(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, limit_gib=10_000 / 2**30)
    value = np.zeros(250)  # 2000 bytes, 2160 with header and seal
    for seed in range(4):
        before = set(files(cache))
        cache.put("a", clip(seed), value)
        (new,) = set(files(cache)) - before
        os.utime(new, (1000 + seed, 1000 + seed))
    cache.get("a", clip(0))  # used just now
    cache.put("a", clip(9), value)
    kept = [seed for seed in (0, 1, 2, 3, 9) if cache.get("a", clip(seed)) is not None]
    assert kept == [0, 2, 3, 9]
    assert cache.size() <= 9000


def write_many(folder: str, start: int) -> None:
    cache = EmbeddingCache(folder)
    for turn in range(40):
        seed = (start + turn) % 10
        cache.put("a", clip(seed), np.full(2000, seed))
        found = cache.get("a", clip(seed))
        if found is not None:
            assert (found == seed).all()
        if turn % 7 == 0:
            cache.discard([clip((seed + 5) % 10)])


def test_two_processes_write_the_same_files(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=write_many, args=(str(tmp_path), start)) for start in (0, 1, 5)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    cache = EmbeddingCache(tmp_path)
    assert all(file.suffix == ".npy" and not file.name.startswith(".") for file in files(cache))
    for seed in range(10):
        found = cache.get("a", clip(seed))
        assert found is None or (found == seed).all()
    assert len(cache) >= 5


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is a file; a folder was expected"):
        EmbeddingCache(tmp_path / "file")
    with pytest.raises(ConfigError, match=r"limit_gib is 0; a positive size"):
        EmbeddingCache(tmp_path, limit_gib=0)
    cache = EmbeddingCache(tmp_path / "later")
    (tmp_path / "later").write_text("")
    with pytest.raises(DataError, match=r"cannot be written"):
        cache.put("a", clip(1), np.zeros(3))


def test_the_environment_chooses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFFEKT_EMBEDDINGS", raising=False)
    assert chosen_cache() is None
    monkeypatch.setenv("AFFEKT_EMBEDDINGS", str(tmp_path / "here"))
    found = chosen_cache()
    assert found is not None
    assert found.folder == tmp_path / "here"
    assert not found.folder.exists()  # made when something is written
