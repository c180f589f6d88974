"""The one training loop and what stands around it.

- :func:`train`, :func:`train_split`, :func:`write_trained`, :class:`TrainReport`: a corpus becomes a model
- :func:`fit`, :func:`model_for`, :func:`build_model`, :class:`FitResult`: the loop
- :func:`is_held_out`, :func:`held_out_mask`: which utterances of the training speakers are not trained on
- :func:`targets_of`, :class:`Targets`, :class:`Objective`: what is learned: emotions, votes, attributes, intents
- :class:`TrainingMethod`, :class:`Prepared`: how it is learned; a paper's method subclasses it
- :class:`TrainConfig`, :func:`recipe`: its settings, and those of a model family
- :func:`evaluate`, :func:`score_heads`, :func:`score_logits`, :class:`Evaluation`: a model on a corpus, with intervals
- :func:`as_labelled`, :func:`with_classes`, :func:`as_read`: a corpus as a model takes it in
- :func:`exposure`, :class:`Exposure`: which recordings of a corpus a model was trained on
- :func:`predict_heads`, :func:`predict_rows`, :class:`FeatureStore`: outputs and front-end features, batched by length
- :func:`erasure_statistics`, :class:`ErasureConfig`: what is saved so that people can be forgotten better
- :func:`parse_variant`: ``family:setting=value``
- :func:`cross_validate`, :class:`CrossValidation`: every speaker is a test speaker once
- :func:`shortcuts`, :class:`Shortcuts`: what a corpus gives away without the voice
- :func:`probe`, :class:`Probe`: logistic regression on fixed features, layer and C chosen inside the training speakers
- :func:`run_record`: what goes into run.json; :func:`run_tasks`: work over a few processes
"""

from affekt.training.config import TrainConfig, recipe
from affekt.training.cross_validate import CrossValidation, cross_validate
from affekt.training.erasure_ready import ErasureConfig, curvature_of, erasure_statistics
from affekt.training.evaluate import Evaluation, evaluate, rows_of_side, score_heads, score_logits
from affekt.training.exposure import Exposure, exposure
from affekt.training.features import FeatureStore, length_batches, pad_features
from affekt.training.fit import FitResult, Progress, build_model, fit, model_for
from affekt.training.held_out import held_out_mask, is_held_out
from affekt.training.intake import as_labelled, as_read, with_classes
from affekt.training.linear_probe import Probe, probe
from affekt.training.method import Prepared, TrainingMethod
from affekt.training.predict import PredictedHeads, predict_heads, predict_rows
from affekt.training.record import code_digest, run_record
from affekt.training.shortcuts import SHORTCUTS, Shortcut, Shortcuts, shortcuts
from affekt.training.targets import Objective, TargetBatch, Targets, attribute_range, targets_of
from affekt.training.train import TrainReport, train, train_split, write_trained
from affekt.training.variants import Variant, parse_variant
from affekt.training.workers import run_tasks

__all__ = [
    "SHORTCUTS",
    "CrossValidation",
    "ErasureConfig",
    "Evaluation",
    "Exposure",
    "FeatureStore",
    "FitResult",
    "Objective",
    "PredictedHeads",
    "Prepared",
    "Probe",
    "Progress",
    "Shortcut",
    "Shortcuts",
    "TargetBatch",
    "Targets",
    "TrainConfig",
    "TrainReport",
    "TrainingMethod",
    "Variant",
    "as_labelled",
    "as_read",
    "attribute_range",
    "build_model",
    "code_digest",
    "cross_validate",
    "curvature_of",
    "erasure_statistics",
    "evaluate",
    "exposure",
    "fit",
    "held_out_mask",
    "is_held_out",
    "length_batches",
    "model_for",
    "pad_features",
    "parse_variant",
    "predict_heads",
    "predict_rows",
    "probe",
    "recipe",
    "rows_of_side",
    "run_record",
    "run_tasks",
    "score_heads",
    "score_logits",
    "shortcuts",
    "targets_of",
    "train",
    "train_split",
    "with_classes",
    "write_trained",
]
