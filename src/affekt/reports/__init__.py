"""Results for people: what a deletion did, what a comparison found, and the whole story in one command.

- :func:`forget_with_report`, :class:`ForgetReport`: forget, test, write model and report
- :data:`VERDICTS`, :func:`evidence_of`: the closed vocabulary, and the evidence that a verdict follows from
- :func:`evaluate_with_report`, :class:`EvaluationReport`: a model on a corpus, for whom, and beside other models
- :func:`fuse_with_report`, :class:`FusionReport`: models fused over a corpus, beside each of them
- :func:`benchmark_with_report`: a stated protocol over corpora and models, beside targets, as JSON, Markdown and plot
- :func:`compare_with_report`, :func:`tabulate`: every method beside retraining, as JSON, Markdown, plot and page
- :func:`cross_validate_with_report`: families with every speaker as a test speaker once, as JSON and Markdown
- :func:`write_audit`: what the sides of a corpus share, and what shortcuts score, as JSON and a page
- :func:`audit_with_report`, :class:`ModelAudit`: whether a model has forgotten, whoever made it forget
- :func:`raters_with_report`, :func:`describe_raters`: what the raters of a corpus agreed on, as JSON, Markdown and page
- :func:`certify`, :class:`Certificate`, :class:`RequestDetails`, :class:`ScopeMap`, :class:`Asked`: a signed statement
  about a deletion, and a letter to the person
- :func:`verify`, :class:`Verification`: whether a statement, a model and a ledger belong together
- :func:`write_listening_page`, :class:`ListeningRow`: recordings in order of a score, to listen to
- :func:`demo`: train, forget and report from nothing, on synthetic voices

Importing this package, certifying and verifying load no torch; other names are loaded when they are first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
