"""Results for people: what a deletion did, what a comparison found, and the whole story in one command.

- :func:`forget_with_report`, :class:`ForgetReport`: forget, test, write model and report
- :data:`VERDICTS`, :func:`evidence_of`: the closed vocabulary, and the evidence that a verdict follows from
- :func:`evaluate_with_report`, :class:`EvaluationReport`: a model on a corpus, for whom, and beside other models
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

from importlib import import_module
from typing import TYPE_CHECKING, Any

from affekt.metrics.deletion_rules import VERDICTS
from affekt.reports.certify import Asked, Certificate, certify
from affekt.reports.flags import evidence_of
from affekt.reports.request_details import RequestDetails, ScopeMap
from affekt.reports.verify import Verification, verify

if TYPE_CHECKING:
    from affekt.reports.audit_model_report import ModelAudit, audit_with_report
    from affekt.reports.audit_report import write_audit
    from affekt.reports.benchmark_report import benchmark_with_report
    from affekt.reports.compare_report import compare_with_report
    from affekt.reports.compare_table import tabulate
    from affekt.reports.cross_validation_report import cross_validate_with_report
    from affekt.reports.demonstration import demo
    from affekt.reports.evaluation_report import EvaluationReport, evaluate_with_report
    from affekt.reports.forget_report import ForgetReport, forget_with_report
    from affekt.reports.listening_page import ListeningRow, write_listening_page
    from affekt.reports.rater_report import describe_raters, raters_with_report

__all__ = [
    "VERDICTS",
    "Asked",
    "Certificate",
    "EvaluationReport",
    "ForgetReport",
    "ListeningRow",
    "ModelAudit",
    "RequestDetails",
    "ScopeMap",
    "Verification",
    "audit_with_report",
    "benchmark_with_report",
    "certify",
    "compare_with_report",
    "cross_validate_with_report",
    "demo",
    "describe_raters",
    "evaluate_with_report",
    "evidence_of",
    "forget_with_report",
    "raters_with_report",
    "tabulate",
    "verify",
    "write_audit",
    "write_listening_page",
]

_HOMES = {
    "EvaluationReport": "evaluation_report",
    "ForgetReport": "forget_report",
    "ListeningRow": "listening_page",
    "ModelAudit": "audit_model_report",
    "audit_with_report": "audit_model_report",
    "benchmark_with_report": "benchmark_report",
    "compare_with_report": "compare_report",
    "cross_validate_with_report": "cross_validation_report",
    "demo": "demonstration",
    "describe_raters": "rater_report",
    "evaluate_with_report": "evaluation_report",
    "forget_with_report": "forget_report",
    "raters_with_report": "rater_report",
    "tabulate": "compare_table",
    "write_audit": "audit_report",
    "write_listening_page": "listening_page",
}
"""Name -> the module it is loaded from."""


def __getattr__(name: str) -> Any:
    """Load a name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
