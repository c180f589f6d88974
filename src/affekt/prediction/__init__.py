"""A model over recordings: whole or in windows, batched by length, written as JSON lines, CSV or Parquet.

- :func:`find_recordings`, :func:`read_list`, :class:`Recording`, :data:`SUFFIXES`: files, folders, corpora and standard
  input become recordings
- :func:`window_bounds`, :class:`Windows`: where the windows of a clip begin and end
- :func:`open_scorer`, :class:`Scorer`, :class:`Outputs`, :class:`Scores`: a model directory or an exported .onnx file
- :class:`OnnxScorer`: an exported model through onnxruntime, without torch; ``torch_scorer.TorchScorer`` needs torch
- :func:`predict`, :class:`Prediction`: recordings in, one prediction for each or for each of its windows
- :func:`column_names`, :func:`write_predictions`, :data:`FORMATS`: predictions as a file

Nothing here loads torch before a model directory is opened.
"""

from affekt.prediction.onnx_scorer import OnnxScorer
from affekt.prediction.predict import Prediction, predict
from affekt.prediction.recordings import SUFFIXES, Recording, find_recordings, read_list
from affekt.prediction.scorer import Outputs, Scorer, Scores, open_scorer
from affekt.prediction.windows import Windows, window_bounds
from affekt.prediction.writing import FORMATS, column_names, write_predictions

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "OnnxScorer",
    "Outputs",
    "Prediction",
    "Recording",
    "Scorer",
    "Scores",
    "Windows",
    "column_names",
    "find_recordings",
    "open_scorer",
    "predict",
    "read_list",
    "window_bounds",
    "write_predictions",
]
