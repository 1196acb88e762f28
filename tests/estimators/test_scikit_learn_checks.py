"""What scikit-learn asks of every estimator."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from keras_mer.estimators import KerasMERClassifier, KerasMERRegressor

pytestmark = [pytest.mark.once, pytest.mark.slow]

QUICK = {
    "arguments": {"hidden_units": 16, "recurrent": [], "dropout": 0.0},
    "epochs": 10,
    "learning_rate": 0.01,
}


def expected_failures(estimator):
    return {
        "check_sample_weight_equivalence_on_dense_data": "A row of weight 2 is in one batch, two "
        "rows of weight 1 may be in two."
    }


@parametrize_with_checks(
    [KerasMERClassifier(**QUICK), KerasMERRegressor(**QUICK)],
    expected_failed_checks=expected_failures,
)
def test_estimators_pass_the_checks_of_scikit_learn(estimator, check):
    """Protects pipelines, searches and whatever else scikit-learn does with an estimator."""
    check(estimator)
