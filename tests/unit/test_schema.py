import re
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator

from degcraft.schema import options, reruns_table, schema

STAGES = ["prepare", "applications", "truth", "synthesize", "pretrain", "features", "posterior", "distances", "alpha"]
STAGES += ["weights", "estimation", "train", "methods", "restore", "evaluate", "tables", "evidence", "checks"]
STAGES += ["export", "report", "figures"]


def objects(node, path="schema"):
    """Parts of the schema that describe a map, with their place."""
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield path, node
        for key, child in node.items():
            yield from objects(child, f"{path}.{key}")
    elif isinstance(node, list):
        for number, child in enumerate(node):
            yield from objects(child, f"{path}.{number}")


def test_is_a_json_schema():
    Draft202012Validator.check_schema(schema())


def test_refuses_unknown_keys_everywhere():
    found = dict(objects(schema()))
    # The filter of an image list has the columns of the user's own CSV as keys.
    assert [path for path, node in found.items() if node["additionalProperties"] is not False] == [
        "schema.$defs.images.items.properties.where"
    ]
    assert len(found) > 15


def test_every_map_of_names_refuses_what_is_no_file_name():
    maps = [node for _, node in objects(schema()) if "patternProperties" in node]
    patterns = {pattern for node in maps for pattern in node["patternProperties"]} - {".*", "^figure([678]|1[0-3])$"}
    assert len(maps) == 8
    (pattern,) = patterns
    good = ["a", "setting1", "alexnet-random", "9lives", "a-"]
    bad = ["", "-a", "A", "a b", "a/b", "..", "a.b", "a\n", "a_b", "é", " a"]
    assert [name for name in good + bad if re.search(pattern, name)] == good


@pytest.mark.parametrize("path", options())
def test_every_option_is_described(path):
    option = options()[path]
    assert option["description"][0].isupper()
    assert option["description"].endswith(".")
    assert option["x-stages"] == [stage for stage in STAGES if stage in option["x-stages"]]
    assert {"type", "enum", "anyOf"} & set(option)


def test_lengths_have_units():
    units = {path: option["x-unit"] for path, option in options().items() if "x-unit" in option}
    hr = {path for path in options() if re.search(r"e\.crop|n\.patch|r\.patch|kernel|blur\.range|>\.blur", path)}
    lr = {f"evidence.images.<figure>.{name}" for name in ("crop", "side")}
    assert {path for path, unit in units.items() if unit == "HR pixels"} == hr
    assert {path for path, unit in units.items() if unit == "LR pixels"} == lr
    assert {path for path, unit in units.items() if unit == "pixels"} == {
        "pretrain.alexnet.patch",
        "applications.<application>.window",
    }
    assert {unit for unit in units.values() if "pixels" not in unit} == {"grey levels of 255", "inches", "points"}


def test_reruns_table_is_short_and_complete():
    lines = reruns_table().splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines[2:]]
    assert len(rows) <= 110
    assert all(len(row) == 3 for row in rows)
    shown = {row[0].strip("`"): row[2] for row in rows}
    for path, option in options().items():
        covering = [row for row in shown if path == row or path.startswith(f"{row}.")]
        assert len(covering) == 1, path
        assert shown[covering[0]] == (", ".join(option["x-stages"]) or "nothing")


def test_reruns_table_is_what_the_command_prints():
    printed = subprocess.run([sys.executable, "-m", "degcraft.config"], capture_output=True, text=True, check=True)
    assert printed.stdout == reruns_table()
    assert "| `train.lr` | Learning rate of Adam | train |\n" in printed.stdout
    assert (
        "| `train.checkpoint_every` | Steps between checkpoints; it does not change results | nothing |"
        in printed.stdout
    )
