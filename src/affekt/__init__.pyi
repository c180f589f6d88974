# Each public name, once: type checkers read this file, and lazy_loader loads a name from here when it is first used.

from .corpora import Corpus as Corpus
from .corpora import open_corpus as open_corpus
from .errors import AffektError as AffektError
from .models import EmotionModel as EmotionModel
from .training import TrainConfig as TrainConfig
from .training import recipe as recipe
from .training.evaluate import evaluate as evaluate
from .training.train import train as train
from .unlearning import METHODS as METHODS
from .unlearning import ForgetSet as ForgetSet
from .unlearning import forget as forget
from .unlearning import method_config as method_config

__version__: str
