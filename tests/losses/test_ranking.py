"""The ranking losses: known values, limits in which one is the other, loops as oracles, large scores, long lists."""

import itertools
import math
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from affekt.errors import ConfigError, ShapeError
from affekt.losses import listmle, listnet, ranking_loss, ranklist, ranknet

SCORES = torch.tensor([[2.0, 1.0, 1.5, 0.0]], dtype=torch.float64)
ORDER = torch.tensor([[4.0, 3.0, 2.0, 1.0]])
LOSSES = ("listmle", "listnet", "ranklist", "ranknet")


def softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def constraints(targets: list[float], skip: int) -> list[tuple[int, int]]:
    """Pairs of items at most ``skip`` places apart in the sorted list whose targets differ."""
    order = sorted((i for i, y in enumerate(targets) if not math.isnan(y)), key=lambda i: -targets[i])
    pairs = [(order[a], order[b]) for a in range(len(order)) for b in range(a + 1, min(a + skip, len(order) - 1) + 1)]
    return [(i, j) for i, j in pairs if targets[i] > targets[j]]


def drawn(size: int, *, seed: int, levels: int = 1000, missing: float = 0.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(3, size, generator=generator, dtype=torch.float64) * 2
    targets = torch.randint(levels, (3, size), generator=generator).double()
    targets[torch.rand(3, size, generator=generator) < missing] = float("nan")
    return scores, targets


def test_the_known_values() -> None:
    def value(**options: object) -> float:
        return float(ranklist(SCORES, ORDER, **options))  # type: ignore[arg-type]

    assert float(ranknet(SCORES, ORDER)) == pytest.approx(2.403018632422384, abs=1e-12)
    assert value(skip=1) == pytest.approx(1.488751949681082, abs=1e-12)
    assert value(skip=2) - value(skip=1) == pytest.approx(0.7873386716983295, abs=1e-12)
    assert value(skip=3) - value(skip=2) == pytest.approx(0.1269280110429725, abs=1e-12)
    assert value(form="lse") == pytest.approx(1.4700554369646261, abs=1e-12)
    assert float(listmle(SCORES, ORDER)) == pytest.approx(2.052111152493272, abs=1e-12)
    relevance = torch.tensor([[3.0, 2.0, 1.0, 0.0]], dtype=torch.float64)
    assert float(listnet(SCORES, relevance)) == pytest.approx(1.0911394531948875, abs=1e-12)
    balanced = 1.488751949681082 / 3 + 0.7873386716983295 / 2 + 0.1269280110429725
    assert value(balanced=True) == pytest.approx(balanced, abs=1e-12)


@pytest.mark.parametrize("size", [2, 3, 7])
def test_ranklist_is_ranknet_where_it_compares_everything(size: int) -> None:
    scores, targets = drawn(size, seed=size)
    for skip in (size - 1, size + 5, None):
        torch.testing.assert_close(ranklist(scores, targets, skip=skip), ranknet(scores, targets))
    if size == 2:
        for form in ("sum", "lse", "anchor"):
            found = ranklist(scores, targets, skip=1, form=form)
            torch.testing.assert_close(found, ranknet(scores, targets))
        torch.testing.assert_close(listmle(scores, targets), ranknet(scores, targets))


def test_a_skip_of_one_is_the_chain() -> None:
    scores, _ = drawn(6, seed=1)
    targets = torch.arange(6, 0, -1).expand(3, 6).double()
    chain = -torch.sigmoid(scores[:, :-1] - scores[:, 1:]).prod(1).log()
    torch.testing.assert_close(ranklist(scores, targets, skip=1), chain)


def test_the_anchored_form_over_all_pairs_is_listmle() -> None:
    for levels in (1000, 3):  # without and with ties
        scores, targets = drawn(9, seed=2, levels=levels)
        torch.testing.assert_close(ranklist(scores, targets, form="anchor"), listmle(scores, targets))


@pytest.mark.parametrize("skip", [1, 2, 4, 20])
@pytest.mark.parametrize("levels", [3, 1000])
def test_against_loops(skip: int, levels: int) -> None:
    scores, targets = drawn(8, seed=skip, levels=levels, missing=0.2)
    for form in ("sum", "lse", "anchor"):
        found = ranklist(scores, targets, skip=skip, form=form)
        for row in range(3):
            s, y = scores[row].tolist(), targets[row].tolist()
            pairs = constraints(y, skip)
            if form == "sum":
                wanted = sum(softplus(s[j] - s[i]) for i, j in pairs)
            elif form == "lse":
                wanted = math.log(1 + sum(math.exp(s[j] - s[i]) for i, j in pairs))
            else:
                wanted = sum(
                    math.log(1 + sum(math.exp(s[j] - s[i]) for i, j in pairs if i == anchor)) for anchor in range(8)
                )
            assert float(found[row]) == pytest.approx(wanted, abs=1e-9), (form, row)
    for row in range(3):
        s, y = scores[row].tolist(), targets[row].tolist()
        there = [i for i in range(8) if not math.isnan(y[i])]
        wanted = sum(math.log(math.exp(s[i]) + sum(math.exp(s[k]) for k in there if y[k] < y[i])) - s[i] for i in there)
        assert float(listmle(scores, targets)[row]) == pytest.approx(wanted, abs=1e-9)


@given(values=st.lists(st.floats(-30, 30), min_size=2, max_size=9), skip=st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_log_sum_exp_is_between_the_largest_term_and_the_sum(values: list[float], skip: int) -> None:
    scores = torch.tensor([values], dtype=torch.float64)
    targets = torch.arange(len(values), 0, -1).double().unsqueeze(0)
    found = float(ranklist(scores, targets, skip=skip, form="lse"))
    terms = [softplus(values[j] - values[i]) for i, j in constraints(targets[0].tolist(), skip)]
    assert max(terms) - 1e-9 <= found <= sum(terms) + 1e-9


@given(seed=st.integers(0, 1000), shift=st.floats(-50, 50))
@settings(max_examples=30, deadline=None)
def test_only_differences_count_and_the_order_of_the_batch_does_not(seed: int, shift: float) -> None:
    scores, targets = drawn(6, seed=seed, levels=4)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    for loss in LOSSES:
        found = ranking_loss(scores, targets, loss=loss)  # type: ignore[arg-type]
        torch.testing.assert_close(ranking_loss(scores + shift, targets, loss=loss), found)  # type: ignore[arg-type]
        again = ranking_loss(scores[:, order], targets[:, order], loss=loss)  # type: ignore[arg-type]
        torch.testing.assert_close(again, found)


@pytest.mark.parametrize("form", ["sum", "lse", "anchor"])
@pytest.mark.parametrize("loss", LOSSES)
def test_huge_scores_give_finite_values_and_gradients(loss: str, form: str) -> None:
    scores = (torch.tensor([[1.0, -1.0, 0.5, -0.5, 0.0]]) * 1e4).requires_grad_()
    targets = torch.tensor([[1.0, 2.0, 3.0, 3.0, float("nan")]])
    found = ranking_loss(scores, targets, loss=loss, form=form, skip=2)  # type: ignore[arg-type]
    (gradient,) = torch.autograd.grad(found.sum(), scores)
    assert torch.isfinite(found).all()
    assert torch.isfinite(gradient).all()
    assert float(found.detach()) >= 5e3  # the two best items have scores far below that of the worst
    assert float(gradient[0, 4]) == 0.0  # what is not there learns nothing
    assert float(gradient[0, 0]) > 0.0 >= float(gradient[0, 3])


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_the_formula(loss: str) -> None:
    scores, targets = drawn(6, seed=5, levels=4, missing=0.1)
    assert torch.autograd.gradcheck(
        lambda s: ranking_loss(s, targets, loss=loss),  # type: ignore[arg-type]
        (scores.requires_grad_(),),
    )


@pytest.mark.parametrize("loss", ["listmle", "ranklist", "ranknet"])
def test_a_list_of_ties_asks_for_nothing(loss: str) -> None:
    scores = torch.randn(1, 5, requires_grad=True)
    for targets in (torch.ones(1, 5), torch.full((1, 5), float("nan"))):
        found = ranking_loss(scores, targets, loss=loss)  # type: ignore[arg-type]
        assert float(found.detach()) == 0.0
        (gradient,) = torch.autograd.grad(found.sum(), scores)
        assert not gradient.any()


@pytest.mark.parametrize("loss", LOSSES)
def test_lists_of_positions_are_lists_of_scores(loss: str) -> None:
    scores = torch.randn(7, dtype=torch.float64)
    targets = torch.rand(7, dtype=torch.float64)
    lists = torch.tensor([[3, 1, 4, 0], [6, 2, 5, -1]])
    found = ranking_loss(scores, targets, loss=loss, lists=lists)  # type: ignore[arg-type]
    padded = torch.where(lists >= 0, targets[lists], float("nan"))
    torch.testing.assert_close(found, ranking_loss(scores[lists], padded, loss=loss))  # type: ignore[arg-type]
    # without targets a list is in order already
    ordered = ranking_loss(scores, lists=lists[:1], loss=loss)  # type: ignore[arg-type]
    torch.testing.assert_close(
        ordered,
        ranking_loss(scores[lists[:1]], ORDER.double(), loss=loss),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("options", [{"skip": 1}, {"skip": 64}, {"skip": 16, "form": "lse"}, {"loss": "listmle"}])
def test_ten_thousand_items_take_less_than_a_second(options: dict[str, object]) -> None:
    scores = torch.randn(1, 10_000, requires_grad=True)
    targets = torch.rand(1, 10_000)
    began = time.process_time()
    found = ranking_loss(scores, targets, **options).sum()  # type: ignore[arg-type]
    (gradient,) = torch.autograd.grad(found, scores)
    assert time.process_time() - began < 1.0
    assert torch.isfinite(gradient).all()


def test_descending_the_loss_sorts() -> None:
    targets = torch.tensor([[3.0, 1.0, 2.0, 5.0, 4.0]])
    for loss, form in itertools.product(LOSSES, ("sum", "lse")):
        scores = torch.zeros(1, 5, requires_grad=True)
        for _ in range(300):
            (gradient,) = torch.autograd.grad(
                ranking_loss(scores, targets, loss=loss, form=form, skip=2).sum(),  # type: ignore[arg-type]
                scores,
            )
            scores = (scores - 0.2 * gradient).detach().requires_grad_()
        assert torch.equal(scores.argsort(1), targets.argsort(1)), (loss, form)


def test_what_is_refused() -> None:
    with pytest.raises(ConfigError, match="the loss is 'ranksvm'; one of listmle"):
        ranking_loss(SCORES, loss="ranksvm")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="the form is 'max'"):
        ranklist(SCORES, ORDER, form="max")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="skip is 0; 1 or more"):
        ranklist(SCORES, ORDER, skip=0)
    with pytest.raises(ConfigError, match="lse cannot be balanced"):
        ranklist(SCORES, ORDER, form="lse", balanced=True)
    with pytest.raises(ShapeError, match=r"\(1, 4\) and \(4,\); \(B, n\) twice"):
        listnet(SCORES, ORDER[0])
    with pytest.raises(ShapeError, match="give flat scores with lists"):
        ranking_loss(SCORES, lists=torch.zeros(1, 2, dtype=torch.long))
