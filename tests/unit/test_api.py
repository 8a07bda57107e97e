import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import degcraft
from degcraft import fingerprint

SOURCE = Path(degcraft.__file__)
TREE = ast.parse(SOURCE.read_text(encoding="utf-8"))


def checked_names():
    """Public names that type checkers and editors see, with where each comes from."""
    block = next(node for node in TREE.body if isinstance(node, ast.If))
    return {alias.asname or alias.name: f"{node.module}.{alias.name}" for node in block.body for alias in node.names}


def test_type_checkers_and_programs_see_the_same_names():
    places = {name: f"degcraft.{place}" for name, place in degcraft._PLACES.items()}
    assert checked_names() == places
    assert sorted(degcraft.__all__) == sorted(places)
    assert set(degcraft.__all__) <= set(dir(degcraft))


@pytest.mark.parametrize("name", degcraft.__all__)
def test_name_is_there_documented_and_tried(name):
    found = getattr(degcraft, name)
    if inspect.isfunction(found) or (inspect.isclass(found) and not issubclass(found, Exception)):
        assert "\nExamples\n--------\n>>> " in inspect.getdoc(found)
    assert f"`{name}`" in degcraft.__doc__


@pytest.mark.parametrize("name", [name for name in degcraft.__all__ if inspect.isfunction(getattr(degcraft, name))])
def test_function_is_typed(name):
    signature = inspect.signature(getattr(degcraft, name))
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(one.annotation is not inspect.Parameter.empty for one in signature.parameters.values())


def loaded(code):
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_import_loads_nothing_else():
    modules = loaded("import degcraft")
    assert not {"numpy", "pandas", "PIL", "scipy", "torch", "yaml"} & modules
    assert [name for name in modules if name.startswith("degcraft.")] == []


def test_bins_need_no_torch_and_a_name_is_looked_up_once():
    assert "torch" not in loaded("import degcraft\ndegcraft.grid\nassert 'grid' in vars(degcraft)")


def test_star_gives_every_name():
    loaded("from degcraft import *\nassert Restorer and grid and ALPHAS")


def test_other_names_are_no_attributes():
    with pytest.raises(AttributeError, match="module 'degcraft' has no attribute 'grids'"):
        degcraft.grids  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'grids'"):
        exec("from degcraft import grids")


def test_public_names_make_no_stage_run_again(tmp_path):
    for name, text in {"__init__.py": "", "stages/blur.py": "import degcraft.bins\n", "bins.py": "A = 1\n"}.items():
        (tmp_path / "degcraft" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "degcraft" / name).write_text(text)
    root = tmp_path / "degcraft"
    before = fingerprint.code("blur", root=root)
    (root / "__init__.py").write_text("from degcraft import other\nB = 2\n")
    (root / "other.py").write_text("C = 3\n")
    fingerprint.code.cache_clear()
    assert fingerprint.code("blur", root=root) == before
    (root / "bins.py").write_text("A = 2\n")
    fingerprint.code.cache_clear()
    assert fingerprint.code("blur", root=root) != before


def test_no_stage_takes_a_public_name_from_the_package():
    # Its module would be missing from the stage's fingerprint.
    for path in SOURCE.parent.rglob("*.py"):
        if path != SOURCE:
            nodes = [
                node
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, ast.ImportFrom)
            ]
            taken = {alias.name for node in nodes if node.module == "degcraft" for alias in node.names}
            assert not taken & set(degcraft.__all__), path
