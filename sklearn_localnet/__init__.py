"""Neural networks trained by local synaptic rules instead of backpropagation.

The default rule is that of arXiv 2011.15031; others, and the parts of one's own, are in
`sklearn_localnet.rules`.
"""

from . import rules as rules
from ._version import __version__ as __version__
from .estimators._classifier import LocalRuleClassifier
from .estimators._published import published
from .estimators._regressor import LocalRuleRegressor
from .export._onnx import register_onnx
from .inspection._circuit import MicrocircuitDisplay
from .inspection._curves import TrainingCurveDisplay
from .inspection._learning import LearningDisplay
from .inspection._locality import audit_locality
from .inspection._recorder import Recorder
from .inspection._teaching import TeachingSignalDisplay
from .training._loop import DivergenceError

__all__ = [
    "DivergenceError",
    "LearningDisplay",
    "LocalRuleClassifier",
    "LocalRuleRegressor",
    "MicrocircuitDisplay",
    "Recorder",
    "TeachingSignalDisplay",
    "TrainingCurveDisplay",
    "audit_locality",
    "published",
    "register_onnx",
    "rules",
]
