"""affekt: emotion in speech, measured honestly, and forgotten on request.

- :func:`open_corpus`, :class:`Corpus`: recordings and what is known about them
- :func:`train`, :class:`TrainConfig`, :func:`recipe`: a corpus becomes a model
- :class:`EmotionModel`: what is trained, saved and loaded
- :func:`evaluate`: a model over a corpus, with intervals
- :func:`forget`, :class:`ForgetSet`, :func:`method_config`, :data:`METHODS`: make a model forget recordings
- :class:`AffektError`: what every error is that affekt raises on purpose

Make a model forget a person::

    model = affekt.EmotionModel.from_pretrained("model")
    result = affekt.forget(model, affekt.open_corpus("corpus").with_speakers("03"), scope="speaker")
    result.model.save_pretrained("model-without-03")

Importing affekt imports nothing heavy; each name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from affekt.errors import AffektError

if TYPE_CHECKING:
    from affekt.corpora import Corpus, open_corpus
    from affekt.models import EmotionModel
    from affekt.training import TrainConfig, recipe
    from affekt.training.evaluate import evaluate
    from affekt.training.train import train
    from affekt.unlearning import METHODS, ForgetSet, forget, method_config

__all__ = [
    "METHODS",
    "AffektError",
    "Corpus",
    "EmotionModel",
    "ForgetSet",
    "TrainConfig",
    "evaluate",
    "forget",
    "method_config",
    "open_corpus",
    "recipe",
    "train",
]

__version__ = "0.1.0"

_HOMES = {
    "METHODS": "affekt.unlearning",
    "Corpus": "affekt.corpora",
    "EmotionModel": "affekt.models",
    "ForgetSet": "affekt.unlearning",
    "TrainConfig": "affekt.training",
    "evaluate": "affekt.training",
    "forget": "affekt.unlearning",
    "method_config": "affekt.unlearning",
    "open_corpus": "affekt.corpora",
    "recipe": "affekt.training",
    "train": "affekt.training",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'affekt' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
