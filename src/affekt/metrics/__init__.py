"""Scores as pure functions of arrays, each with one convention, and the intervals that go with them.

Nothing here knows a model, and nothing here imports torch. `docs/metrics.md` lists the formulas.

- `classification`: accuracy, UAR, F1, recalls and precisions, the confusion matrix
- `multi_label`: F1 where an utterance can have several emotions
- `agreement`: kappa, Krippendorff's alpha and intraclass correlations of raters
- `attributes`: CCC, Pearson's correlation, MAE and RMSE for arousal, valence and dominance
- `calibration`: ECE, Brier score, the reliability diagram, temperature scaling
- `paired`: two models on the same utterances: McNemar, permutation by speaker, Holm
- `ranking`: Kendall's tau-b and pair accuracy of an order
- `groups`: scores of groups, the largest gap, and the gap expected by chance
- `intervals`: the bootstrap over speakers or utterances, Wilson's interval
- `outputs`: loss, log odds, confidence and entropies of each utterance
- `membership`: AUC with its interval, LiRA, U-LiRA, RMIA
- `screens`: a forget set against matched non-members: remembered or over-forgotten
- `forgetting`: distances to a retrained model and the composite scores of the papers
- `privacy`: epsilon from error rates, a certified bound, KLOM, the permutation p value
- `ensembles`: forgetting quality beside that of perfect forgetting
- `references`: one model among models that never saw the forget set
- `informed`: the attacker who holds the models before and after; damage near the forget set
- `equivalence`: two one-sided tests, and what could have been found
- `hierarchy`: the bootstrap over seeds, draws and utterances
- `deletion_rules`: the tests of a deletion, their limits and the verdict; import it by its own name
- `joint`: emotion and intent together (JRBM), with weighted or micro F1
- `retrieval`: recall at k, median rank, and tau of graded prompts
- `modality_gap`: MMD and Wasserstein-1 between two kinds of embeddings
"""

from affekt.metrics.agreement import (
    IccForm,
    RatingScale,
    cohen_kappa,
    cohen_kappa_interval,
    fleiss_kappa,
    fleiss_kappa_interval,
    icc,
    icc_interval,
    krippendorff_alpha,
    krippendorff_alpha_interval,
)
from affekt.metrics.attributes import AttributeScore, ccc, mae, moments, pcc, rmse, score_moments
from affekt.metrics.calibration import (
    Calibration,
    ReliabilityBin,
    Temperature,
    brier,
    classwise_ece,
    ece,
    fit_temperature,
    nll,
    reliability,
    score_calibration,
)
from affekt.metrics.classification import (
    ClassificationScore,
    accuracy,
    confusion,
    f1_scores,
    macro_f1,
    micro_f1,
    precisions,
    recalls,
    score_confusion,
    uar,
)
from affekt.metrics.ensembles import ForgettingQuality, forgetting_quality, separability
from affekt.metrics.equivalence import Equivalence, equivalence
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
from affekt.metrics.groups import GroupGap, GroupScore, GroupScores, group_scores
from affekt.metrics.hierarchy import hierarchical_bootstrap
from affekt.metrics.informed import Collateral, collateral_damage, informed_attack, informed_features
from affekt.metrics.intervals import (
    Interval,
    bootstrap,
    bootstrap_difference,
    bootstrap_sums,
    bootstrap_values,
    wilson,
)
from affekt.metrics.joint import JointLabels, joint_balance, jrbm, jrbm_difference, jrbm_interval, weighted_f1
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
from affekt.metrics.modality_gap import centroid_distance, median_bandwidth, mmd, sliced_wasserstein, wasserstein
from affekt.metrics.multi_label import decide_labels, multi_label_counts, multi_label_f1, score_multi_label
from affekt.metrics.outputs import (
    confidence,
    cross_entropy,
    entropy,
    modified_entropy,
    phi,
    phi_from_loss,
    probabilities,
)
from affekt.metrics.paired import McNemar, Permutation, holm, mcnemar, permutation_test
from affekt.metrics.privacy import (
    CertifiedEpsilon,
    certified_epsilon,
    epsilon,
    epsilon_estimate,
    h_score,
    klom,
    permutation_p,
)
from affekt.metrics.ranking import RankingScores, kendall_tau, pair_accuracy, ranking_difference, score_ranking
from affekt.metrics.references import (
    Beside,
    ReferenceTest,
    RelativeTest,
    beside,
    reference_test,
    reference_z,
    relative_test,
)
from affekt.metrics.retrieval import (
    chance_recall_at_k,
    median_rank,
    ordinal_scores,
    ordinal_tau,
    prompt_tau,
    recall_at_k,
    retrieval_ranks,
)
from affekt.metrics.screens import OverForgetting, Verdict, match_non_members, over_forgetting

