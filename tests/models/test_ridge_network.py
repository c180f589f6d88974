"""The head that is solved: against scikit-learn and plain arithmetic."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from affekt.corpora import Split
from affekt.errors import ConfigError
from affekt.models import RidgeNetwork, RidgeOptions
from affekt.training import fit, model_for, recipe


def solved(x: np.ndarray, labels: np.ndarray, **options: Any) -> RidgeNetwork:
    network = RidgeNetwork(3, RidgeOptions(n_mels=x.shape[1], pooling="mean", **{"temperature": 1.0, **options}))
    network.solve(network.sums(torch.from_numpy(x), torch.from_numpy(labels)))
    return network


def outputs(network: RidgeNetwork, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        found = network.classify(torch.from_numpy(x).unsqueeze(1), torch.ones(len(x), dtype=torch.int64))
    return np.asarray(found.numpy())


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [30, 50, 10])
    x = random.normal(size=(90, 20)) * random.uniform(0.5, 3.0, 20) + random.normal(size=20)
    x[np.arange(90), labels] += 2.0
    return x, labels


@pytest.mark.parametrize("balanced", [False, True])
def test_ridge_is_that_of_scikit_learn(data: tuple[np.ndarray, np.ndarray], balanced: bool) -> None:
    x, labels = data
    weights = 90 / (3 * np.bincount(labels))[labels] if balanced else np.ones(90)
    mean = np.average(x, axis=0, weights=weights)
    deviation = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weights) + 1e-6)
    oracle = Ridge(alpha=0.3 * 90).fit((x - mean) / deviation, np.eye(3)[labels], sample_weight=weights)
    network = solved(x, labels, penalty=0.3, balanced=balanced)
    assert network.mean.numpy() == pytest.approx(mean)
    assert network.deviation.numpy() == pytest.approx(deviation)
    assert outputs(network, x) == pytest.approx(oracle.predict((x - mean) / deviation), abs=1e-10)


@pytest.mark.parametrize("balanced", [False, True])
def test_discriminant_analysis_is_that_of_scikit_learn(data: tuple[np.ndarray, np.ndarray], balanced: bool) -> None:
    x, labels = data
    z = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-6)
    priors = np.full(3, 1 / 3) if balanced else np.bincount(labels) / 90
    oracle = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2, priors=priors)
    oracle.fit(z, labels)
    # scikit-learn standardises by the deviation within classes before it shrinks, so compare with the matrix by hand
    centres = np.stack([z[labels == k].mean(0) for k in range(3)])
    within = (z - centres[labels]).T @ (z - centres[labels]) / 90
    within = 0.8 * within + 0.2 * np.trace(within) / 20 * np.eye(20)
    wanted = z @ np.linalg.solve(within, centres.T) - 0.5 * np.sum(centres.T * np.linalg.solve(within, centres.T), 0)
    found = outputs(solved(x, labels, head="lda", shrinkage=0.2, balanced=balanced), x)
    assert found == pytest.approx(wanted + np.log(priors), abs=1e-9)
    assert np.mean(found.argmax(1) == oracle.predict(z)) > 0.95


def test_a_temperature_divides_and_changes_no_decision(data: tuple[np.ndarray, np.ndarray]) -> None:
    x, labels = data
    network = solved(x, labels, temperature=0.5)
    assert outputs(network, x) == pytest.approx(2.0 * outputs(solved(x, labels), x))


def test_a_constant_feature_does_no_harm(data: tuple[np.ndarray, np.ndarray]) -> None:
    x, labels = data
    x[:, 7] = 4.0
    network = solved(x, labels)
    assert torch.isfinite(network.head.weight).all()
    assert float(network.head.weight.detach()[:, 7].abs().max()) < 1e-6
    assert outputs(network, x) == pytest.approx(outputs(solved(np.delete(x, 7, 1), labels), np.delete(x, 7, 1)))


def test_other_targets_than_one_emotion_are_refused(tone_split: Split) -> None:
    config = recipe("ridge", target="soft")
    model = model_for(tone_split.train, recipe("ridge"), family="ridge", seed=0)
    with pytest.raises(ConfigError, match="learns one emotion a recording"):
        fit(model, tone_split.train, tone_split.dev, config=config)


def test_it_learns_the_tones_in_one_step(tone_split: Split) -> None:
    model = model_for(tone_split.train, recipe("ridge"), family="ridge", seed=0)
    fitted = fit(model, tone_split.train, tone_split.dev, config=recipe("ridge"))
    assert (fitted.epochs, fitted.best_epoch, len(fitted.history)) == (1, 1, 1)
    assert fitted.history[0]["dev_uar"] >= 0.8
    assert model.erasure is not None
    assert model.erasure.trained is not None
    assert model.erasure.trained.accuracy == 1.0


def test_settings_out_of_range() -> None:
    with pytest.raises(ConfigError, match="head 'svm'; mean or mean"):
        RidgeOptions(head="svm")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="penalty is 0"):
        RidgeOptions(penalty=0.0)
    with pytest.raises(ConfigError, match="layer is 'all'"):
        RidgeOptions(layer="all")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="temperature is 0"):
        RidgeOptions(temperature=0.0)
