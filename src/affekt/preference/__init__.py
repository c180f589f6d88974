"""Learning from preferences: ranking, and speech and text in one space.

- :class:`RankList`, :func:`rank`, :class:`Ranked`, :func:`predict_scores`: a score that orders recordings
- :class:`LabelLists`, :class:`PreferenceLists`, :func:`read_preferences`: lists to learn an order from
- :class:`EmotionRankClap`, :func:`search`, :func:`embed_recordings`: recordings and captions in one space
- :func:`caption`, :func:`captions`, :func:`axis_prompts`, :func:`caption_levels`: valence and arousal in words
- :class:`Sentences`, :func:`read_sentences`: sentences that people rated, to train on beside captions
- :func:`positions_of`, :data:`POSITIONS`, :data:`INTENSITIES`: valence and arousal of categories, by a stated rule

Each method is a :class:`~affekt.training.TrainingMethod`; ``affekt train --method NAME`` uses it.
"""

from typing import Final

from affekt.preference.captions import axis_prompts, caption, caption_levels, captions
from affekt.preference.lists import LabelLists, PreferenceLists, read_preferences
from affekt.preference.ordering import Ranked, predict_scores, rank
from affekt.preference.positions import INTENSITIES, POSITIONS, positions_from_norms, positions_of
from affekt.preference.rankclap import EmotionRankClap
from affekt.preference.ranklist import RankList
from affekt.preference.searching import SearchHit, embed_recordings, search
from affekt.preference.sentences import Sentences, read_sentences
from affekt.training import TrainingMethod

__all__ = [
    "INTENSITIES",
    "METHODS",
    "POSITIONS",
    "EmotionRankClap",
    "LabelLists",
    "PreferenceLists",
    "RankList",
    "Ranked",
    "SearchHit",
    "Sentences",
    "axis_prompts",
    "caption",
    "caption_levels",
    "captions",
    "embed_recordings",
    "positions_from_norms",
    "positions_of",
    "predict_scores",
    "rank",
    "read_preferences",
    "read_sentences",
    "search",
]

METHODS: Final[dict[str, type[TrainingMethod]]] = {
    "rankclap": EmotionRankClap,
    "ranklist": RankList,
}
"""Name -> method; its fields are its settings."""
