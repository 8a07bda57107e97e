import copy
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from degcraft.config import leaves, merge
from degcraft.schema import options
from tests.validated import problems

ROOT = Path(__file__).parents[2]
OVERRIDES = [*(f"workflow/presets/{name}.yaml" for name in ("paper", "study", "evidence")), "tests/config/tiny.yaml"]


def undocumented(text):
    """Keys with a value that have no comment above them, their group or their section."""
    commented, bare = set(), []
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            commented = set()
        elif line.strip().startswith("#"):
            commented = {level for level in commented if level < indent} | {indent}
        else:
            commented = {level for level in commented if level <= indent}
            if not commented and not line.endswith(":"):
                bare.append(line.strip())
    return bare


NAMED = {"settings": "setting", "extractors": "extractor", "backbones": "backbone", "tables.extractors": "backbone"}
NAMED |= {"applications": "application", "evidence.images": "figure", "tables.draws": "backbone", "methods": "method"}
PLACE = re.compile(rf"^({'|'.join(map(re.escape, NAMED))})\.[^.]+")


def general(path):
    """Dotted path with the kind of name for the name itself."""
    return PLACE.sub(lambda match: f"{match[1]}.<{NAMED[match[1]]}>", path)


def values(node, path=""):
    for key, item in node.items():
        if isinstance(item, dict) and general(f"{path}{key}") not in options():  # some sections are one option
            yield from values(item, f"{path}{key}.")
        else:
            yield f"{path}{key}"


def test_the_default_is_valid(default_config):
    assert problems(default_config) == []


def test_config_and_schema_name_the_same_options(default_config):
    assert {general(path) for path in values(default_config)} == set(options())


def test_leaves_pair_every_value_with_its_option(default_config):
    found = {path: (option, value) for path, option, value in leaves(default_config)}
    assert set(found) == set(values(default_config))
    assert found["backbones.rrdb.growth"] == (options()["backbones.<backbone>.growth"], 8)
    assert found["prepare.references.count"] == (options()["prepare.references.count"], 100)


def test_every_option_of_config_yaml_has_a_comment():
    assert undocumented((ROOT / "config.yaml").read_text()) == []
    assert undocumented("# all\na:\n  b: 1\n  c: 2\n\nd:\n  e: 1\n  # this\n  f: 2\n  g: 3\n") == ["e: 1"]


@pytest.mark.parametrize("path", OVERRIDES)
def test_overrides_are_valid_and_change_something(default_config, path):
    changes = yaml.safe_load((ROOT / path).read_text())
    merged = merge(default_config, changes)
    assert problems(merged) == []
    assert set(values(changes)) <= set(values(merged))
    assert merged != default_config


@pytest.mark.parametrize("path", OVERRIDES)
def test_merge_is_the_engines(default_config, path):
    changes = yaml.safe_load((ROOT / path).read_text())
    engine, before = copy.deepcopy(default_config), copy.deepcopy(default_config)
    update_config(engine, changes)
    assert merge(default_config, changes) == engine
    assert default_config == before


def test_paper_is_the_papers_scale(default_config):
    paper = merge(default_config, yaml.safe_load((ROOT / OVERRIDES[0]).read_text()))
    assert math.prod(paper["bins"][name]["count"] for name in paper["bins"]) == 75
    assert (paper["prepare"]["crop"], paper["prepare"]["references"]["count"], paper["weights"]["alpha"]) == (
        288,
        100,
        25,
    )
    assert paper["backbones"]["srresnet"] == {"kind": "srresnet", "width": 64, "blocks": 16}
    assert paper["backbones"]["rrdb"] == {"kind": "rrdb", "width": 64, "blocks": 23, "growth": 32}
    trainings = {name: 1 + 4 * (1 + len(rows)) for name, rows in paper["tables"]["extractors"].items()}
    assert trainings == {"srresnet": 29, "rrdb": 25}
    assert not any(paper["prepare"][name]["packaged"] for name in ("train", "references", "bins", "test"))


def test_reading_the_config_loads_nothing_heavy():
    code = (
        "import sys; from degcraft import config, fingerprint, inputs, spec;"
        "print(sorted({'torch', 'numpy', 'pandas', 'PIL', 'scipy', 'snakemake'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
