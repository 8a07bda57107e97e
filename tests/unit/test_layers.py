import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sources import imported

PACKAGE = Path(__file__).parents[2] / "workflow" / "degcraft"

# Who may import whom: a module imports from its own layer and from those below it. A folder stands for all that is in
# it. Stages, besides, do not import one another.
STAGES, PROGRAMS, LIBRARY, FLOOR = "stages", "programs", "library", "floor"
LAYERS = {
    STAGES: "__main__ commands stages",
    PROGRAMS: "benchmarks crate evidence figures manifest markdown methods pretraining report restore restoring resumption status"
    " tables training",
    LIBRARY: "",  # every module that is in no other layer
    FLOOR: "bins cards checkpoints choices compared compute config consistency errors exhibits fingerprint inputs io plans"
    " published records repeats schema sections sizes spec streams targets",
}
ORDER = list(LAYERS)
# Besides stages, the modules whose purpose is files; no other opens any.
FILES = (
    "benchmarks.files benchmarks.memory captions cards checkpoints choices classes decoding fingerprint images inputs inspection io journal"
    " models pictures published records restoring resumption schema sizes video"
)
OPENERS = {"open", "read_text", "write_text", "read_bytes", "write_bytes", "read_csv", "to_csv", "mkdir", "savez"}
OPENERS |= {"load_file", "save_file", "savez_compressed", "savetxt", "loadtxt", "genfromtxt", "fromfile", "tofile"}
OPENERS |= {"memmap", "ZipFile", "imread", "imwrite", "unlink", "rmtree", "copyfile", "copytree"}
LOADERS = {"np.load", "np.save", "torch.load", "torch.save"}  # by their whole names, for much else loads and saves
IN_MEMORY = {"Image.open(buffer, formats=('JPEG',))"}
HEAVY = {"torch", "av", "onnx", "onnxscript", "torchvision", "lpips", "matplotlib", "skimage", "sklearn", "snakemake"}


def module_name(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def layer(module):
    top = module.split(".")[0]
    return next((name for name, members in LAYERS.items() if top in members.split()), LIBRARY)


def ours(module):
    """Modules of the package that a module imports; of ``from a import b``, b where that is a module, else a."""
    names = {name.removeprefix("degcraft.") for name in imported(MODULES[module]) if name.startswith("degcraft.")}
    return {name for name in names if name in MODULES or name.split(".")[0] not in MODULES} - {module}


def opened(path):
    """Calls of a file that open files."""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    named = {ast.unparse(call): ast.unparse(call.func) for call in calls}
    found = {call for call, name in named.items() if name.split(".")[-1] in OPENERS or name in LOADERS}
    return found - IN_MEMORY


def test_every_name_in_the_table_is_a_module_of_one_layer():
    named = [name for members in LAYERS.values() for name in members.split()]
    assert len(named) == len(set(named))
    assert set(named) <= {module.split(".")[0] for module in MODULES}
    assert set(FILES.split()) <= set(MODULES)


@pytest.mark.parametrize("module", [name for name in MODULES if name])
def test_imports_only_from_its_layer_or_below(module):
    for other in ours(module):
        assert other in MODULES, f"{module} imports {other}, which does not exist"
        assert ORDER.index(layer(other)) >= ORDER.index(layer(module)), f"{module} imports {other}"


@pytest.mark.parametrize("module", [name for name in MODULES if layer(name) == STAGES])
def test_stages_do_not_import_one_another(module):
    assert {other for other in ours(module) if layer(other) == STAGES} <= {"stages", "commands"}


def test_no_import_cycles():
    order = list(graphlib.TopologicalSorter({name: ours(name) for name in MODULES}).static_order())
    assert order.index("errors") < order.index("io")


@pytest.mark.parametrize("module", [name for name in MODULES if name not in FILES.split() and layer(name) != STAGES])
def test_mathematics_opens_no_files(module):
    assert not opened(MODULES[module])


def test_files_are_opened_where_they_may_be():
    assert opened(MODULES["io"])


def test_importing_all_stages_loads_nothing_heavy():
    stages = [f"degcraft.{name}" for name in MODULES if layer(name) == STAGES]
    code = f"import sys, importlib\nfor name in {stages}: importlib.import_module(name)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "degcraft.stages" in done.stdout.split()
    assert not HEAVY & set(done.stdout.split())
