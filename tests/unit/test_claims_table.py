import numpy as np
import pandas as pd
import pytest

from degcraft.evidence.claims import Claimed, claims, claims_markdown
from degcraft.evidence.claims.verdicts import COLUMNS
from degcraft.io import read_table, write_table
from tests.claimed import (
    PAPER,
    SEEDS,
    alpha_lines,
    blur_lines,
    claims_spec,
    good_alpha,
    good_blur,
    good_psnr,
    map_lines,
    metric_tables,
    stability_lines,
    weights,
)


def made(spec, seeds=SEEDS):
    """All inputs, as the paper would have them."""
    spec["train"]["seeds"] = list(seeds)
    stability = [stability_lines(name, {10: 1.0, 100: 0.3, 200: 0.2}) for name in ("vgg22", "alexnet-random")]
    return Claimed(
        blur=blur_lines(good_blur, seeds),
        stability=pd.concat(stability),
        maps=map_lines({("vgg22", "same"): weights(0.8), ("dasr", "same"): weights(0.7, wide=True)}),
        alpha=alpha_lines(good_alpha, seeds=seeds),
        metrics=metric_tables(good_psnr, spec),
        paper=PAPER,
    )


@pytest.fixture
def spec(default_config):
    return claims_spec(default_config)


def test_columns_and_their_types(spec):
    table = claims(made(spec), spec)
    assert tuple(table.columns) == COLUMNS
    assert (table["measured"].dtype, table["spread"].dtype) == (np.float64, np.float64)
    assert set(table["verdict"]) == {"holds", "not tested"}
    text = table[["claim", "source", "expected", "verdict", "why"]]
    assert text.notna().all(axis=None)
    assert (text != "").all(axis=None)


def test_claims_are_unique_and_in_the_order_of_the_paper(spec):
    table = claims(made(spec), spec)
    assert not table["claim"].duplicated().any()
    sources = ["Fig. 2 a", "Fig. 2 b", "Fig. 3 c", "Fig. 4", "Fig. 5", "Table 2"]
    assert table["source"].drop_duplicates().tolist() == sources
    assert table["source"].tolist() == sorted(table["source"], key=sources.index)


def test_order_of_inputs_changes_nothing(spec):
    given = made(spec)
    mixed = Claimed(
        *(table.iloc[::-1] for table in (given.blur, given.stability, given.maps, given.alpha)),
        metrics=dict(reversed(given.metrics.items())),
        paper=PAPER,
    )
    pd.testing.assert_frame_equal(claims(mixed, spec), claims(given, spec))


def test_a_verdict_has_a_finite_number(spec):
    table = claims(made(spec), spec)
    decided = table[table["verdict"] != "not tested"]
    assert len(decided) > 30
    assert np.isfinite(decided["measured"]).all()


@pytest.mark.parametrize("seeds", [(0,), (1, 2)])
def test_comparisons_of_trained_models_need_three_seeds(spec, seeds):
    table = claims(made(spec, seeds), spec)
    trained = table[table["source"].isin(["Fig. 2 a", "Fig. 2 b", "Fig. 5", "Table 2"])]
    measured = trained[trained["measured"].notna()]
    assert len(measured) > 30
    assert set(trained["verdict"]) == {"not tested"}
    assert set(measured["why"]) == {f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}, 3 are needed"}


def test_nothing_measured_is_nothing_decided(spec):
    given = made(spec)
    empty = [table.iloc[:0] for table in (given.blur, given.stability, given.maps, given.alpha)]
    table = claims(Claimed(*empty, metrics={}, paper=PAPER), spec)
    assert set(table["verdict"]) == {"not tested"}
    assert table["measured"].isna().all()
    assert set(claims(given, spec)["claim"]) >= set(table.loc[table["source"] != "Fig. 3 c", "claim"])


def test_the_table_survives_its_file(spec, tmp_path):
    table = claims(made(spec), spec)
    write_table(tmp_path / "claims.csv", table)
    again = read_table(tmp_path / "claims.csv", *COLUMNS, text=["claim", "source", "expected", "verdict", "why"])
    pd.testing.assert_frame_equal(again, table, check_dtype=False)
    given = made(spec)
    for name in ("blur", "stability", "maps", "alpha"):
        write_table(tmp_path / f"{name}.csv", getattr(given, name))
    read = [read_table(tmp_path / f"{name}.csv") for name in ("blur", "stability", "maps", "alpha")]
    pd.testing.assert_frame_equal(claims(Claimed(*read, metrics=given.metrics, paper=PAPER), spec), table)


def claim_line(**cells):
    usual = {
        "claim": "a beats b (dB)",
        "source": "Fig. 9",
        "measured": 0.12345,
        "spread": 0.0004,
        "expected": "above 0 dB",
    }
    return {**usual, "verdict": "holds", "why": "seen", **cells}


def cells_of(text, claim):
    return next(line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith(f"| {claim}"))


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        ({}, ["a beats b (dB)", "Fig. 9", "0.123 (0.000)", "above 0 dB", "holds"]),
        ({"spread": np.nan, "measured": -0.0004}, ["a beats b (dB)", "Fig. 9", "0.000", "above 0 dB", "holds"]),
        (
            {"measured": -1.5, "verdict": "does not hold"},
            ["a beats b (dB)", "Fig. 9", "-1.500 (0.000)", "above 0 dB", "does not hold"],
        ),
        (
            {"verdict": "not tested", "why": "undecided: A - B"},
            ["a beats b (dB)", "Fig. 9", "0.123 (0.000)", "above 0 dB", "not tested (undecided)"],
        ),
        ({"claim": "a|b"}, ["a/b", "Fig. 9", "0.123 (0.000)", "above 0 dB", "holds"]),
    ],
)
def test_markdown_rounds(cells, shown):
    line = claim_line(**cells)
    text = claims_markdown(pd.DataFrame([line, claim_line(claim="other")]))
    assert cells_of(text, shown[0]) == shown
    assert "Not tested:" not in text


def test_markdown_counts_and_groups_what_is_not_tested():
    lost = {"verdict": "not tested", "measured": np.nan, "spread": np.nan}
    lines = [
        claim_line(),
        claim_line(claim="c", verdict="does not hold"),
        claim_line(claim="d", verdict="not tested", why="1 seed, 3 are needed"),
        claim_line(claim="e", why="no weights", **lost),
        claim_line(claim="f", why="no weights", **lost),
    ]
    text = claims_markdown(pd.DataFrame(lines))
    assert text.startswith("## Claims of the paper\n\nOf 5 claims 1 hold, 1 do not hold and 3 are not tested.")
    assert cells_of(text, "d")[-1] == "not tested"
    assert not any(line.startswith(("| e", "| f")) for line in text.splitlines())
    assert text.endswith("Not tested:\n\n- Fig. 9: 1 seed, 3 are needed (1 claim)\n- Fig. 9: no weights (2 claims)\n")


def test_markdown_of_all_claims_is_one_table(spec):
    table = claims(made(spec), spec)
    rows = [line for line in claims_markdown(table).splitlines() if line.startswith("|")]
    assert len(rows) == 2 + table["measured"].notna().sum()
    assert {line.count(" | ") for line in rows} == {4}
