import numpy as np
import pandas as pd
import pytest
from scipy import stats

from degcraft.evidence.claims.verdicts import COLUMNS, Statement, judged, paired, rank_correlation, t_interval

STATEMENT = Statement("first beats second (dB)", "Fig. 0", "above 0 dB")


@pytest.mark.parametrize("values", [[0.1, 0.2, 0.4], [-1.0, 3.0, 0.5, 0.25, 7.0]])
def test_interval_is_students(values):
    expected = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    assert t_interval(values) == pytest.approx(expected, rel=1e-12)


def test_three_repeats_need_4_3_standard_errors():
    low, high = t_interval([-1.0, 0.0, 1.0])
    assert (low, high) == pytest.approx((-4.302653 / 3**0.5, 4.302653 / 3**0.5), rel=1e-6)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 1.0], [1.0, 1.1, np.nan], [1.0, 1.1, np.inf]])
def test_no_interval_from_too_little_or_not_finite(values):
    assert np.isnan(t_interval(values)).all()


@pytest.mark.parametrize(
    ("interval", "bar", "above", "verdict"),
    [
        ((0.1, 0.3), 0.0, True, "holds"),
        ((0.1, 0.3), 0.0, False, "does not hold"),
        ((-0.3, -0.2), 0.0, True, "does not hold"),
        ((-0.05, 0.1), -0.1, True, "holds"),
        ((-0.05, 0.1), 0.0, True, "not tested"),
        ((-0.05, 0.1), 0.0, False, "not tested"),
        ((0.0, 0.0), 0.0, True, "not tested"),
        ((0.2, 0.9), 1.0, False, "holds"),
        ((np.nan, np.nan), 0.0, True, "not tested"),
        ((np.nan, np.nan), 0.0, False, "not tested"),
    ],
)
def test_judged_by_the_side_of_the_bar(interval, bar, above, verdict):
    assert judged(interval, bar, above) == verdict


@pytest.mark.parametrize(
    ("values", "bar", "verdict", "why"),
    [
        (
            [0.1, 0.11, 0.12],
            0.0,
            "holds",
            "A - B, mean over 3 seeds: 0.110, 95% interval 0.085 to 0.135, claimed above 0",
        ),
        ([-0.1, -0.11, -0.12], 0.0, "does not hold", "95% interval -0.135 to -0.085"),
        ([-0.05, -0.06, -0.07], -0.1, "holds", "claimed above -0.1"),
        ([-0.1, 0.1, 0.2], 0.0, "not tested", "undecided: A - B, mean over 3 seeds: 0.067"),
        ([5.0], 0.0, "not tested", "1 seed, 3 are needed"),
        ([5.0, 5.0], 0.0, "not tested", "2 seeds, 3 are needed"),
        ([], 0.0, "not tested", "A - B: no seed has both"),
        ([1.0, np.nan, 1.1, 1.2], 0.0, "not tested", "A - B: no finite number for 1 of 4 seeds"),
        ([1.0, 1.1, np.inf], 0.0, "not tested", "A - B: no finite number for 1 of 3 seeds"),
    ],
)
def test_line_of_repeats(values, bar, verdict, why):
    line = STATEMENT.from_repeats(values, "A - B", bar)
    assert line["verdict"] == verdict
    assert why in line["why"]


@pytest.mark.parametrize("values", [[0.3], [0.1, 0.2], [0.1, 0.2, 0.6]])
def test_measured_is_the_mean_and_spread_the_standard_deviation(values):
    line = STATEMENT.from_repeats(values, "A - B")
    assert line["measured"] == pytest.approx(np.mean(values), rel=1e-12)
    expected = np.std(values, ddof=1) if len(values) > 1 else np.nan
    assert line["spread"] == pytest.approx(expected, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("values", [[1.0, np.nan, 1.1], [np.inf] * 3, []])
def test_numbers_are_missing_where_one_is_not_finite(values):
    line = STATEMENT.from_repeats(values, "A - B")
    assert np.isnan([line["measured"], line["spread"]]).all()


@pytest.mark.parametrize("verdict", ["holds", "does not hold"])
@pytest.mark.parametrize("measured", [np.nan, np.inf])
def test_no_verdict_on_a_number_that_is_not_finite(verdict, measured):
    line = STATEMENT.line(verdict, "seen", measured)
    assert (line["verdict"], line["why"]) == ("not tested", "not a finite number: seen")
    assert STATEMENT.from_interval(measured, 0.1, (1.0, 2.0), 0.0, "A")["verdict"] == "not tested"
    assert STATEMENT.from_interval(1.0, 0.1, (measured, 2.0), 0.0, "A")["verdict"] == "not tested"


def test_line_has_all_columns_in_order():
    line = STATEMENT.not_tested("nothing was measured")
    assert tuple(line) == COLUMNS
    assert (line["claim"], line["source"], line["expected"]) == ("first beats second (dB)", "Fig. 0", "above 0 dB")


def test_pairs_are_of_the_same_seed():
    first = pd.Series({2: 12.0, 0: 10.0, 5: 99.0})
    second = pd.Series({0: 1.0, 7: 50.0, 2: 2.0})
    difference = paired(first, second)
    assert difference.to_dict() == {0: 9.0, 2: 10.0}
    assert list(difference.index) == [0, 2]


@pytest.mark.parametrize("values", [[3.0, 1.0, 2.0, 5.0], [1.0, 1.0, 2.0, 0.5], [4.0, 3.0, 2.0, 1.0]])
def test_rank_correlation_is_spearmans(values):
    index = [0.0, 1.0, 25.0, 100.0]
    expected = stats.spearmanr(index, values).statistic
    assert rank_correlation(pd.Series(values, index=index)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0], [1.0, np.nan, 2.0], [1.0, np.inf, 2.0]])
def test_no_rank_correlation_without_ranks(values):
    assert np.isnan(rank_correlation(pd.Series(values)))
