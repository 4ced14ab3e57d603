"""Neural networks trained by local synaptic rules instead of backpropagation.

The algorithm is that of arXiv 2011.15031, in scikit-learn's terms.
"""

from ._audit import audit_locality
from ._display import MicrocircuitDisplay, TeachingSignalDisplay, TrainingCurveDisplay
from ._estimators import PUBLISHED, LocalRuleClassifier, LocalRuleRegressor
from ._onnx import register_onnx
from ._training import DivergenceError
from ._version import __version__ as __version__

__all__ = [
    "PUBLISHED",
    "DivergenceError",
    "LocalRuleClassifier",
    "LocalRuleRegressor",
    "MicrocircuitDisplay",
    "TeachingSignalDisplay",
    "TrainingCurveDisplay",
    "audit_locality",
    "register_onnx",
]
