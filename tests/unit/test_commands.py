import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from degcraft import commands

SOURCE = Path(commands.__file__).parents[2]
# What takes long to import, and no help text needs.
HEAVY = {"torch", "torchvision", "av", "onnx", "onnxscript", "matplotlib", "skimage", "sklearn", "lpips", "snakemake"}
HEAVY |= {"numpy", "pandas", "scipy", "PIL"}


def module(name):
    return importlib.import_module(f"degcraft.commands.{name}")


def python(*words, folder=None):
    """The result of a fresh Python that finds the package."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, env=environment, cwd=folder, check=False
    )


@pytest.fixture
def printed(capsys):
    def run(*argv):
        with pytest.raises(SystemExit) as ended:
            commands.main(argv)
        return ended.value.code, *capsys.readouterr()

    return run


def test_help_names_every_command(printed):
    code, out, _ = printed("--help")
    assert code == 0
    words = " ".join(out.split())
    for name in commands.COMMANDS:
        assert f" {name} {module(name).HELP}" in words


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_help_of_a_command_has_its_purpose_and_examples_that_parse(printed, name):
    code, out, _ = printed(name, "--help")
    assert code == 0
    assert module(name).__doc__.splitlines()[0] in out
    assert module(name).EXAMPLES.rstrip() in out
    assert max(map(len, module(name).EXAMPLES.splitlines())) <= 120


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_every_module_of_a_command_offers_what_the_program_needs(name):
    assert all(callable(getattr(module(name), part)) for part in ("options", "run"))
    assert len(module(name).HELP) < 100
    assert module(name).HELP[0].islower()


def test_every_file_of_the_package_is_a_command():
    files = {file.stem for file in Path(commands.__file__).parent.glob("*.py")} - {"__init__"}
    assert files == set(commands.COMMANDS)


@pytest.mark.parametrize("argv", [["restor"], ["frobnicate", "x"]])
def test_an_unknown_command_is_refused_with_the_known_ones(printed, argv):
    code, _, err = printed(*argv)
    assert code == 2
    for name in commands.COMMANDS:
        assert name in err


def test_a_word_too_many_gets_the_usage_of_its_command(printed):
    code, _, err = printed("new", "my", "film", "--images", "scans")
    assert code == 2
    assert "usage: degcraft new " in err
    assert "degcraft new: error: not understood: film\n" in err


def test_no_command_is_refused(printed):
    code, _, err = printed()
    assert code == 2
    assert "COMMAND" in err


def test_help_loads_nothing_heavy():
    code = "import sys\nfrom degcraft.commands import main\ntry: main(['--help'])\nexcept SystemExit: print('\\n', *sys.modules)"
    done = python("-c", code)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "degcraft.commands.new" in loaded, done.stderr
    assert not HEAVY & loaded


def test_the_package_runs_as_a_program(tmp_path):
    done = python("-m", "degcraft", "new", "--help", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")
    assert "degcraft new myfilm --images" in done.stdout


def test_wrong_input_is_one_plain_line_and_exit_code_1(tmp_path):
    done = python("-m", "degcraft", "new", "film", "--images", "nowhere/at/all", folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: --images ")
    assert "nowhere/at/all: no such file or folder" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_exported_file_is_no_model_to_restore_with(tmp_path, capsys):
    assert commands.main(["restore", "--model", "model.onnx", str(tmp_path), "-o", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: --model model.onnx: expected a model of the workflow")
    assert told.endswith("; type: --model model.safetensors\n")
