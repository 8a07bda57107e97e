import pytest

from degcraft import repeats
from degcraft.config import merge, validate
from degcraft.degradations.second_order import PARAMETERS
from degcraft.errors import DegcraftError
from degcraft.schema import options


def test_contents_of_bins_and_references_are_never_the_same(default_config):
    config = merge(default_config, {"estimation": {"seeds": [0, 3], "roles": ["a", "b"]}})
    for repeat in repeats.repeats(config):
        assert {repeats.contents(repeat, references=one) for one in (False, True)} == {"bins", "references"}
    assert repeats.contents("seed3a", references=True) == "references"
    assert repeats.contents("seed3b", references=True) == "bins"


def test_tables_leave_absent_extractors_out(default_config):
    changes = {"estimation": {"extractors": ["traces", "alexnet-minc"], "seeds": [0], "roles": ["a", "b"]}}
    config = merge(default_config, changes)
    assert repeats.tables(config, {"alexnet-minc": "no textures"}) == ["traces/seed0a", "traces/seed0b"]
    assert len(repeats.tables(config)) == 4


def test_settings_get_as_many_references_as_any_count_asks_for(default_config):
    for changes, most in (({"counts": [10, 50], "references": 30}, 50), ({"counts": [10], "references": 30}, 30)):
        config = merge(default_config, {"estimation": changes})
        assert repeats.synthesis(config, {"set": "targets"})["counts"] == [most]


def test_parameters_are_those_of_the_second_order_model():
    assert tuple(options()["estimation.parameters"]["items"]["enum"]) == PARAMETERS


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"estimation": {"weightings": ["mixtur"]}}, 'estimation.weightings: unknown weighting "mixtur"'),
        ({"estimation": {"weightings": ["frechet-a25.0"]}}, "its files are named frechet-a25; write that"),
        ({"estimation": {"weightings": ["second-order"]}}, "second-order has no bins to compare; remove it"),
        (
            {"estimation": {"weightings": ["frechet-auto-f0.2"]}},
            "frechet-auto-f0.2: all have the floor of weights.floor (write frechet-auto)",
        ),
        ({"estimation": {"extractors": ["trace"]}}, 'unknown extractor "trace"; did you mean "traces"?'),
        ({"estimation": {"parameters": ["level1", "level2", "level4"]}}, 'got "level4" (write level2)'),
        (
            {"settings": {"box1": {"blur": [0, 1], "noise": [0, 1], "quality": [80, 90]}}},
            "settings.box1: random targets have such names; choose another",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(default_config, changes, message):
    with pytest.raises(DegcraftError) as error:
        validate(merge(default_config, changes))
    assert message in str(error.value)
