"""scikit-learn's own checks, with nothing expected to fail."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor


# MLPClassifier is run through the same checks with the same warning let through.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [LocalRuleClassifier(), LocalRuleRegressor(), LocalRuleClassifier((20, 10))]
)
def test_estimator_passes_scikit_learns_check(estimator, check):
    check(estimator)
