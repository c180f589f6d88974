"""Models on pretrained encoders: what is trained, what is kept, and what a directory needs."""

import copy
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
from affekt.corpora import Split
from affekt.encoders import open_encoder
from affekt.errors import CheckpointError, ConfigError, DataError
from affekt.models import EmotionModel, ModelConfig, masked_mean, masked_statistics, tensor_digest
from affekt.training import TrainReport, build_model, recipe, train_split
from affekt.unlearning import ForgetSet, forget, method_config

CLASSES = ("anger", "joy", "sadness")
Find = Callable[[str], Path]
VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {"pooling": "mean", "layer": 2, "hidden": 8},
    {"pooling": "attentive", "standardise": False},
    {"pooling": "attentive", "layer": 0},
    {"train": "last", "train_layers": 1},
    {"train": "last", "train_layers": 2, "layer": -1},
    {"train": "lora", "lora_rank": 2, "layer": 1},
    {"train": "all"},
)


def noise(length: int, *, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(length, generator=torch.Generator().manual_seed(seed))


def model_on(folder: Path, *, seed: int = 1, **options: Any) -> EmotionModel:
    return build_model("encoder", CLASSES, seed=seed, options={"encoder": str(folder), **options}).eval()


def name_of(options: dict[str, Any]) -> str:
    return "-".join(map(str, options.values())) or "default"


@pytest.fixture(params=VARIANTS, ids=name_of)
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


@pytest.mark.parametrize("kind", ["whisper", "wav2vec2", "wavlm", "hubert-batch-norm"])
@settings(max_examples=5, deadline=None)
@given(sizes=st.lists(st.integers(1200, 9000), min_size=2, max_size=4), extra=st.integers(0, 900))
def test_padding_and_batching_change_no_score(encoder_folder: Find, kind: str, sizes: list[int], extra: int) -> None:
    for variant in VARIANTS:
        model = model_on(encoder_folder(kind), **variant)
        clips = [noise(size, seed=i) for i, size in enumerate(sizes)]
        waveforms, lengths = pad_batch(clips)
        with torch.no_grad():
            together = model(torch.nn.functional.pad(waveforms, (0, extra)), lengths)
            alone = torch.cat([model(*pad_batch([clip])) for clip in clips])
        assert float((together - alone).abs().max()) < 1e-5


def test_the_batched_path_of_accelerators_agrees(encoder_folder: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("whisper", "wav2vec2", "wavlm"):
        model = model_on(encoder_folder(kind))
        batch = pad_batch([noise(7000), noise(3000, seed=1), noise(5000, seed=2)])
        with torch.no_grad():
            one_by_one = model(*batch)
            together = model.network.classify(*model.network._frozen(*batch))
        assert float((together - one_by_one).abs().max()) < 1e-5


def test_by_hand(encoder_folder: Find) -> None:
    """Statistics of each layer, each half standardised, mixed, one linear map."""
    folder = encoder_folder("wav2vec2")
    model = model_on(folder)
    clip = noise(5000)
    with torch.no_grad():
        model.network.mix.scores.copy_(torch.tensor([0.3, -1.0, 2.0, 0.0]))
        layers = open_encoder(str(folder))(*pad_batch([clip])).layers[0]  # (L, F, D)
        pooled = []
        for frames in layers:
            halves = [frames.mean(0), frames.std(0, unbiased=False)]
            pooled.append(torch.cat([(h - h.mean()) / (h.var(unbiased=False) + 1e-5).sqrt() for h in halves]))
        weights = torch.tensor([0.3, -1.0, 2.0, 0.0]).softmax(0)
        mixed = sum(w * p for w, p in zip(weights, pooled, strict=True))
        expected = model.network.head[1](mixed)
        torch.testing.assert_close(model(*pad_batch([clip]))[0], expected, atol=1e-5, rtol=0)


def test_pooling_by_hand() -> None:
    frames, lengths = torch.randn(3, 7, 4), torch.tensor([7, 4, 1])
    found = masked_statistics(frames, lengths)
    torch.testing.assert_close(found[:, :4], masked_mean(frames, lengths))
    for row, length in enumerate(lengths.tolist()):
        expected = frames[row, :length].var(0, unbiased=False).clamp_min(1e-6).sqrt()
        torch.testing.assert_close(found[row, 4:], expected)


def test_what_is_trained(encoder_folder: Find, options: dict[str, Any]) -> None:
    model = model_on(encoder_folder("whisper"), **options)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    encoder = {name for name in trained if name.startswith("network.encoder.")}
    how = options.get("train", "head")
    if how == "head":
        assert not encoder
    elif how == "last":
        first = 3 - options["train_layers"]
        assert {name.split(".")[4] for name in encoder} == {str(i) for i in range(first, 3)}
    elif how == "lora":
        assert encoder
        assert all(".lora_" in name for name in encoder)
    else:
        assert encoder == {name for name, _ in model.named_parameters() if name.startswith("network.encoder.")}
    assert any(name.startswith("network.head.") for name in trained)
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    batch = pad_batch([noise(4000), noise(3000, seed=1)])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(2):  # adapters start as nothing: the first step moves one half of them
        optimizer.zero_grad()
        model(*batch)[:, 0].sum().backward()
        optimizer.step()
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved <= trained
    assert moved >= {name for name in trained if "mix" not in name and "pooling" not in name and "k_proj" not in name}


def test_frozen_parts_stay_in_evaluation_mode(encoder_folder: Find) -> None:
    frozen = model_on(encoder_folder("whisper")).train()
    assert frozen.training
    assert frozen.network.head.training
    assert not any(module.training for module in frozen.network.encoder.modules())
    last = model_on(encoder_folder("whisper"), train="last", train_layers=1).train()
    assert [block.training for block in last.network.encoder.blocks()] == [False, False, True]
    assert not any(block.training for block in last.eval().network.encoder.blocks())
    whole = model_on(encoder_folder("hubert-batch-norm"), train="all").train()
    assert whole.network.encoder.blocks()[0].training
    norms = [m for m in whole.modules() if isinstance(m, torch.nn.BatchNorm1d)]
    assert norms
    assert not any(module.training for module in norms)  # no statistic of the training speakers outside the weights


def test_a_directory_needs_nothing_else(encoder_folder: Find, tmp_path: Path, options: dict[str, Any]) -> None:
    folder = tmp_path / "encoder"
    shutil.copytree(encoder_folder("wavlm"), folder)
    model = model_on(folder, **options)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.1
    path = model.save_pretrained(tmp_path / "model")
    shutil.rmtree(folder)
    found = EmotionModel.from_pretrained(path)
    batch = pad_batch([noise(4000), noise(3000, seed=1)])
    with torch.no_grad():
        assert torch.equal(found(*batch), model(*batch))
    assert tensor_digest(found) == tensor_digest(model) == tensor_digest(copy.deepcopy(found))
    assert found.config == model.config
    config = json.loads((path / "config.json").read_text())
    assert config["options"]["architecture"]["model_type"] == "wavlm"
    assert len(config["options"]["source_sha256"]) == 64
    card = (path / "README.md").read_text()
    assert f"- Pretrained encoder: `{folder}` (wavlm, " in card
    assert config["options"]["source_sha256"] in card
    again = found.save_pretrained(tmp_path / "again")
    for file in ("config.json", "model.safetensors", "README.md"):
        assert (again / file).read_bytes() == (path / file).read_bytes()


def test_a_fresh_model_is_what_building_gives(encoder_folder: Find, options: dict[str, Any]) -> None:
    model = model_on(encoder_folder("wav2vec2"), seed=3, **options)
    expected = model_on(encoder_folder("wav2vec2"), seed=4, **options)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.1
    torch.manual_seed(5)
    state = torch.get_rng_state()
    fresh = model.fresh(4)
    assert torch.equal(torch.get_rng_state(), state)
    assert tensor_digest(fresh) == tensor_digest(expected)
    assert tensor_digest(model.fresh(5)) != tensor_digest(fresh)
    assert fresh.config == expected.config
    assert [p.requires_grad for p in fresh.parameters()] == [p.requires_grad for p in model.parameters()]


def test_a_fresh_model_of_another_family() -> None:
    model = build_model("logmel-cnn", CLASSES, seed=1, options={"width": 8})
    assert tensor_digest(model.fresh(9)) == tensor_digest(
        build_model("logmel-cnn", CLASSES, seed=9, options={"width": 8})
    )


def test_a_source_that_is_gone_or_changed(encoder_folder: Find, tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    shutil.copytree(encoder_folder("whisper"), folder)
    frozen, whole = model_on(folder), model_on(folder, train="all")
    shutil.rmtree(folder)
    frozen.fresh(1)  # all it needs it has
    with pytest.raises(DataError, match="there is no encoder folder"):
        whole.fresh(1)
    shutil.copytree(encoder_folder("hubert"), folder)
    with pytest.raises(CheckpointError, match=r"is not the one this model was built from \(its SHA-256 differs\)"):
        whole.fresh(1)


def test_only_the_layers_that_are_needed_are_kept(encoder_folder: Find) -> None:
    sizes = [
        sum(p.numel() for p in model_on(encoder_folder("whisper"), layer=layer).network.encoder.parameters())
        for layer in (0, 1, 3, -1, "all")
    ]
    assert sizes[0] < sizes[1] < sizes[2] == sizes[3] == sizes[4]
    one, last = (model_on(encoder_folder("whisper"), layer=layer) for layer in (3, -1))
    assert tensor_digest(one) == tensor_digest(last)


def test_the_key_of_the_front_end(encoder_folder: Find) -> None:
    def key(kind: str = "whisper", **options: Any) -> str:
        return model_on(encoder_folder(kind), **options).front_end_key()

    assert key() == key(seed=2) == key(dropout=0.1) == key(hidden=4)
    others = [key("hubert"), key(layer=1), key(layer=2), key(pooling="mean"), key(pad_to_30_s=True), key(train="last")]
    assert len({key(), *others}) == 7
    changed = model_on(encoder_folder("whisper"))
    with torch.no_grad():
        changed.network.encoder.module.conv1.bias[0] += 1.0
    assert changed.front_end_key() != key()
    assert model_on(encoder_folder("whisper")).has_frozen_encoder
    assert not model_on(encoder_folder("whisper"), train="lora").has_frozen_encoder


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"the model family encoder has no encoder \(got none\)"),
        ({"encoder": "x", "pooling": "max"}, "pooling is 'max'; one of attentive, mean, mean"),
        ({"encoder": "x", "train": "tail"}, "train is 'tail'; one of head, last, lora, all"),
        ({"encoder": "x", "layer": "last"}, "layer is 'last'; a whole number or 'all'"),
        ({"encoder": "x", "dropout": 1.0}, r"dropout is 1.0; a value from 0.0 to 0.99"),
        ({"encoder": "x", "lora_rank": 0}, "lora_rank is 0"),
    ],
)
def test_impossible_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EmotionModel(ModelConfig(family="encoder", classes=CLASSES, options=options))


