import doctest
import re
import shutil
from pathlib import Path

from degcraft import backbones, models

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "python.md"
OPTIONS = {"kind": "srresnet", "width": 8, "blocks": 1}


def test_page_shows_what_python_shows(tmp_path, monkeypatch):
    shutil.copy(ROOT / "config.yaml", tmp_path)
    model = tmp_path / "results/models/srresnet/any/uniform/seed0/model.safetensors"
    model.parent.mkdir(parents=True)
    models.write_model(model, backbones.build(OPTIONS), {"backbone": OPTIONS})
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, PAGE.name, str(PAGE), 0)
    told = []
    assert len(test.examples) > 30
    doctest.DocTestRunner().run(test, out=told.append)
    assert not told, "".join(told)
    assert (tmp_path / "restored.png").is_file()


def test_commands_of_the_page_name_every_example():
    named = re.findall(r"^python (examples/\w+\.py)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(f"examples/{path.name}" for path in (ROOT / "examples").glob("*.py"))
