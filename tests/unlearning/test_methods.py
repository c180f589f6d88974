"""Every method: its header, what it may see, and a toy whose retrained answer is known."""

import copy
import re
from dataclasses import fields
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

import affekt.unlearning
from affekt.errors import ProtocolError
from affekt.models import EmotionModel, tensor_digest
from affekt.unlearning import DEFAULT_METHOD, METHODS, ForgetSet, Material, Needs, forget, method_config
from affekt.unlearning.harness import forget_only_methods
from affekt.unlearning.material import LearnedPart

FORGET_ONLY = forget_only_methods()
ANY_MODULE = [name for name in FORGET_ONLY if Needs.ERASURE_STATISTICS not in METHODS[name].NEEDS]
"""Forget-only methods for any module; the others need what erasure-ready training saved beside an EmotionModel."""
RIDGE_ONLY = ("exact",)
"""Methods for a head in closed form alone."""
ITERATIVE = [name for name in METHODS if name != "retrain"]
FIELDS = ("Title", "Authors", "Year", "arXiv", "Official code", "Paper", "Reading", "Deviations", "Reproduces")

DRAWS_NOTHING = ("amun", "boundary_shrink", "exact", "fold_swap", "gradient_ascent", "head_newton", "kfac")
DRAWS_NOTHING += ("negmerge", "out_of_fold", "ssd")
"""With one batch, or always: the seed is not used."""

# settings that suit the toy, and the share of the other recordings that must still be recognised afterwards
TOY: dict[str, tuple[dict[str, Any], float]] = {
    "amun": ({"attack": {"epsilon": 0.02}}, 0.98),
    "boundary_shrink": ({"epsilon": 0.05}, 0.98),
    "forget_set_alone": ({"elastic_weight": 0.01}, 0.98),
    "gradient_ascent": ({}, 0.9),
    "jit": ({}, 0.6),
    "l2ul": ({"elastic_weight": 0.01}, 0.98),
    "negmerge": ({}, 0.98),
    "random_labels": ({}, 0.75),
}


def test_contents_are_there_once() -> None:
    assert len(set(affekt.unlearning.__all__)) == len(affekt.unlearning.__all__)
    assert all(hasattr(affekt.unlearning, name) for name in affekt.unlearning.__all__)


def test_the_methods() -> None:
    assert list(METHODS) == sorted(METHODS)
    references = {"bad_teacher", "finetune", "random_labels_retained", "retrain", "salun", "scrub"}
    assert set(METHODS) - set(FORGET_ONLY) == references
    assert DEFAULT_METHOD in FORGET_ONLY
    assert set(TOY) == set(ANY_MODULE)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_file_says_what_it_is(name: str) -> None:
    module = METHODS[name]
    assert isinstance(module, ModuleType)
    assert module.__name__ == f"affekt.unlearning.{name}"
    assert Needs.FORGET_SET in module.NEEDS
    assert all(isinstance(need, Needs) for need in module.NEEDS)
    module.Config()
    assert callable(module.unlearn)
    assert {"NEEDS", "PAPER", "Config", "unlearn"} <= set(module.__all__)
    text = module.__doc__ or ""
    if module.PAPER is None:
        assert re.search(r"Not (a|one) paper", text)
    else:
        for field in FIELDS:
            assert re.search(rf"(^|\. ){re.escape(field)}: \S", text, re.MULTILINE), field
        assert set(module.PAPER) == {"title", "arxiv", "year"}
        flat = " ".join(text.split())
        assert str(module.PAPER["title"]) in flat
        assert f"Year: {module.PAPER['year']}" in flat
        assert f"arXiv: {module.PAPER['arxiv']}" in flat
        assert re.fullmatch(r"\d{4}\.\d{5}", str(module.PAPER["arxiv"]))
    assert (Path(__file__).parent / f"test_{name}.py").is_file()


