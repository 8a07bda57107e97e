import json

import numpy as np
import yaml
from PIL import Image

from tests.conftest import photo_like
from tests.workflow.engine import TINY, snakemake

NAMES = ["a b.png", "é.png", "; touch x.png", "$(touch y).png", "q'uo\"te.png", "a*b?.png"]


def test_the_engine_carries_names_with_spaces_and_signs(tmp_path):
    (tmp_path / "my film").mkdir()
    for seed, name in enumerate(NAMES):
        Image.fromarray(photo_like(seed, 300, 300)).save(tmp_path / "my film" / name)
    config = yaml.safe_load(TINY.read_text())
    config["applications"] = {
        "archive": {
            "images": ["my film", "my film/a b.png"],
            "packaged": [],
            "references": {"count": 6, "min": 2},
            "count": 9,
        }
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    before = {path.name for path in tmp_path.iterdir()}
    wanted = ["--cores", "1", "results/degraded/references/archive.npz"]
    done = snakemake(tmp_path, *wanted, config=tmp_path / "config.yaml")
    assert done.returncode == 0, done.stdout[-3000:]
    material = json.loads((tmp_path / "results/applications/archive/material/material.json").read_text())
    assert material["images"] == len(NAMES)
    with np.load(tmp_path / "results/degraded/references/archive.npz") as file:
        assert len(file["images"]) == 6
    assert {path.name for path in tmp_path.iterdir()} - before == {"results", ".snakemake"}
    assert "Nothing to be done" in snakemake(tmp_path, *wanted, config=tmp_path / "config.yaml").stdout
