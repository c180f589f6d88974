"""Making a model forget recordings, one method a file, all behind one door.

- :func:`forget`, :data:`METHODS`, :func:`method_config`, :class:`ForgetResult`: the door
- :class:`ForgetSet`, :class:`Retained`, :class:`Needs`: what goes through it
- :func:`assess`, :func:`compare_with`, :func:`relearn`: what forgetting did
- :func:`audit`, :func:`ensemble_evidence`: evidence with its power, and a verdict
- :func:`compare`: all methods beside the retrained model

Methods from the forget set alone: ``forget_set_alone``, ``l2ul``, ``amun``, ``boundary_shrink``, ``gradient_ascent``,
``random_labels``, ``negmerge``, ``jit``; with what erasure-ready training saved besides: ``out_of_fold``, ``kfac``,
``ssd``, ``fold_swap``, ``exact``. References with retained data: ``retrain``, ``finetune``, ``random_labels_retained``,
``scrub``, ``salun``, ``bad_teacher``.
"""

from affekt.unlearning.assess import Assessment, Gaps, Outputs, assess, compare_with, relearn
from affekt.unlearning.attack import AttackConfig
from affekt.unlearning.audit import audit
from affekt.unlearning.audit_ensembles import EnsembleEvidence, ensemble_evidence
from affekt.unlearning.audit_judge import AuditReport
from affekt.unlearning.descent import DescentConfig, MethodLog
from affekt.unlearning.harness import (
    DEFAULT_METHOD,
    METHODS,
    ForgetResult,
    forget,
    forget_only_methods,
    method_config,
    saved_target,
)
from affekt.unlearning.material import ForgetSet, Material, Needs, Retained

__all__ = [
    "DEFAULT_METHOD",
    "METHODS",
    "Assessment",
    "AttackConfig",
    "AuditReport",
    "DescentConfig",
    "EnsembleEvidence",
    "ForgetResult",
    "ForgetSet",
    "Gaps",
    "Material",
    "MethodLog",
    "Needs",
    "Outputs",
    "Retained",
    "assess",
    "audit",
    "compare_with",
    "ensemble_evidence",
    "forget",
    "forget_only_methods",
    "method_config",
    "relearn",
    "saved_target",
]
