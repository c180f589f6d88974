"""Boundary Shrink: the label is the class seen one signed step away."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from affekt.unlearning import ForgetSet, Material, forget, method_config
from affekt.unlearning.boundary_shrink import neighbour_labels


class Thresholds(torch.nn.Module):
    """Three classes in a row: the first samples' sum s gives the logits -|s|, -|s - 1|, -|s + 1|."""

    def __init__(self) -> None:
        super().__init__()
        self.places = torch.nn.Parameter(torch.tensor([0.0, 1.0, -1.0]))

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        return -(waveforms.sum(1, keepdim=True) - self.places).abs()


def labels_of(clips: list[list[float]], labels: list[int], epsilon: float) -> tuple[list[int], float]:
    data = ForgetSet(tuple(np.array(clip, np.float32) for clip in clips), torch.tensor(labels))
    found, fallback = neighbour_labels(Thresholds(), Material(forget_set=data, n_classes=3), epsilon=epsilon)
    return found.tolist(), fallback


def test_the_neighbour_is_the_class_across_the_nearest_boundary() -> None:
    # sums .4 and -.4: the boundaries to classes 1 and 2 are .1 away; steps of .05 a sample move the sum by .2
    clips = [[0.1] * 4, [-0.1] * 4]
    assert labels_of(clips, [0, 0], epsilon=0.05) == ([1, 2], 0.0)


def test_a_step_that_is_too_short_is_tried_longer() -> None:
    # .01 a sample moves the sum by .04, 3 times that by .12: enough
    assert labels_of([[0.1] * 4], [0], epsilon=0.01) == ([1], 0.0)


def test_the_second_best_class_where_no_step_is_enough() -> None:
    assert labels_of([[0.1] * 4, [-0.1] * 4], [0, 0], epsilon=1e-4) == ([1, 2], 1.0)


def test_the_step_follows_the_level() -> None:
    # the same shape ten times softer is ten times nearer 0, and its steps are ten times smaller: never across
    assert labels_of([[0.01] * 4], [0], epsilon=0.05)[1] == 1.0


def test_relabels_are_taught(toy: Any) -> None:
    config = method_config("boundary_shrink", epsilon=0.05, stop="relabel-hit", learning_rate=0.05, max_steps=400)
    result = forget(toy.model, toy.canaries, method="boundary_shrink", config=config)
    assert result.log.reached
    assert result.log.details["relabels"] == toy.canary_truth.tolist()
    assert result.log.details["runner_up_share"] == 0.0
