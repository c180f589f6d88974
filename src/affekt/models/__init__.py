"""What is trained, saved, loaded and forgotten.

- :class:`EmotionModel`, :class:`ModelConfig`: a recogniser and its directory format
- :data:`FAMILIES`, :func:`find_family`, :class:`Family`: which families there are, and what each is built from
- :class:`ErasureRecord`, :class:`MeanLoss`: what training leaves beside a model for later deletions
- :class:`LogmelCnn`, :class:`Emo18`, :class:`Zhao19`: the three networks without pretraining
- :class:`EncoderNetwork`: a pretrained encoder with a head
- :class:`RidgeNetwork`, :class:`HeadSums`: a head solved from sums over recordings, which can be subtracted again
- :class:`TextNetwork`: reads the words of an utterance
- :class:`RankerNetwork`: one score by another family's network, and an ordinal reading of it as classes
- :class:`AudioTextNetwork`: recordings and sentences in one space
- :class:`AttentiveStatisticsPooling`, :func:`masked_mean`, :func:`masked_statistics`, :class:`LayerMix`: pooling
- :func:`model_digest`, :func:`model_manifest`: what a statement names a model by, the same however it is written down
- :func:`tensor_digest`: a fingerprint of a model's weights

Importing this package loads no torch; each name is loaded when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