@pytest.mark.parametrize("name", ANY_MODULE)
def test_forgetting_wrong_labels_gives_what_retraining_gives(name: str, toy: Any) -> None:
    settings, share = TOY[name]
    assert toy.losses(toy.model, toy.canaries)[1] == 1.0  # learned by heart
    assert toy.losses(toy.retrained, toy.canaries)[1] == 0.0  # and unknown without them
    config = method_config(name, stop="calibrated", learning_rate=0.05, max_steps=400, **settings)
    result = forget(toy.model, toy.canaries, method=name, config=config, target_loss=toy.target)
    assert result.log.reached
    assert result.log.stopped.startswith("the mean loss on the forget set reached that of held-out")
    loss, accuracy = toy.losses(result.model, toy.canaries)
    assert loss == pytest.approx(result.log.loss_after, abs=1e-5)
    assert toy.target - 1e-6 <= loss <= toy.target + 0.01
    assert accuracy <= 0.5
    assert toy.losses(result.model, toy.clean)[1] >= share


@pytest.mark.parametrize("name", ["amun", "boundary_shrink", "forget_set_alone", "l2ul"])
def test_methods_that_look_across_the_boundary_find_the_right_class(name: str, toy: Any) -> None:
    """Gradients alone do not know the retrained answer; where the samples say it, most canaries get it."""
    settings, _ = TOY[name]
    config = method_config(name, stop="calibrated", learning_rate=0.05, max_steps=400, **settings)
    result = forget(toy.model, toy.canaries, method=name, config=config, target_loss=toy.target)
    waveforms = torch.stack([torch.as_tensor(w) for w in toy.canaries.waveforms])
    with torch.no_grad():
        seen = result.model(waveforms, torch.full((6,), waveforms.shape[1])).argmax(1)
    right = float((seen == toy.canary_truth).double().mean())
    assert right >= (1.0 if name in ("amun", "boundary_shrink") else 0.5)


