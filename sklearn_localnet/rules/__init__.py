"""Learning rules: what teaches the hidden layers, one rule a class."""

from ._feedback import (
    Backpropagation,
    DirectFeedbackAlignment,
    FeedbackAlignment,
    KolenPollack,
    SignSymmetry,
)
from ._microcircuit import Microcircuit
from ._predictive_coding import PredictiveCoding
from ._rule import Rule, Synapse, Wire
from ._target_propagation import TargetPropagation

#: Rules by name, as the parameter ``rule`` of the estimators takes them.
RULES: dict[str, type[Rule]] = {
    "microcircuit": Microcircuit,
    "feedback_alignment": FeedbackAlignment,
    "direct_feedback_alignment": DirectFeedbackAlignment,
    "kolen_pollack": KolenPollack,
    "sign_symmetry": SignSymmetry,
    "target_propagation": TargetPropagation,
    "predictive_coding": PredictiveCoding,
    "backpropagation": Backpropagation,
}

__all__ = [
    "RULES",
    "Backpropagation",
    "DirectFeedbackAlignment",
    "FeedbackAlignment",
    "KolenPollack",
    "Microcircuit",
    "PredictiveCoding",
    "Rule",
    "SignSymmetry",
    "Synapse",
    "TargetPropagation",
    "Wire",
    "make_rule",
]

_NEEDED = ("synapses", "wires", "start", "perceive", "changes")


def make_rule(rule: str | Rule) -> Rule:
    """The rule of an estimator's parameter: a new object for a name, an object as it is.

    Parameters
    ----------
    rule : str or object
        A name of `RULES`, or an object with the protocol of `Rule`.

    Returns
    -------
    Rule

    Raises
    ------
    ValueError, TypeError
        For another name, and for an object that lacks a part of the protocol or declares synapses
        or wires that are none.

    Examples
    --------
    >>> from sklearn_localnet.rules import make_rule
    >>> make_rule("microcircuit")
    Microcircuit()
    """
    if isinstance(rule, str):
        if rule not in RULES:
            raise ValueError(f"rule == {rule!r}, must be one of {sorted(RULES)} or a rule object.")
        return RULES[rule]()
    names = sorted(RULES)
    if isinstance(rule, type):
        raise TypeError(f"rule must be one of {names} or an object, not its class, got {rule!r}.")
    lacking = [name for name in _NEEDED if not hasattr(rule, name)]
    if isinstance(rule, Rule) and type(rule).perceive is Rule.perceive:
        lacking.append("perceive")
    if lacking:
        raise TypeError(
            f"rule must be one of {names} or an object with the protocol of Rule, and {rule!r} has "
            f"no {', '.join(lacking)}."
        )
    _check_declared(rule)
    return rule


def _check_declared(rule):
    """Raise TypeError or ValueError where ``synapses`` or ``wires`` are not what they should be."""
    owner = f"rule {type(rule).__name__}"
    for name, kind in rule.synapses.items():
        if not isinstance(kind, Synapse):
            raise TypeError(f"{owner}: synapses[{name!r}] must be a Synapse, got {kind!r}.")
        if isinstance(kind.rate, str) and not hasattr(rule, kind.rate):
            raise ValueError(
                f"{owner}: synapses[{name!r}] moves at the rate {kind.rate!r}, which is no "
                "parameter of the rule."
            )
    for wire in rule.wires:
        if not isinstance(wire, Wire):
            raise TypeError(f"{owner}: wires must be of type Wire, got {wire!r}.")
