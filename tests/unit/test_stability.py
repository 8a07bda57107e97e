import numpy as np
import pandas as pd
import pytest

from degcraft.errors import DegcraftError
from degcraft.evidence.stability import stability, stability_table
from degcraft.streams import stream
from degcraft.weighting.frechet import squared_distance, statistics


def rngs(n, repeat):
    return stream(0, "test", "stability", n, repeat)


def normal(images, c=1):
    return stream(1, "test", "stability").normal(size=(images, c))


def spread(table):
    return table.groupby("images")["distance"].agg(["mean", "std"])


def test_one_line_per_count_and_repeat():
    table = stability(normal(40), normal(40), [5, 20], 3, rngs, 1)
    assert table[["images", "repeat"]].to_numpy().tolist() == [[5, 0], [5, 1], [5, 2], [20, 0], [20, 1], [20, 2]]
    assert (table["distance"] >= 0).all()


def test_distance_is_that_of_the_drawn_groups():
    target, bin = normal(30, 4), normal(30, 4) * 1.5 + 1
    order = rngs(12, 2).permutation(30)
    expected = squared_distance(statistics(target[order[:12]], 1), statistics(bin[order[12:24]], 1))
    table = stability(target, bin, [12], 3, rngs, 1)
    assert table["distance"][2] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("images", "n"), [(20, 10), (50, 10)])
def test_the_two_groups_share_no_image(images, n):
    # Every image is an axis of its own: 2 / n between the means and a trace of 1 in each
    # covariance, without anything in common; one shared image would bring them nearer.
    one_hot = np.eye(images)
    table = stability(one_hot, one_hot, [n], 20, rngs, 1)
    assert table["distance"].to_numpy() == pytest.approx(2 / n + 2, rel=1e-9)


def test_far_apart_the_spread_falls_with_the_root_of_n():
    # (m + a - b)^2 + ..., with a - b of variance 2 / n: standard deviation 2 m sqrt(2 / n).
    target = normal(4000)
    found = spread(stability(target, target + 20, [50, 200, 800], 150, rngs, 1))
    assert found["mean"].to_numpy() == pytest.approx(400, rel=0.02)
    assert found["std"].to_numpy() == pytest.approx([40 * np.sqrt(2 / n) for n in found.index], rel=0.2)


def test_of_the_same_distribution_mean_and_spread_fall_with_n():
    # Means differ by a variance of 2 / n, standard deviations by about 1 / n.
    target = normal(4000)
    found = spread(stability(target, target, [50, 200, 800], 150, rngs, 1))
    assert (found["mean"] * found.index).to_numpy() == pytest.approx(3, rel=0.3)
    assert found.loc[50, "std"] / found.loc[800, "std"] == pytest.approx(16, rel=0.4)


def test_images_that_are_all_alike_do_not_spread():
    target, bin = np.tile([1.0, 2.0, 3.0], (30, 1)), np.tile([4.0, 6.0, 3.0], (30, 1))
    table = stability(target, bin, [5, 15], 4, rngs, 1)
    assert table["distance"].tolist() == [25.0] * 8


def test_a_draw_depends_on_its_count_and_repeat_alone():
    target, bin = normal(60, 3), normal(60, 3) + 1
    both = stability(target, bin, [10, 30], 4, rngs, 1)
    alone = stability(target, bin, [30], 2, rngs, 1)
    assert both.loc[both["images"] == 30, "distance"].tolist()[:2] == alone["distance"].tolist()


def test_ddof_is_used():
    target, bin = normal(20), normal(20) * 3
    with_n = stability(target, bin, [10], 1, rngs, 0)["distance"][0]
    order = rngs(10, 0).permutation(20)
    a, b = target[order[:10]], bin[order[10:]]
    assert with_n == pytest.approx(((a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2).item(), rel=1e-9)


def test_more_images_than_there_are():
    with pytest.raises(DegcraftError) as error:
        stability(normal(40), normal(40), [10, 21, 50], 2, rngs, 1)
    assert str(error.value) == (
        "config.yaml: evidence.stability.counts: 21, 50; at most 20 is possible, since the two groups of a draw share "
        "none of the 40 clean images; write smaller counts or a larger prepare.stability.count"
    )


def test_features_of_other_images():
    with pytest.raises(ValueError, match="the same images are needed in both"):
        stability(normal(40), normal(39), [10], 2, rngs, 1)


def test_table_joins_extractors_in_order_with_notes():
    one = pd.DataFrame({"images": [10, 10], "repeat": [0, 1], "distance": [0.5, 0.25]})
    families = {"dct": "dct", "vgg54": "vgg54", "alexnet-random-1": "alexnet-random"}
    table = stability_table({"alexnet-random-1": one * 2, "dct": one}, families, {"vgg54": "no weights"})
    assert list(table) == ["extractor", "family", "images", "repeat", "distance", "note"]
    assert table["extractor"].tolist() == ["dct", "dct", "vgg54", "alexnet-random-1", "alexnet-random-1"]
    assert table["family"].tolist() == ["dct", "dct", "vgg54", "alexnet-random", "alexnet-random"]
    assert table["note"].dropna().to_dict() == {2: "no weights"}
    assert table.loc[2, ["images", "repeat", "distance"]].isna().all()
    assert table["distance"].dropna().tolist() == [0.5, 0.25, 1.0, 0.5]
    assert str(table["images"].dtype) == "Int64"


def test_table_of_notes_alone():
    table = stability_table({}, {"vgg54": "vgg54"}, {})
    assert table["note"].tolist() == ["not measured"]
    assert table["distance"].isna().all()
