import numpy as np
import pytest

from degcraft.figures.style import LOOKS
from tests.pictures import axes, drawn, notes, shown


@pytest.mark.parametrize("case", ["sharpness", "sharpness of all rows", "sharpness without truth"])
def test_sharpness_shows_the_line_and_the_gradients_along_it(case):
    figure, table, images = drawn(case)
    panels, table = axes(figure), table[table["note"].isna()]
    curves = dict(zip(table["row"].drop_duplicates(), panels["profile"].get_lines(), strict=True))
    labels = [text.get_text() for text in panels["profile"].get_legend().get_texts()]
    for (row, lines), label in zip(table.groupby("row", sort=False), labels, strict=True):
        first = lines.iloc[0]
        assert np.array_equal(shown(panels[row]), images[first["file"]])
        (line,) = panels[row].get_lines()
        values = line.get_ydata() if first["direction"] == "horizontal" else line.get_xdata()
        assert set(values) == {first["line"]}
        assert panels[row].get_xlim() == (-0.5, images[first["file"]].shape[1] - 0.5)
        assert np.array_equal(curves[row].get_xdata(), lines["position"].astype(float))
        assert np.array_equal(curves[row].get_ydata(), lines["gradient"])
        assert curves[row].get_color() == LOOKS[row].colour
        assert label.endswith(f": {lines['gradient'].mean():.2f}")
        assert notes(panels[row]) == ([] if np.isnan(first["psnr_y"]) else [f"{first['psnr_y']:.2f} dB"])
    assert panels["profile"].get_legend().get_title().get_text() == "mean over the line"
    assert "HR pixels" in panels["profile"].get_xlabel()
    assert "grey levels / pixel" in panels["profile"].get_ylabel()


@pytest.mark.parametrize("case", ["votes", "votes on two"])
def test_bars_are_the_shares_of_the_ranks(case):
    figure, table, _ = drawn(case)
    (axis,) = figure.axes
    methods = list(dict.fromkeys(table["method"]))
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == ["DCT" if method == "dct" else method for method in methods]
    assert axis.get_ylim()[0] > axis.get_ylim()[1]  # the first method is on top
    for rank, bars in enumerate(axis.containers, 1):
        at_rank = table[table["rank"] == rank].set_index("method")
        for place, (method, bar) in enumerate(zip(methods, bars, strict=True)):
            assert bar.get_width() == pytest.approx(100 * at_rank.loc[method, "share"])
            assert bar.get_y() + bar.get_height() / 2 == place
            before = table[(table["method"] == method) & (table["rank"] < rank)]["share"].sum()
            assert bar.get_x() == pytest.approx(100 * before, abs=1e-9)
    assert len(axis.containers) == len(methods)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        f"rank {rank}" + (" (best)" if rank == 1 else "") for rank in range(1, len(methods) + 1)
    ]


@pytest.mark.parametrize("case", ["votes", "votes on two"])
def test_bars_carry_their_votes_and_mean_ranks(case):
    figure, table, _ = drawn(case)
    (axis,) = figure.axes
    written = notes(axis)
    large = table[table["share"] >= 0.07].sort_values(["rank", "mean_rank"])
    assert written[: len(large)] == [str(count) for count in large["votes"]]
    means = table.drop_duplicates("method")["mean_rank"]
    assert written[len(large) :] == [*(f"{mean:.2f}" for mean in means), "mean rank"]
    voters = table["voters"].iloc[0]
    assert axis.get_title(loc="left") == ("1 voter" if voters == 1 else f"{voters} voters")


def test_no_votes_is_an_empty_axis_with_the_reason():
    figure, _, _ = drawn("no votes")
    (axis,) = figure.axes
    assert not axis.patches
    assert notes(axis) == ["no votes"]
    assert [text.get_text() for text in figure.texts] == ["not shown: votes (evidence.votes is none)"]