def test_more_than_the_encoder_has(encoder_folder: Find) -> None:
    with pytest.raises(ConfigError, match="train_layers is 4 and the encoder has 3 layers"):
        model_on(encoder_folder("whisper"), train="last", train_layers=4)
    for layer in (4, -5):
        with pytest.raises(ConfigError, match=rf"layer {layer} was asked of .*, which has 3"):
            model_on(encoder_folder("whisper"), layer=layer)


@pytest.fixture(scope="module")
def trained_on_tones(encoder_folder: Find, tone_split: Split) -> TrainReport:
    return train_split(
        tone_split,
        family="encoder",
        config=recipe("encoder", epochs=60, learning_rate=2e-2, batch_size=16, heldout_fraction=0.15, keep_last=True),
        options={"encoder": str(encoder_folder("wav2vec2"))},
        seed=1,
    )


def test_a_head_learns_the_tones(trained_on_tones: TrainReport) -> None:
    """What it has heard: a random encoder of width 16 tells too little of a speaker it has not."""
    erasure = trained_on_tones.model.erasure
    assert erasure is not None
    assert erasure.trained is not None
    assert erasure.trained.accuracy > 0.8


@pytest.mark.parametrize("how", [{"train": "all"}, {"train": "lora", "lora_rank": 4}, {"train": "last"}], ids=name_of)
def test_a_few_clips_are_learned_by_heart(encoder_folder: Find, how: dict[str, Any]) -> None:
    model = model_on(encoder_folder("wav2vec2"), dropout=0.0, **how).train()
    waveforms, lengths = pad_batch([noise(3000 + 200 * i, seed=i) for i in range(8)])
    labels = torch.arange(8) % 3
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.02)
    with torch.no_grad():
        features, counts = model.front_end(waveforms, lengths)
    for _ in range(80):
        loss = torch.nn.functional.cross_entropy(model.classify(features, counts), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model.eval()(waveforms, lengths).argmax(1).tolist() == labels.tolist()


@pytest.mark.parametrize("method", ["amun", "forget_set_alone", "gradient_ascent"])
def test_a_head_forgets_without_special_cases(trained_on_tones: TrainReport, tone_split: Split, method: str) -> None:
    model = trained_on_tones.model
    speakers = tone_split.train.table["speaker"].to_list()
    rows = [row for row in trained_on_tones.fit.trained_rows if speakers[row] == "s1"]
    forget_set = ForgetSet.of(tone_split.train.select(rows), model)
    before = tensor_digest(model)
    attack = {} if method == "gradient_ascent" else {"attack": {"steps": 3, "copies": 1}}
    config = method_config(method, stop="calibrated", max_steps=60, learning_rate=0.02, **attack)
    result = forget(model, forget_set, method=method, config=config, target_loss=2.0)
    assert tensor_digest(model) == before
    assert result.log.loss_after > result.log.loss_before
    after, start = result.model.state_dict(), model.state_dict()
    moved = {name for name in after if not torch.equal(after[name], start[name])}
    assert moved
    assert not any(name.startswith("network.encoder.") for name in moved)


def test_every_option_is_on_the_page() -> None:
    import dataclasses
    import re

    from affekt.models import EncoderOptions

    page = (Path(__file__).parents[2] / "docs" / "encoders.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (`[^|]+`) \|([^|]*)\|", page, re.MULTILINE))
    named = {name.strip(" `"): value for names, value in rows.items() for name in names.split(",")}
    fields = {field.name for field in dataclasses.fields(EncoderOptions)}
    assert set(named) == fields - {"architecture", "source_sha256"}
    for names, value in rows.items():
        for name, default in zip(names.split(","), value.split(","), strict=True):
            options = EncoderOptions(encoder="x")
            shown = str(getattr(options, name.strip(" `"))) if name != "`encoder`" else ""
            assert default.strip(' "') == shown.replace("True", "true").replace("False", "false").removesuffix(".0")


@pytest.mark.data
@pytest.mark.parametrize(
    "how",
    [{}, {"train": "all", "layer": 5, "pooling": "mean"}, {"train": "all", "layer": -1}, {"train": "last"}],
    ids=name_of,
)
def test_batches_of_real_speech_change_no_score(data_root: Callable[[str], Path], how: dict[str, Any]) -> None:
    """The last layers of the real Whisper hold values of several hundred, where rounding is largest."""
    from affekt.corpora import open_corpus

    model = model_on(data_root("weights") / "whisper-base-encoder", **how)
    corpus = open_corpus(data_root("emodb"))
    clips = [corpus.load(row) for row in (0, 70, 140, 210, 280)]
    with torch.no_grad():
        together = model(*pad_batch(clips))
        alone = torch.cat([model(*pad_batch([clip])) for clip in clips])
    assert float((together - alone).abs().max()) < 1e-5
