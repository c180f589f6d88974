"""Speech encoders against transformers on one clip, and against themselves under padding and batching."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from affekt.audio import pad_batch
from affekt.encoders import build_encoder, describe, find_source, open_encoder
from affekt.errors import CheckpointError, ConfigError, ShapeError

KINDS = ("hubert", "hubert-batch-norm", "wav2vec2", "wav2vec2-stable", "wavlm", "whisper")
Find = Callable[[str], Path]


def noise(length: int, *, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(length, generator=torch.Generator().manual_seed(seed))


def theirs(folder: Path, clip: Tensor) -> tuple[list[Tensor], Tensor]:
    """Inputs of all layers and the last output of transformers, for one clip without padding."""
    import transformers

    model = transformers.AutoModel.from_pretrained(folder, local_files_only=True).eval()
    if folder.name == "whisper":
        extract = transformers.WhisperFeatureExtractor(feature_size=20, chunk_length=1)
        inputs = extract(clip.numpy(), sampling_rate=16000, return_tensors="pt").input_features  # padded to 1 s
        model = model.encoder
    else:
        inputs = ((clip - clip.mean()) / (clip.var(unbiased=False) + 1e-7).sqrt()).unsqueeze(0)
    with torch.no_grad():
        found = model(inputs, output_hidden_states=True)
    return list(found.hidden_states), found.last_hidden_state


@pytest.mark.parametrize("kind", KINDS)
def test_layers_are_those_of_transformers(encoder_folder: Find, kind: str) -> None:
    folder = encoder_folder(kind)
    encoder = open_encoder(str(folder), pad_to_30_s=kind == "whisper")
    clip = noise(9013)
    with torch.no_grad():
        found = encoder(*pad_batch([clip]))
    hidden, last = theirs(folder, clip)
    assert found.layers.shape == (1, encoder.layer_count, int(found.lengths[0]), encoder.width)
    assert encoder.layer_count == len(hidden) == 4
    torch.testing.assert_close(found.layers[:, -1], last, atol=2e-5, rtol=1e-4)
    for ours, expected in zip(found.layers.unbind(1), hidden[:-1], strict=False):
        torch.testing.assert_close(ours, expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_neither_padding_nor_neighbours_change_a_clip(encoder_folder: Find, kind: str, data: st.DataObject) -> None:
    encoder = open_encoder(str(encoder_folder(kind)))
    sizes = data.draw(st.lists(st.integers(1200, 9000), min_size=1, max_size=4))
    extra = data.draw(st.integers(0, 3000))
    clips = [noise(size, seed=i) for i, size in enumerate(sizes)]
    waveforms, lengths = pad_batch(clips)
    waveforms = torch.nn.functional.pad(waveforms, (0, extra), value=0.7)  # what lies behind a clip is not looked at
    for row, clip in enumerate(clips):
        waveforms[row, len(clip) :] = 0.7
    with torch.no_grad():
        together = encoder(waveforms, lengths)
        for row, clip in enumerate(clips):
            alone = encoder(*pad_batch([clip]))
            count = int(alone.lengths[0])
            assert int(together.lengths[row]) == count == alone.layers.shape[2]
            difference = (together.layers[row, :, :count] - alone.layers[0]).abs().max()
            assert float(difference) < 1e-5


def test_the_group_norm_of_transformers_sees_padding(encoder_folder: Find) -> None:
    """What the property above guards against."""
    import transformers

    folder = encoder_folder("wav2vec2")
    model = transformers.AutoModel.from_pretrained(folder, local_files_only=True).eval()
    clip = noise(4000)
    with torch.no_grad():
        alone = model(clip.unsqueeze(0)).last_hidden_state
        padded = model(torch.nn.functional.pad(clip, (0, 4000)).unsqueeze(0)).last_hidden_state
    assert float((padded[:, : alone.shape[1]] - alone).abs().max()) > 1e-2


@pytest.mark.parametrize("kind", ["whisper", "wavlm", "wav2vec2-stable"])
def test_layers_can_be_run_in_two_parts(encoder_folder: Find, kind: str) -> None:
    encoder = open_encoder(str(encoder_folder(kind)))
    with torch.no_grad():
        hidden, counts = encoder.embed(*encoder.prepare(*pad_batch([noise(8000), noise(5000)])))
        whole = encoder.run(hidden, counts)
        below = encoder.run(hidden, counts, last=2)
        above = encoder.run(below[-1], counts, first=2)
    assert len(below) == 2
    assert torch.equal(torch.stack(whole), torch.stack([*below, *above]))


@pytest.mark.parametrize("kind", KINDS)
def test_fewer_layers_are_the_first_of_all(encoder_folder: Find, kind: str) -> None:
    folder = str(encoder_folder(kind))
    batch = pad_batch([noise(6000)])
    with torch.no_grad():
        whole, part = open_encoder(folder)(*batch), open_encoder(folder, layers=2)(*batch)
        (only,) = open_encoder(folder, layers=0)(*batch).layers.unbind(1)
    assert torch.equal(part.layers, whole.layers[:, :3])
    assert torch.equal(only, whole.layers[:, 0])


def test_whisper_takes_clips_longer_than_its_positions(encoder_folder: Find) -> None:
    encoder = open_encoder(str(encoder_folder("whisper")))  # 50 positions: 1 s
    clips = [noise(16000 * 3), noise(9000, seed=1)]
    with torch.no_grad():
        together, alone = encoder(*pad_batch(clips)), encoder(*pad_batch(clips[1:]))
        hidden, _ = encoder.embed(*encoder.prepare(*pad_batch(clips[:1])))
        second = encoder.run(hidden[:, 50:100], torch.tensor([50]))
    assert together.lengths.tolist() == [150, 28]
    torch.testing.assert_close(together.layers[1, :, :28], alone.layers[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(together.layers[0, -1, 50:100], second[-1][0], atol=1e-5, rtol=0)


def test_gradients_reach_the_waveform(encoder_folder: Find) -> None:
    """Adversarial copies are made through the encoder."""
    for kind in KINDS:
        waveforms, lengths = pad_batch([noise(5000), noise(3000, seed=1)])
        waveforms.requires_grad_(True)
        encoder = open_encoder(str(encoder_folder(kind)))
        found = encoder(waveforms, lengths)
        found.layers[1, :, : int(found.lengths[1])].square().sum().backward()
        assert waveforms.grad is not None
        assert bool(torch.isfinite(waveforms.grad).all())
        assert float(waveforms.grad[1, :3000].abs().max()) > 0
        assert float(waveforms.grad[1, 3000:].abs().max()) == 0.0
        assert float(waveforms.grad[0].abs().max()) == 0.0


@pytest.mark.parametrize(("kind", "rate"), [("whisper", 50.0), ("wav2vec2", 50.0)])
def test_what_an_encoder_says_of_itself(encoder_folder: Find, kind: str, rate: float) -> None:
    encoder = open_encoder(str(encoder_folder(kind)))
    assert (encoder.name, encoder.width, encoder.layer_count) == (kind, 16, 4)
    assert encoder.frames_per_second == rate
    frames = int(encoder(*pad_batch([noise(32000)])).lengths[0])
    assert abs(frames - 2 * rate) <= 1
    assert not encoder.training


@pytest.mark.parametrize("kind", KINDS)
def test_a_description_survives_json_and_builds_the_same_shape(encoder_folder: Find, kind: str) -> None:
    folder = str(encoder_folder(kind))
    shape = describe(find_source(folder))
    again = json.loads(json.dumps(shape))
    assert again == shape
    ours, other = open_encoder(folder).state_dict(), build_encoder(again).state_dict()
    assert {name: tensor.shape for name, tensor in ours.items()} == {n: t.shape for n, t in other.items()}


def test_clips_that_are_too_short(encoder_folder: Find) -> None:
    for kind, least in (("whisper", 400), ("wav2vec2", 10 + 5 * (8 - 1) + 40 * (4 - 1))):
        encoder = open_encoder(str(encoder_folder(kind)))
        encoder(*pad_batch([noise(least)]))
        with pytest.raises(ShapeError, match=rf"too short for the {kind} encoder \(got {least - 1} samples\)"):
            encoder(*pad_batch([noise(least - 1)]))


def changed(folder: Path, to: Path, **values: Any) -> str:
    shutil.copytree(folder, to)
    config = json.loads((to / "config.json").read_text())
    (to / "config.json").write_text(json.dumps(config | values))
    return str(to)


def test_what_cannot_be_opened(encoder_folder: Find, tmp_path: Path) -> None:
    folder = encoder_folder("whisper")
    with pytest.raises(ConfigError, match="a model of the kind 'bert'; one of hubert, wav2vec2, wavlm, whisper"):
        open_encoder(changed(folder, tmp_path / "a", model_type="bert"))
    with pytest.raises(CheckpointError, match=r"do not fit its config.json \(conv1.weight is of shape"):
        open_encoder(changed(folder, tmp_path / "b", d_model=32))
    with pytest.raises(CheckpointError, match=r"\(layers.3.* is missing\)"):
        open_encoder(changed(folder, tmp_path / "c", encoder_layers=4))
    with pytest.raises(CheckpointError, match="the description of the whisper encoder cannot be used"):
        build_encoder({"model_type": "whisper"})
    with pytest.raises(ConfigError, match=r"layer 7 was asked of .*, which has 3"):
        open_encoder(str(folder), layers=7)
    with pytest.raises(ConfigError, match=r"pad_to_30_s is for Whisper alone \(got an encoder of the kind wavlm\)"):
        open_encoder(str(encoder_folder("wavlm")), pad_to_30_s=True)


def test_weights_that_are_not_finite(encoder_folder: Find, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(changed(encoder_folder("hubert"), tmp_path / "a"))
    tensors = load_file(folder / "model.safetensors")
    tensors["encoder.layer_norm.weight"][0] = float("nan")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"encoder.layer_norm.weight is not finite"):
        open_encoder(str(folder))


@pytest.mark.data
def test_the_real_whisper(data_root: Callable[[str], Path]) -> None:
    import numpy as np
    from transformers import WhisperFeatureExtractor, WhisperForAudioClassification

    folder = data_root("weights") / "whisper-base-encoder"
    encoder = open_encoder(str(folder), pad_to_30_s=True)
    clip = noise(30000)
    extract = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
    inputs = extract(clip.numpy(), sampling_rate=16000, return_tensors="np").input_features
    ours, _ = encoder.prepare(*pad_batch([clip]))
    np.testing.assert_allclose(ours[0].T.numpy(), inputs[0], atol=1e-4)
    original = WhisperForAudioClassification.from_pretrained(folder, local_files_only=True).eval().float().encoder
    with torch.no_grad():
        expected = original(torch.as_tensor(inputs)).last_hidden_state
        found = encoder(*pad_batch([clip]))
    assert found.layers.shape == (1, 7, 1500, 512)
    torch.testing.assert_close(found.layers[:, -1], expected, atol=2e-3, rtol=1e-3)
