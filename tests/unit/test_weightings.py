import pytest

from degcraft.errors import DegcraftError
from degcraft.spec import floored_weighting, parse_weighting, weighting_name


@pytest.mark.parametrize(
    ("alpha", "name"), [(25, "25"), (25.0, "25"), (2.5, "2.5"), (0, "0"), (-0.0, "0"), (1e6, "1e+06")]
)
def test_weighting_names(alpha, name):
    assert weighting_name({"weights": {"alpha": alpha}}) == f"frechet-a{name}"
    assert parse_weighting(f"frechet-a{name}") == {"kind": "frechet", "alpha": float(alpha)}


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("frechet-auto", {"kind": "frechet-auto"}),
        ("mixture", {"kind": "mixture"}),
        ("refined", {"kind": "refined"}),
        ("second-order", {"kind": "second-order"}),
        ("refined-f0", {"kind": "refined", "floor": 0.0}),
        ("second-order-f0.25", {"kind": "second-order", "floor": 0.25}),
        ("mixture-f1", {"kind": "mixture", "floor": 1.0}),
        ("frechet-auto-f0.1", {"kind": "frechet-auto", "floor": 0.1}),
        ("frechet-a2.5-f0.125", {"kind": "frechet", "alpha": 2.5, "floor": 0.125}),
        ("frechet-a1e+06-f1e-05", {"kind": "frechet", "alpha": 1e6, "floor": 1e-5}),
    ],
)
def test_kinds_of_weightings_and_their_floor(name, parsed):
    assert parse_weighting(name) == parsed
    plain = parsed["kind"].startswith("frechet")
    config = {"weights": {"alpha": 25, "floor": 0.05}}
    assert floored_weighting(config, name) == {"floor": 0 if plain else 0.05, **parsed}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("frechet", "write frechet-a25"),
        ("frechet-a", "write frechet-a25"),
        ("frechet-a-1", "write frechet-a25"),
        ("frechet-anan", "write frechet-a25"),
        ("mixtur", "write frechet-a25"),
        ("mixture-f", "write frechet-a25 or refined-f0.1"),
        ("mixture-f1.5", "a number up to 1"),
        ("mixture-a25", "write frechet-a25"),
        ("refined-f0.10", "its files are named refined-f0.1"),
        ("frechet-a25-f0.0", "its files are named frechet-a25-f0"),
        ("frechet-auto-a25", "write frechet-a25"),
        ("frechet-a25.0", "its files are named frechet-a25"),
        ("frechet-a025", "its files are named frechet-a25"),
    ],
)
def test_other_weightings_are_refused(name, message):
    with pytest.raises(DegcraftError, match=message):
        parse_weighting(name)
