import numpy as np
import pytest

from degcraft.streams import stream
from degcraft.weighting.agreement import total_variation, true_mass

TRUTH = np.array([0.25, 0.25, 0.25, 0.25, 0.0, 0.0, 0.0, 0.0])
UNIFORM = np.full(8, 1 / 8)


def drawn(*items, bins=8):
    values = stream(0, "test", "agreement", *items).exponential(size=bins)
    return values / values.sum()


def test_the_truth_agrees_with_itself():
    assert true_mass(TRUTH, TRUTH) == 1
    assert total_variation(TRUTH, TRUTH) == 0


def test_nothing_in_common():
    other = TRUTH[::-1]
    assert true_mass(other, TRUTH) == 0
    assert total_variation(other, TRUTH) == 1


def test_uniform_weights():
    assert true_mass(UNIFORM, TRUTH) == 0.5
    assert total_variation(UNIFORM, TRUTH) == 0.5


def test_all_weight_on_one_true_bin():
    peak = np.eye(8)[2]
    assert true_mass(peak, TRUTH) == 1
    assert total_variation(peak, TRUTH) == 0.75


def test_total_variation_is_the_greatest_difference_over_all_sets_of_bins():
    first, second = drawn("first"), drawn("second")
    subsets = [[bin_ for bin_ in range(8) if number >> bin_ & 1] for number in range(2**8)]
    greatest = max(abs(first[subset].sum() - second[subset].sum()) for subset in subsets)
    assert total_variation(first, second) == pytest.approx(greatest, abs=1e-12)
    assert total_variation(second, first) == total_variation(first, second)


def test_weight_on_wrong_bins_is_at_most_the_total_variation():
    weights = drawn("weights")
    assert 1 - true_mass(weights, TRUTH) <= total_variation(weights, TRUTH) + 1e-12


@pytest.mark.parametrize("function", [true_mass, total_variation])
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (UNIFORM[:7], r"shapes \(7,\) and \(8,\); one shape is needed"),
        (UNIFORM * 2, r"sum to 2, least 0\.25; >= 0 and sum 1 are needed"),
        (np.array([1.5, -0.5, 0, 0, 0, 0, 0, 0]), r"least -0\.5; >= 0 and sum 1 are needed"),
        (np.full(8, np.nan), r"nan; >= 0 and sum 1 are needed"),
    ],
)
def test_improper_weights_are_refused(function, weights, message):
    with pytest.raises(ValueError, match=message):
        function(weights, TRUTH)
