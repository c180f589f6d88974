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

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"
