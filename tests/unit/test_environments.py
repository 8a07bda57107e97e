import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
import yte
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from snakemake.resources import ResourceScopes

from tests.sources import imported

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "workflow" / "degcraft"
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
PROFILES = sorted((ROOT / "profiles").glob("*/profile.yaml"))
LIMITS = ROOT / "profiles" / "default" / "profile.yaml"
RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(python, platform="linux"):
    """Name and version of every package that the lock installs on x86_64."""
    place = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": platform,
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    lines = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)(?: ; (.*?))? \\$", LOCK, re.MULTILINE)
    return {canonical(name): version for name, version, marker in lines if not marker or Marker(marker).evaluate(place)}


def pinned(path):
    """Python version and pip pins of a conda environment file."""
    plain = [entry for entry in yaml.safe_load(path.read_text())["dependencies"] if isinstance(entry, str)]
    pip = next(entry["pip"] for entry in yaml.safe_load(path.read_text())["dependencies"] if isinstance(entry, dict))
    python = next(entry.split("=")[1] for entry in plain if entry.startswith("python="))
    return python, dict(entry.split("==") for entry in pip)


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_environment_pins_are_the_locks(path):
    python, pins = pinned(path)
    known = locked(python)
    assert pins == {name: known.get(name) for name in pins}
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{python}.0")


def test_lock_holds_hashes_and_no_addresses():
    assert "://" not in LOCK
    assert not re.search(r"^\s*(-i|--index-url|--extra-index-url|--find-links|-f)\b", LOCK, re.MULTILINE)
    for entry in re.split(r"^(?=\S)", LOCK, flags=re.MULTILINE)[1:]:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.splitlines()[0]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_lock_serves_the_direct_dependencies(python, platform):
    known = locked(python, platform)
    for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]:
        need = Requirement(line)
        assert need.specifier.contains(known[canonical(need.name)]), line


def test_profiles_do_not_share_keys_with_the_limits():
    keys = {path.parent.name: set(yaml.safe_load(path.read_text())) for path in PROFILES}
    limits = keys.pop("default")
    assert "slurm" in keys
    assert limits >= {"resources"}
    for name, others in keys.items():
        assert not limits & others, name
    assert not limits & {"default-resources", "jobs", "cores", "executor"}


def test_limits_are_positive_and_local():
    limits = yte.process_yaml(LIMITS.read_text(), require_use_yte=True)["resources"]
    scopes = re.search(r"^resource_scopes:(.*?)^\S", (ROOT / "Snakefile").read_text(), re.MULTILINE | re.DOTALL)
    for name, limit in limits.items():
        assert isinstance(limit, int)
        assert limit > 0
        named = re.search(rf"\b{name}\s*=\s*\"local\"", scopes[1])
        assert named or ResourceScopes.defaults().is_local(name), f"{name} would also hold back a cluster"


def foreign(module, seen):
    """Packages from elsewhere that a module of ours imports, by itself or through others."""
    if module in {*seen, "degcraft"}:  # the package itself names its parts for users, no stage asks it for one
        return set()
    seen.add(module)
    path = PACKAGE.parent.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not path.is_file():
        return set()
    names = imported(path)
    if "import_module(" in path.read_text(encoding="utf-8"):  # a package that finds its kinds by name
        names |= {f"{module}.{kind.stem}" for kind in path.parent.glob("*.py")}
    ours = {name for name in names if name.split(".")[0] == "degcraft"}
    ours |= {".".join(name.split(".")[:depth]) for name in ours for depth in range(1, name.count(".") + 1)}
    found = {name.split(".")[0] for name in names - ours} - sys.stdlib_module_names
    return found.union(*(foreign(name, seen) for name in ours))


def test_environments_hold_what_their_stages_import():
    distributions = importlib.metadata.packages_distributions()
    checked = set()
    for path in RULES:
        for rule in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            stage = re.search(r"-m degcraft\.stages\.(\w+)", rule)
            if stage is None:
                continue
            environment = re.search(r"envs/(\w+\.yaml)", rule)[1]
            need = {canonical(distributions[name][0]) for name in foreign(f"degcraft.stages.{stage[1]}", set())}
            lacking = need - set(pinned(ROOT / "envs" / environment)[1])
            assert not lacking, f"{rule.split(':')[0]} imports {lacking}, which envs/{environment} lacks"
            checked.add(environment)
    assert checked == {path.name for path in ENVIRONMENTS}
