import shutil
from pathlib import Path

import pytest

from degcraft import fingerprint
from degcraft.errors import DegcraftError

PACKAGE = Path(__file__).parents[2] / "workflow" / "degcraft"
SOURCES = {
    "__init__.py": '"""Package."""\n',
    "stages/__init__.py": "def enter(main):\n    main()\n",
    "stages/blur.py": (
        '"""Stage."""\nimport json\n\nfrom degcraft.stages import enter\n\n\n'
        'def run(x):\n    """Run."""\n    from degcraft.kernels import gaussian\n\n    return gaussian.side(x) * 4\n'
    ),
    "stages/other.py": "import degcraft.noise as noise\n\n\ndef run(x):\n    return noise.add(x)\n",
    "kernels/__init__.py": "FIRST = 1\n",
    "kernels/gaussian.py": "from degcraft import sizes\n\n\ndef side(x):\n    return x + sizes.SIDE\n",
    "kernels/sinc.py": "import degcraft.deep\n\nCUTOFF = 0.5\n",
    "sizes.py": "SIDE = 21\n",
    "noise.py": "def add(x):\n    return x + 1\n",
    "deep.py": "DEPTH = 3\n",
}
# What Python 3.11 to 3.13 write or parse in different ways.
TRICKY = r'''
from __future__ import annotations
TYPES = {"a": 1, **{}}
def f(x: int = 3, *args, key=None, **rest) -> str:
    """Gone."""
    text = f"{x!r:>{key}} {'nested'} {x=} {rest['a']}\n {f'{x:.2f}'}" "tail" f"{{}}" u"é" r"\d"
    match x:
        case {"a": [1, *_], **others} if (n := 2): return text
        case str() | None: pass
@staticmethod
class C(object, metaclass=type):
    "Gone too."
    y = [lambda: (), ..., 1e-7, 1j, None, -0.0, b"\xff", "a" "b", x[1:, ::2]]
    async def g(self): return [i async for i in self if not i]
'''


@pytest.fixture
def root(tmp_path):
    for name, text in SOURCES.items():
        path = tmp_path / "degcraft" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "degcraft"


def code(root, *names):
    fingerprint.code.cache_clear()
    return fingerprint.code(*names, root=root)


def edit(root, name, old, new):
    text = (root / name).read_text()
    assert old in text
    (root / name).write_text(text.replace(old, new))


def test_is_short_hex_and_repeatable(root):
    assert len(code(root, "blur")) == 16
    assert int(code(root, "blur"), 16) >= 0
    assert code(root, "blur") == code(root, "blur")
    assert code(root, "blur") != code(root, "other")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("stages/blur.py", "* 4", "* 5"),
        ("stages/__init__.py", "main()", "main(1)"),
        ("kernels/__init__.py", "FIRST = 1", "FIRST = 2"),  # packages run when a module of theirs is imported
        ("kernels/gaussian.py", "x + sizes", "x - sizes"),  # imported inside a function
        ("sizes.py", "21", "23"),  # imported by an import, as `from package import module`
        ("sizes.py", "21", "21.0"),
        ("sizes.py", "21", "'21'"),
    ],
)
def test_edits_of_what_a_stage_runs_count(root, name, old, new):
    before = code(root, "blur")
    edit(root, name, old, new)
    assert code(root, "blur") != before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("stages/blur.py", '"""Stage."""', '"""Another text.\n\nWith lines.\n"""'),
        ("stages/blur.py", '    """Run."""\n', ""),
        ("stages/blur.py", "    return", "    # Why.\n\n\n    return"),
        ("stages/blur.py", "gaussian.side(x) * 4", "(gaussian.side(\n        x,\n    ) * 4)  # why"),
        ("__init__.py", '"""Package."""', "X = 1"),  # it names the parts for users, no stage asks it for any
        ("sizes.py", "SIDE = 21", "SIDE = (0x15)"),
        ("noise.py", "+ 1", "+ 2"),  # of another stage
        ("kernels/sinc.py", "0.5", "0.6"),  # beside what is imported
    ],
)
def test_prose_layout_and_other_code_do_not_count(root, name, old, new):
    before = code(root, "blur")
    edit(root, name, old, new)
    assert code(root, "blur") == before


def test_plugins_count_with_what_they_import(root):
    before = code(root, "blur", "kernels.sinc")
    assert before != code(root, "blur")
    edit(root, "deep.py", "3", "4")
    after = code(root, "blur", "kernels.sinc")
    assert after != before
    edit(root, "kernels/sinc.py", "0.5", "0.6")
    assert code(root, "blur", "kernels.sinc") not in (before, after)


def test_a_moved_edit_does_not_cancel(root):
    before = code(root, "blur")
    edit(root, "sizes.py", "SIDE = 21\n", "")
    edit(root, "kernels/__init__.py", "FIRST = 1\n", "FIRST = 1\nSIDE = 21\n")
    assert code(root, "blur") != before


def test_imports_in_a_circle_end(root):
    edit(root, "sizes.py", "SIDE = 21", "import degcraft.kernels.gaussian\nSIDE = 21")
    assert len(code(root, "blur")) == 16


def test_is_the_same_on_every_python(root):
    (root / "stages" / "tricky.py").write_text(TRICKY, encoding="utf-8")
    assert code(root, "tricky") == "20bf8aac1245db09"


@pytest.mark.parametrize("names", [("blurr",), ("blur", "kernels.none")])
def test_an_unknown_module_is_refused(root, names):
    with pytest.raises(DegcraftError, match="no such module"):
        code(root, *names)


@pytest.mark.parametrize("stage", sorted(path.stem for path in (PACKAGE / "stages").glob("[a-z]*.py")))
def test_every_stage_has_a_hash(stage):
    assert len(code(PACKAGE, stage)) == 16


def test_of_the_package_itself(tmp_path):
    root = tmp_path / "degcraft"
    shutil.copytree(PACKAGE, root, ignore=shutil.ignore_patterns("__pycache__"))

    def hashes():
        return {
            "synthesize": code(root, "synthesize"),
            "weights": code(root, "weights"),
            "dct": code(root, "features", "extractors.dct"),
            "vgg": code(root, "features", "extractors.vgg"),
            "rrdb": code(root, "train", "backbones.rrdb"),
        }

    def changed(name):
        before, text = hashes(), (root / name).read_text()
        (root / name).write_text(f"{text}\nEDITED = 1\n")
        after = hashes()
        (root / name).write_text(text)
        return {key for key in after if after[key] != before[key]}

    assert changed("extractors/dct.py") == {"dct"}
    assert changed("backbones/rrdb.py") == {"rrdb"}
    assert changed("degradations/first_order.py") == {"synthesize", "rrdb"}
    assert changed("errors.py") == set(hashes())
    assert changed("config.py") == set()
