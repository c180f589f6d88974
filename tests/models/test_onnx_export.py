"""Exported models agree with the models they come from, at any length and in any batch."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from affekt.audio import LogMel
from affekt.audio.batching import pad_batch
from affekt.errors import CheckpointError, DataError, MissingExtraError, ShapeError
from affekt.models import EmotionModel, ModelConfig, onnx_export, tensor_digest
from affekt.models.onnx_export import export_onnx, minimum_samples
from affekt.prediction import OnnxScorer

CLASSES = ("anger", "joy", "sadness")
TINY: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
Small = Callable[..., EmotionModel]


def noise(length: int, *, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(length, generator=torch.Generator().manual_seed(seed))


def run(path: Path, clips: list[torch.Tensor]) -> dict[str, Any]:
    """What onnxruntime makes of a file and clips."""
    waveforms, lengths = pad_batch(clips)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = session.run(None, {"waveforms": waveforms.numpy(), "lengths": lengths.numpy()})
    return dict(zip(names, found, strict=True))


def check_agreement(model: EmotionModel, path: Path) -> None:
    """Alone and in batches the file gives what the model gives for the clip alone."""
    low, high = model.config.attribute_range
    for sizes in ([16000], [3000, 20000, 7001], [800, 800], [54321, 12345, 40000, 1600, 9999, 30000]):
        clips = [noise(size, seed=size) for size in sizes]
        with torch.no_grad():
            alone = [model.heads(*model.front_end(clip[None], torch.tensor([len(clip)]))) for clip in clips]
        found = run(path, clips)
        if model.classes:
            logits = torch.cat([heads.logits for heads in alone])
            assert np.abs(found["logits"] - logits.numpy()).max() <= 1e-4
            assert np.abs(found["probabilities"] - logits.softmax(1).numpy()).max() <= 1e-4
        if model.config.attributes:
            attributes = low + (high - low) * torch.cat([heads.attributes for heads in alone])
            assert np.abs(found["attributes"] - attributes.numpy()).max() <= 1e-4 * (high - low)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, small_model: Small) -> tuple[EmotionModel, Path]:
    """A small logmel-cnn with attributes, and its file."""
    model = small_model("logmel-cnn", attributes=("valence", "arousal"), attribute_range=(1.0, 7.0), multi_label=True)
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    report = export_onnx(model, path)
    assert report.largest_difference <= 1e-4
    assert report.compared_clips >= 15
    assert report.outputs == ("logits", "probabilities", "attributes")
    assert report.size == path.stat().st_size
    return model, path


def test_scores_agree(exported: tuple[EmotionModel, Path]) -> None:
    check_agreement(*exported)


def test_what_lies_behind_the_end_is_not_heard(exported: tuple[EmotionModel, Path]) -> None:
    waveforms, lengths = pad_batch([noise(9000), noise(4000, seed=1)])
    session = onnxruntime.InferenceSession(str(exported[1]), providers=["CPUExecutionProvider"])
    before = session.run(["logits"], {"waveforms": waveforms.numpy(), "lengths": lengths.numpy()})[0]
    waveforms[1, 4000:] = float("nan")
    after = session.run(["logits"], {"waveforms": waveforms.numpy(), "lengths": lengths.numpy()})[0]
    assert np.array_equal(before, after)


def test_the_file_describes_itself(exported: tuple[EmotionModel, Path]) -> None:
    model, path = exported
    proto = onnx.load(path)
    onnx.checker.check_model(proto)
    inputs = {
        item.name: (item.type.tensor_type.elem_type, [axis.dim_param for axis in item.type.tensor_type.shape.dim])
        for item in proto.graph.input
    }
    assert inputs == {
        "waveforms": (onnx.TensorProto.FLOAT, ["batch", "samples"]),
        "lengths": (onnx.TensorProto.INT64, ["batch"]),
    }
    (text,) = (entry.value for entry in proto.metadata_props if entry.key == "affekt")
    facts = json.loads(text)
    assert facts.pop("affekt_version")
    assert facts == {
        "format_version": 1,
        "family": "logmel-cnn",
        "classes": list(CLASSES),
        "attributes": ["valence", "arousal"],
        "attribute_range": [1.0, 7.0],
        "multi_label": True,
        "intents": [],
        "sample_rate": 16000,
        "minimum_samples": 400,
        "maximum_samples": None,
        "model_digest": tensor_digest(model),
    }


def test_exporting_changes_nothing_in_the_model(exported: tuple[EmotionModel, Path], small_model: Small) -> None:
    model, _ = exported
    again = small_model("logmel-cnn", attributes=("valence", "arousal"), attribute_range=(1.0, 7.0), multi_label=True)
    assert tensor_digest(model) == tensor_digest(again)
    assert isinstance(model.network.logmel, LogMel)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["emo18", "zhao19"])
def test_the_raw_networks_agree(tmp_path: Path, kind: str, small_model: Small) -> None:
    model = small_model(kind)
    report = export_onnx(model, tmp_path / "model.onnx")
    assert report.outputs == ("logits", "probabilities")
    check_agreement(model, tmp_path / "model.onnx")


@pytest.mark.slow
def test_a_head_that_is_solved_agrees(tmp_path: Path, small_model: Small) -> None:
    model = small_model("ridge")
    export_onnx(model, tmp_path / "model.onnx")
    check_agreement(model, tmp_path / "model.onnx")


@pytest.mark.slow
def test_classes_that_are_sentences_agree(tmp_path: Path, small_model: Small) -> None:
    model = small_model("audio-text", attributes=("arousal",))
    model.network.describe(["an angry voice", "a happy voice", "a sad voice", "an excited voice"])
    assert export_onnx(model, tmp_path / "model.onnx").outputs == ("logits", "probabilities", "attributes")
    check_agreement(model, tmp_path / "model.onnx")


@pytest.mark.slow
def test_a_ranker_gives_its_score_too(tmp_path: Path, small_model: Small) -> None:
    model = small_model("ranker")
    with torch.no_grad():
        model.network.slope.fill_(0.7)
        model.network.bias.copy_(torch.tensor([0.2, -0.1, 0.4]))
        for parameter in model.network.source.head.parameters():  # scores far from 0
            parameter.mul_(300.0)
    path = tmp_path / "model.onnx"
    assert export_onnx(model, path).outputs == ("logits", "probabilities", "scores")
    clips = [noise(size, seed=size) for size in (9000, 16000, 3000)]
    with torch.no_grad():
        alone = [model.network.score(*model.front_end(clip[None], torch.tensor([len(clip)]))) for clip in clips]
    wanted = torch.cat(alone).numpy()
    assert np.abs(wanted).max() > 10.0
    found = run(path, clips)
    assert found["scores"].shape == (3,)
    assert found["scores"] == pytest.approx(wanted, rel=1e-4, abs=1e-4)
    logits = OnnxScorer(path)([clip.numpy() for clip in clips]).logits  # passes over what it does not know
    with torch.no_grad():
        read = model.network.read(torch.from_numpy(wanted)).numpy()
    assert logits == pytest.approx(read, rel=1e-4, abs=1e-4)


def test_a_model_that_reads_is_refused(tmp_path: Path) -> None:
    model = EmotionModel(ModelConfig(family="text", classes=CLASSES, options={"words": 16, "characters": 16}))
    with pytest.raises(
        CheckpointError, match=r"the family text cannot be exported \(it reads text\); a model that hears"
    ):
        export_onnx(model, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_model_of_attributes_alone(tmp_path: Path, small_model: Small) -> None:
    model = small_model("logmel-cnn", classes=(), attributes=("dominance",), attribute_range=(1.0, 5.0))
    assert export_onnx(model, tmp_path / "model.onnx").outputs == ("attributes",)
    check_agreement(model, tmp_path / "model.onnx")


ENCODERS = {
    "whisper": {
        "d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 64,
    },
    "wav2vec2": {**TINY, "conv_dim": [16] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2},
    "wavlm": {**TINY, "conv_dim": [16] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2},
}  # fmt: skip


def encoder_model(folder: Path, kind: str, **options: Any) -> EmotionModel:
    """A small encoder with fresh weights and a head."""
    from affekt.encoders import describe, find_source

    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": kind, **ENCODERS[kind]}))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        shape = {"architecture": describe(find_source(str(folder))), **options}
        return EmotionModel(ModelConfig(family="encoder", classes=CLASSES, options=shape)).eval()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ENCODERS)
def test_encoders_agree(tmp_path: Path, kind: str) -> None:
    model = encoder_model(tmp_path / "encoder", kind)
    report = export_onnx(model, tmp_path / "model.onnx")
    check_agreement(model, tmp_path / "model.onnx")
    # one stretch of Whisper's position table: 1,500 frames of 320 samples
    assert report.maximum_samples == (1500 * 320 + 159 if kind == "whisper" else None)


@pytest.mark.slow
def test_what_cannot_be_exported_is_said(tmp_path: Path) -> None:
    """Padding to 30 s depends on the lengths in the batch, which a fixed graph cannot."""
    model = encoder_model(tmp_path / "encoder", "whisper", pad_to_30_s=True)
    with pytest.raises(CheckpointError, match=r"the family encoder with these options cannot be exported to ONNX"):
        export_onnx(model, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


@settings(max_examples=25, deadline=None)
@given(
    hop=st.sampled_from([5.0, 10.0, 20.0]),
    mean=st.booleans(),
    preemphasis=st.sampled_from([0.0, 0.97]),
    window=st.sampled_from(["povey", "hann"]),
    lengths=st.lists(st.integers(400, 6000), min_size=1, max_size=3),
    offset=st.sampled_from([0.0, 0.2]),
)
def test_the_convolution_is_the_spectrogram(
    hop: float, mean: bool, preemphasis: float, window: Any, lengths: list[int], offset: float
) -> None:
    original = LogMel(hop_ms=hop, remove_mean=mean, preemphasis=preemphasis, window=window)
    waveforms, counts = pad_batch([noise(length, seed=length) + offset for length in lengths])
    ours, frames = onnx_export._ConvolutionLogMel(original)(waveforms, counts)
    wanted, wanted_frames = original(waveforms, counts)
    assert torch.equal(frames, wanted_frames)
    # natural logarithms of power: a thousandth is 0.004 dB
    assert float((ours - wanted).abs().max()) < 1e-3


@pytest.mark.parametrize(("kind", "least"), [("logmel-cnn", 400), ("zhao19", 256)])
def test_the_shortest_clip(kind: str, least: int, small_model: Small) -> None:
    model = small_model(kind)
    assert minimum_samples(model) == least
    model(noise(least)[None], torch.tensor([least]))
    with pytest.raises(ShapeError):
        model(noise(least - 1)[None], torch.tensor([least - 1]))


@pytest.mark.slow
def test_a_disagreement_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_model: Small) -> None:
    """A graph of another network must not pass for the model's."""
    build = onnx_export._exportable

    def wrong(model: EmotionModel) -> EmotionModel:
        changed = build(model)
        with torch.no_grad():
            next(part for part in changed.modules() if isinstance(part, nn.Linear)).weight.mul_(2.0)
        return changed

    monkeypatch.setattr(onnx_export, "_exportable", wrong)
    with pytest.raises(CheckpointError, match=r"disagrees with the model \(a score differs by .*at most 0\.0001"):
        export_onnx(small_model("logmel-cnn"), tmp_path / "new" / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_scores_that_are_no_numbers_are_refused(tmp_path: Path, small_model: Small) -> None:
    model = small_model("logmel-cnn")
    with torch.no_grad():
        model.network.head[1].bias[0] = float("nan")
    with pytest.raises(CheckpointError, match="disagrees"):
        export_onnx(model, tmp_path / "model.onnx")


def test_what_is_there_is_never_written_over(tmp_path: Path, small_model: Small) -> None:
    (tmp_path / "model.onnx").write_text("mine")
    with pytest.raises(DataError, match="exists already"):
        export_onnx(small_model("logmel-cnn"), tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_text() == "mine"


def test_a_model_beyond_two_gigabytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_model: Small
) -> None:
    monkeypatch.setattr(onnx_export, "_LARGEST_BYTES", 1000)
    with pytest.raises(CheckpointError, match="one ONNX file holds at most 2 GiB"):
        export_onnx(small_model("logmel-cnn"), tmp_path / "model.onnx")


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_model: Small) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtraError, match=r"exporting needs onnxscript.*pip install 'affekt\[export\]'"):
        export_onnx(small_model("logmel-cnn"), tmp_path / "model.onnx")
