# Each public name, once: type checkers read this file, and lazy_loader loads a name from here when it is first used.

from .audit_model_report import ModelAudit as ModelAudit
from .audit_model_report import audit_with_report as audit_with_report
from .audit_report import write_audit as write_audit
from .benchmark_report import benchmark_with_report as benchmark_with_report
from .certify import Asked as Asked
from .certify import Certificate as Certificate
from .certify import certify as certify
from .compare_report import compare_with_report as compare_with_report
from .compare_table import tabulate as tabulate
from .cross_validation_report import cross_validate_with_report as cross_validate_with_report
from .demonstration import demo as demo
from .evaluation_report import EvaluationReport as EvaluationReport
from .evaluation_report import evaluate_with_report as evaluate_with_report
from .flags import VERDICTS as VERDICTS
from .flags import evidence_of as evidence_of
from .forget_report import ForgetReport as ForgetReport
from .forget_report import forget_with_report as forget_with_report
from .listening_page import ListeningRow as ListeningRow
from .listening_page import write_listening_page as write_listening_page
from .rater_report import describe_raters as describe_raters
from .rater_report import raters_with_report as raters_with_report
from .request_details import RequestDetails as RequestDetails
from .request_details import ScopeMap as ScopeMap
from .verify import Verification as Verification
from .verify import verify as verify
