"""Losses: differentiable functions of tensors, without state.

- :mod:`~affekt.losses.classification`: :func:`cross_entropy`, :func:`soft_cross_entropy`, :func:`kl_divergence`,
  :func:`focal_loss`, and the weights :func:`class_weights`, :func:`effective_number_weights`.
- :mod:`~affekt.losses.attributes`: :func:`ccc_loss`.
- :mod:`~affekt.losses.ranking`: :func:`ranking_loss`, :func:`ranknet`, :func:`listnet`, :func:`listmle`,
  :func:`ranklist`.
- :mod:`~affekt.losses.semi_supervised`: :func:`fixmatch_loss`, :func:`fullmatch_terms` and their parts, for utterances
  without labels.
- :mod:`~affekt.losses.information`: lower bounds of mutual information: :func:`info_nce_bound` and its loss
  :func:`info_nce`, :func:`donsker_varadhan_bound` and :func:`mine_loss`, :func:`barber_agakov_bound`; :func:`entropy`
  and :func:`gaussian_information`.
- :mod:`~affekt.losses.contrastive`: :func:`clip_loss`, :func:`cross_modal_supervised_contrastive`, and Rank-N-Contrast:
  :func:`rank_n_contrast` within one kind, :func:`cross_modal_rank_n_contrast` between two; :func:`similarities`,
  :func:`label_distances`, :func:`rank_n_contrast_terms`.
"""

from affekt.losses.attributes import ccc_loss
from affekt.losses.classification import (
    class_weights,
    cross_entropy,
    effective_number_weights,
    focal_loss,
    kl_divergence,
    soft_cross_entropy,
)
from affekt.losses.contrastive import (
    clip_loss,
    cross_modal_rank_n_contrast,
    cross_modal_supervised_contrastive,
    label_distances,
    rank_n_contrast,
    rank_n_contrast_terms,
    similarities,
)
from affekt.losses.information import (
    barber_agakov_bound,
    donsker_varadhan_bound,
    entropy,
    gaussian_information,
    info_nce,
    info_nce_bound,
    mine_loss,
)
from affekt.losses.ranking import RankingForm, RankingLoss, listmle, listnet, ranking_loss, ranklist, ranknet
from affekt.losses.semi_supervised import (
    FullMatchTerms,
    PseudoLabels,
    adaptive_k,
    entropy_meaning_loss,
    fixmatch_loss,
    fullmatch_terms,
    negative_classes,
    negative_learning_loss,
    pseudo_labels,
)

__all__ = [
    "FullMatchTerms",
    "PseudoLabels",
    "RankingForm",
    "RankingLoss",
    "adaptive_k",
    "barber_agakov_bound",
    "ccc_loss",
    "class_weights",
    "clip_loss",
    "cross_entropy",
    "cross_modal_rank_n_contrast",
    "cross_modal_supervised_contrastive",
    "donsker_varadhan_bound",
    "effective_number_weights",
    "entropy",
    "entropy_meaning_loss",
    "fixmatch_loss",
    "focal_loss",
    "fullmatch_terms",
    "gaussian_information",
    "info_nce",
    "info_nce_bound",
    "kl_divergence",
    "label_distances",
    "listmle",
    "listnet",
    "mine_loss",
    "negative_classes",
    "negative_learning_loss",
    "pseudo_labels",
    "rank_n_contrast",
    "rank_n_contrast_terms",
    "ranking_loss",
    "ranklist",
    "ranknet",
    "similarities",
    "soft_cross_entropy",
]
