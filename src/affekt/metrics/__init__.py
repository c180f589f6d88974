"""Scores as pure functions of arrays, each with one convention, and the intervals that go with them.

Nothing here knows a model, and nothing here imports torch. `docs/metrics.md` lists the formulas.

- `classification`: accuracy, UAR, macro-F1, recalls, the confusion matrix
- `attributes`: CCC for arousal, valence and dominance
- `intervals`: the bootstrap over speakers or utterances, Wilson's interval
- `outputs`: loss, log odds, confidence and entropies of each utterance
- `membership`: AUC with its interval, LiRA, U-LiRA, RMIA
- `screens`: a forget set against matched non-members: remembered or over-forgotten
- `forgetting`: distances to a retrained model and the composite scores of the papers
- `privacy`: epsilon from error rates, a certified bound, KLOM, the permutation p value
"""

from affekt.metrics.attributes import ccc
from affekt.metrics.classification import (
    ClassificationScore,
    accuracy,
    confusion,
    macro_f1,
    recalls,
    score_confusion,
    uar,
)
from affekt.metrics.forgetting import (
    Anamnesis,
    Cgum,
    activation_distance,
    anamnesis_index,
    aus,
    average_gap,
    cgum,
    js_divergence,
    loss_gap,
    loss_gap_floor,
    speed_up,
    tow,
    unlearning_accuracy,
    zrf,
)
from affekt.metrics.intervals import Interval, bootstrap, bootstrap_difference, bootstrap_values, wilson
from affekt.metrics.membership import (
    auc,
    auc_interval,
    lira_offline,
    lira_online,
    rmia_likelihood,
    rmia_score,
    true_positive_rate,
    u_lira,
)
from affekt.metrics.outputs import (
    confidence,
    cross_entropy,
    entropy,
    modified_entropy,
    phi,
    phi_from_loss,
    probabilities,
)
from affekt.metrics.privacy import (
    CertifiedEpsilon,
    certified_epsilon,
    epsilon,
    epsilon_estimate,
    h_score,
    klom,
    permutation_p,
)
from affekt.metrics.screens import OverForgetting, Verdict, match_non_members, over_forgetting

__all__ = [
    "Anamnesis",
    "CertifiedEpsilon",
    "Cgum",
    "ClassificationScore",
    "Interval",
    "OverForgetting",
    "Verdict",
    "accuracy",
    "activation_distance",
    "anamnesis_index",
    "auc",
    "auc_interval",
    "aus",
    "average_gap",
    "bootstrap",
    "bootstrap_difference",
    "bootstrap_values",
    "ccc",
    "certified_epsilon",
    "cgum",
    "confidence",
    "confusion",
    "cross_entropy",
    "entropy",
    "epsilon",
    "epsilon_estimate",
    "h_score",
    "js_divergence",
    "klom",
    "lira_offline",
    "lira_online",
    "loss_gap",
    "loss_gap_floor",
    "macro_f1",
    "match_non_members",
    "modified_entropy",
    "over_forgetting",
    "permutation_p",
    "phi",
    "phi_from_loss",
    "probabilities",
    "recalls",
    "rmia_likelihood",
    "rmia_score",
    "score_confusion",
    "speed_up",
    "tow",
    "true_positive_rate",
    "u_lira",
    "uar",
    "unlearning_accuracy",
    "wilson",
    "zrf",
]