@pytest.mark.parametrize("name", FORGET_ONLY)
def test_forget_only_methods_never_touch_retained_data(
    name: str,
    ready: EmotionModel,
    ridge_ready: EmotionModel,
    forget_set: ForgetSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    touched: list[str] = []

    def poisoned() -> Any:
        touched.append("opened")
        raise AssertionError("retained data were opened")

    real = METHODS[name]
    seen: list[Material] = []

    def spy(model: torch.nn.Module, material: Material, config: Any, *, seed: int) -> Any:
        seen.append(material)
        return real.unlearn(model, material, config, seed=seed)

    monkeypatch.setitem(
        METHODS,
        name,
        SimpleNamespace(NEEDS=real.NEEDS, Config=real.Config, unlearn=spy),  # type: ignore[misc]
    )
    config = method_config(name, **settings_for(name))
    model = ridge_ready if name in RIDGE_ONLY else ready
    result = forget(model, forget_set, method=name, config=config, retained=poisoned)
    assert not touched
    (material,) = seen
    assert material.supplier is None
    statistics = (material.teachers, material.curvature, material.clean_fold, material.sums)
    assert all(value is None for value in statistics) == (Needs.ERASURE_STATISTICS not in real.NEEDS)
    with pytest.raises(ProtocolError, match="asked for retained data, which it was not given"):
        _ = material.retained
    assert "retained data" not in result.needs


@pytest.mark.parametrize("name", [n for n in METHODS if n not in FORGET_ONLY])
def test_methods_with_retained_data_must_be_given_them(name: str, trained: EmotionModel, forget_set: ForgetSet) -> None:
    with pytest.raises(ProtocolError, match=rf"{name} needs the retained data.*or choose a forget-only method: amun"):
        forget(trained, forget_set, method=name)


def settings_for(name: str) -> dict[str, Any]:
    known = {field.name for field in fields(METHODS[name].Config)}
    wanted = {"max_steps": 4, "stop": "steps", "tolerance": 1e-4, "attack": {"steps": 2, "copies": 1}}
    wanted |= {"copies": 2, "tuning_steps": 2}
    return {key: value for key, value in wanted.items() if key in known}


@pytest.mark.parametrize("name", METHODS)
def test_the_model_that_is_passed_in_stays_and_seeds_repeat(
    name: str,
    trained: EmotionModel,
    ready: EmotionModel,
    ridge_ready: EmotionModel,
    forget_set: ForgetSet,
    retained: Any,
) -> None:
    if Needs.ERASURE_STATISTICS in METHODS[name].NEEDS:
        trained = ridge_ready if name in RIDGE_ONLY else ready
    before = tensor_digest(trained)
    erasure, history = trained.erasure, trained.config.history
    waveforms = copy.deepcopy(forget_set.waveforms)
    trained.train()
    required = [p.requires_grad for p in trained.parameters()]
    config = None if name == "retrain" else method_config(name, **settings_for(name))
    runs = [forget(trained, forget_set, method=name, config=config, seed=seed, retained=retained) for seed in (5, 5, 6)]
    assert tensor_digest(trained) == before
    assert trained.training
    assert (trained.erasure, trained.config.history) == (erasure, history)
    assert [p.requires_grad for p in trained.parameters()] == required
    assert all((a == b).all() for a, b in zip(waveforms, forget_set.waveforms, strict=True))
    digests = [tensor_digest(run.model) for run in runs]
    assert digests[0] == digests[1] != before
    if name not in DRAWS_NOTHING:
        assert digests[2] != digests[0]
    assert not runs[0].model.training
    assert runs[0].seconds > 0
    assert (runs[0].method, runs[0].utterances, runs[0].scope) == (name, len(forget_set), "utterances")


class Normalised(torch.nn.Module):
    """A module with batch normalisation and dropout, both of which must rest while it unlearns."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(24, 8)
        self.norm = torch.nn.BatchNorm1d(8)
        self.dropout = torch.nn.Dropout(0.5)
        self.second = torch.nn.Linear(8, 3)
        self.modes: set[bool] = set()

    def forward(self, waveforms: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        self.modes.add(self.training)
        logits: torch.Tensor = self.second(self.dropout(self.norm(self.first(waveforms)).relu()))
        return logits


@pytest.mark.parametrize("name", ANY_MODULE)
def test_batch_normalisation_and_dropout_rest(name: str, toy: Any) -> None:
    torch.manual_seed(0)
    model = Normalised()
    buffers = {key: value.clone() for key, value in model.named_buffers()}
    config = method_config(name, **settings_for(name))
    result = forget(model, toy.canaries, method=name, config=config)
    assert result.model.modes == {False}
    for key, value in result.model.named_buffers():
        assert torch.equal(value, buffers[key])
    for key, value in model.named_buffers():
        assert torch.equal(value, buffers[key])
    moved = [not torch.equal(a, b) for a, b in zip(model.parameters(), result.model.parameters(), strict=True)]
    assert any(moved)


@pytest.mark.parametrize("name", ANY_MODULE)
def test_frozen_weights_stay(name: str, toy: Any) -> None:
    torch.manual_seed(0)
    model = Normalised()
    model.first.requires_grad_(False)
    result = forget(model, toy.canaries, method=name, config=method_config(name, **settings_for(name)))
    assert torch.equal(result.model.first.weight, model.first.weight)
    assert not result.model.first.weight.requires_grad
    assert not torch.equal(result.model.second.weight, model.second.weight)


@pytest.mark.parametrize("name", ANY_MODULE)
@pytest.mark.parametrize("family", ["emo18", "logmel-cnn"])
def test_every_method_moves_the_forget_set_of_a_real_network(
    name: str, family: str, trained: EmotionModel, forget_set: ForgetSet
) -> None:
    if family == "emo18":
        from affekt.training import build_model

        model = build_model("emo18", trained.classes, seed=0, options={"hidden": 8}).eval()
    else:
        model = trained
    config = method_config(name, **{**settings_for(name), "learning_rate": 1e-3})
    few = ForgetSet(forget_set.waveforms[:4], forget_set.labels[:4])
    result = forget(model, few, method=name, config=config)
    assert result.log.loss_after != result.log.loss_before
    part = LearnedPart(result.model)
    logits = part.all_logits(part.features(few.waveforms)).double()
    assert float(torch.nn.functional.cross_entropy(logits, few.labels)) == pytest.approx(result.log.loss_after)
    for key, value in result.model.named_buffers():
        assert torch.equal(value, dict(model.named_buffers())[key])