__all__ = [
    "Anamnesis",
    "AttributeScore",
    "Beside",
    "Calibration",
    "CertifiedEpsilon",
    "Cgum",
    "ClassificationScore",
    "Collateral",
    "Equivalence",
    "ForgettingQuality",
    "GroupGap",
    "GroupScore",
    "GroupScores",
    "IccForm",
    "Interval",
    "JointLabels",
    "McNemar",
    "OverForgetting",
    "Permutation",
    "RankingScores",
    "RatingScale",
    "ReferenceTest",
    "RelativeTest",
    "ReliabilityBin",
    "Temperature",
    "Verdict",
    "accuracy",
    "activation_distance",
    "anamnesis_index",
    "auc",
    "auc_interval",
    "aus",
    "average_gap",
    "beside",
    "bootstrap",
    "bootstrap_difference",
    "bootstrap_sums",
    "bootstrap_values",
    "brier",
    "ccc",
    "centroid_distance",
    "certified_epsilon",
    "cgum",
    "chance_recall_at_k",
    "classwise_ece",
    "cohen_kappa",
    "cohen_kappa_interval",
    "collateral_damage",
    "confidence",
    "confusion",
    "cross_entropy",
    "decide_labels",
    "ece",
    "entropy",
    "epsilon",
    "epsilon_estimate",
    "equivalence",
    "f1_scores",
    "fit_temperature",
    "fleiss_kappa",
    "fleiss_kappa_interval",
    "forgetting_quality",
    "group_scores",
    "h_score",
    "hierarchical_bootstrap",
    "holm",
    "icc",
    "icc_interval",
    "informed_attack",
    "informed_features",
    "joint_balance",
    "jrbm",
    "jrbm_difference",
    "jrbm_interval",
    "js_divergence",
    "kendall_tau",
    "klom",
    "krippendorff_alpha",
    "krippendorff_alpha_interval",
    "lira_offline",
    "lira_online",
    "loss_gap",
    "loss_gap_floor",
    "macro_f1",
    "mae",
    "match_non_members",
    "mcnemar",
    "median_bandwidth",
    "median_rank",
    "micro_f1",
    "mmd",
    "modified_entropy",
    "moments",
    "multi_label_counts",
    "multi_label_f1",
    "nll",
    "ordinal_scores",
    "ordinal_tau",
    "over_forgetting",
    "pair_accuracy",
    "pcc",
    "permutation_p",
    "permutation_test",
    "phi",
    "phi_from_loss",
    "precisions",
    "probabilities",
    "prompt_tau",
    "ranking_difference",
    "recall_at_k",
    "recalls",
    "reference_test",
    "reference_z",
    "relative_test",
    "reliability",
    "retrieval_ranks",
    "rmia_likelihood",
    "rmia_score",
    "rmse",
    "score_calibration",
    "score_confusion",
    "score_moments",
    "score_multi_label",
    "score_ranking",
    "separability",
    "sliced_wasserstein",
    "speed_up",
    "tow",
    "true_positive_rate",
    "u_lira",
    "uar",
    "unlearning_accuracy",
    "wasserstein",
    "weighted_f1",
    "wilson",
    "zrf",
]
