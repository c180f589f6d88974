"""What many tests share: made-up speakers, a small trained recogniser, and where the real recordings are."""

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
import torch

from affekt.corpora import Corpus, Split, by_speaker
from affekt.models import EmotionModel
from affekt.training import ErasureConfig, TrainConfig, TrainReport, recipe, train_split
from affekt.types import Waveform
from affekt.unlearning import ForgetSet

EMOTIONS = ("anger", "joy", "sadness")
SPEAKERS = tuple(f"s{number}" for number in range(1, 7))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """One torch thread: the same sums everywhere, and fair to whoever shares the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def data_root() -> Callable[[str], Path]:
    """Folder of real data by name; skips where there is none. Tests that use it are marked ``data``."""

    def find(name: str) -> Path:
        root = Path(os.environ.get("AFFEKT_DATA", Path(__file__).parents[2] / "shared" / "data"))
        if not (root / name).is_dir():
            pytest.skip(f"no {name} under AFFEKT_DATA ({root})")
        return root / name

    return find


def tone(emotion: str, *, hz: float, seconds: float, seed: int, gain: float = 0.2) -> Waveform:
    """A voice-like tone: anger glides up, joy trembles, sadness stays low and dull; ``hz`` is the speaker."""
    random = np.random.default_rng(seed)
    times = np.arange(round(seconds * 16000)) / 16000
    glide = {"anger": 1.6, "joy": 1.2, "sadness": 0.8}[emotion]
    pitch = hz * (1.0 + (glide - 1.0) * times / seconds)
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    harmonics = {"anger": 20, "joy": 10, "sadness": 3}[emotion]
    voice = sum(np.sin(k * phase) / k**0.7 for k in range(1, harmonics + 1))
    if emotion == "joy":
        voice = voice * (1.0 + 0.8 * np.sin(2 * np.pi * 9.0 * times))
    voice = voice + 0.05 * random.standard_normal(len(times))
    return np.asarray(gain * voice / np.abs(voice).max(), dtype=np.float32)


@pytest.fixture(scope="session")
def make_tone() -> Callable[..., Waveform]:
    """:func:`tone`."""
    return tone


SPEECH_ENCODERS: dict[str, dict[str, Any]] = {
    "hubert": {},
    "hubert-batch-norm": {"conv_pos_batch_norm": True},
    "wav2vec2": {},
    "wav2vec2-stable": {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True},
    "wavlm": {"num_buckets": 20, "max_bucket_distance": 40},
    "whisper": {},
}


def save_encoder(kind: str, folder: Path) -> Path:
    """A random encoder of three layers of width 16 in the layout of transformers."""
    import transformers

    name = kind.partition("-")[0]
    with torch.random.fork_rng():
        torch.manual_seed(7)
        if name == "whisper":
            config = transformers.WhisperConfig(
                d_model=16,
                encoder_layers=3,
                encoder_attention_heads=2,
                encoder_ffn_dim=32,
                decoder_layers=1,
                decoder_attention_heads=2,
                decoder_ffn_dim=32,
                num_mel_bins=20,
                max_source_positions=50,
                vocab_size=50,
                pad_token_id=0,
                bos_token_id=0,
                eos_token_id=0,
                decoder_start_token_id=0,
            )
            model = transformers.WhisperModel(config)
        else:
            title = {"hubert": "Hubert", "wav2vec2": "Wav2Vec2", "wavlm": "WavLM"}[name]
            config = getattr(transformers, f"{title}Config")(
                hidden_size=16,
                num_hidden_layers=3,
                num_attention_heads=2,
                intermediate_size=32,
                conv_dim=(8, 8, 8),
                conv_kernel=(10, 8, 4),
                conv_stride=(5, 8, 8),
                num_conv_pos_embeddings=8,
                num_conv_pos_embedding_groups=2,
                **SPEECH_ENCODERS[kind],
            )
            model = getattr(transformers, f"{title}Model")(config)
        for parameter in model.parameters():  # far from where random weights start, so that every part matters
            parameter.data += 0.2 * torch.randn_like(parameter) / max(1, parameter[0].numel()) ** 0.5
        for buffer_name, buffer in model.named_buffers():
            if buffer_name.endswith("running_mean"):
                buffer.normal_(0.0, 0.3)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A folder with a tiny random encoder by kind, a key of ``SPEECH_ENCODERS``; do not change it."""
    found: dict[str, Path] = {}

    def find(kind: str) -> Path:
        if kind not in found:
            found[kind] = save_encoder(kind, tmp_path_factory.mktemp("encoders") / kind)
        return found[kind]

    return find


def save_text_encoder(folder: Path, words: Sequence[str], **shape: Any) -> Path:
    """A random BERT of width 16 that knows some words, in the layout of transformers."""
    from transformers import BertConfig, BertModel, BertTokenizer

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(vocabulary),
            hidden_size=16,
            num_attention_heads=2,
            intermediate_size=32,
            **{"num_hidden_layers": 2, "max_position_embeddings": 64, **shape},
        )
        BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def make_text_encoder() -> Callable[..., Path]:
    """:func:`save_text_encoder`."""
    return save_text_encoder


@pytest.fixture(scope="session")
def tone_corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Six speakers, three emotions, four takes each: 72 clips of 0.5 to 0.8 s."""
    root = tmp_path_factory.mktemp("tones")
    random = np.random.default_rng(0)
    rows = []
    for number, speaker in enumerate(SPEAKERS):
        for emotion in EMOTIONS:
            for take in range(4):
                file = f"{speaker}-{emotion}-{take}.wav"
                clip = tone(
                    emotion,
                    hz=110.0 * 1.13**number * random.uniform(0.95, 1.05),
                    seconds=random.uniform(0.5, 0.8),
                    seed=len(rows),
                )
                soundfile.write(root / file, clip, 16000, subtype="PCM_16")
                rows.append({"file": file, "speaker": speaker, "sex": "fm"[number % 2], "emotion": emotion})
    return Corpus(name="tones", root=root, table=pl.DataFrame(rows), licence="CC0-1.0", synthetic=True)


@pytest.fixture(scope="session")
def tone_folder(tone_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tones as a corpus folder that ``open_corpus`` opens."""
    return tone_corpus.write(tmp_path_factory.mktemp("folder") / "tones")


@pytest.fixture(scope="session")
def tone_split(tone_corpus: Corpus) -> Split:
    """Speaker s6 for testing, s5 for early stopping, four speakers to learn from."""
    return by_speaker(tone_corpus, test_speakers=["s6"], dev_speakers=["s5"])


@pytest.fixture(scope="session")
def tone_recipe() -> TrainConfig:
    """The settings that the tones are learned with."""
    return recipe("logmel-cnn", epochs=8, batch_size=16, learning_rate=3e-3, label_smoothing=0.0, heldout_fraction=0.15)


@pytest.fixture(scope="session")
def trained_report(tone_split: Split, tone_recipe: TrainConfig) -> TrainReport:
    """A logmel-cnn that has learned the tones, seed 1; do not change its model, take ``trained`` instead."""
    return train_split(tone_split, config=tone_recipe, seed=1)


@pytest.fixture
def trained(trained_report: TrainReport) -> EmotionModel:
    """A copy of the trained model."""
    return copy.deepcopy(trained_report.model)


@pytest.fixture(scope="session")
def ready_report(tone_split: Split, tone_recipe: TrainConfig) -> TrainReport:
    """The same, erasure-ready: three folds, two teachers a recording."""
    return train_split(tone_split, config=tone_recipe, seed=1, erasure=ErasureConfig(folds=3, repeats=2))


@pytest.fixture
def ready(ready_report: TrainReport) -> EmotionModel:
    """A copy of the erasure-ready model."""
    return copy.deepcopy(ready_report.model)


@pytest.fixture(scope="session")
def forget_rows(trained_report: TrainReport, tone_split: Split) -> list[int]:
    """Rows of the training side that belong to s1 and were trained on."""
    speakers = tone_split.train.table["speaker"].to_list()
    return [row for row in trained_report.fit.trained_rows if speakers[row] == "s1"]


@pytest.fixture(scope="session")
def forget_set(trained_report: TrainReport, tone_split: Split, forget_rows: list[int]) -> ForgetSet:
    """What s1 said, as a forget set."""
    return ForgetSet.of(tone_split.train.select(forget_rows), trained_report.model)
