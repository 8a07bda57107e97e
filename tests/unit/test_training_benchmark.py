import subprocess
import sys

import numpy as np
import pytest
import torch

from degcraft.backbones import build
from degcraft.benchmarks import draws, training
from degcraft.io import ImagePack, write_pack
from degcraft.training import Recipe
from tests.conftest import photo_like

TINY = {"kind": "srresnet", "width": 8, "blocks": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    write_pack(folder, [photo_like(seed, 160, 144) for seed in range(2)], ["a", "b"], ["a", "b"])
    return folder


@pytest.fixture(scope="module")
def run(folder):
    recipe = Recipe(**{**vars(training.RECIPE), "batch": 2, "patch": 32})
    return training.Run(ImagePack(folder), recipe, torch.device("cpu"), 0)


def test_operations_are_those_of_the_convolutions(run):
    network, multiplications = build(TINY), []

    def count(layer, _, out):
        multiplications.append(out[0, 0].numel() * layer.weight.numel() * len(out))

    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(count)
    network(torch.zeros(2, 3, 8, 8))
    # Backward there are two products more of each; none for the gradient of the input.
    expected = 2 * (3 * sum(multiplications) - multiplications[0])
    assert training.step_flops(run, TINY) == pytest.approx(expected, rel=1e-6)


def test_both_loops_train_on_the_same_images(run):
    ours, usual = run.ours(TINY, "fp32", compiled=False), run.usual(TINY)
    for step in (ours, usual):
        assert 0 < run.seconds(step, 2) < 60
    source = training.Pairs(run.patches, range(2), training.DEGRADATION)
    plans = training.Plans(run.patches, range(2), training.DEGRADATION, resident=True)
    (_, own), (_, other) = run.maker(compiled=False)(*plans[3]), source[3]
    assert torch.equal(own, other)


def test_one_of_several_processes_prints_its_seconds(folder):
    code = (
        "import sys; from degcraft.benchmarks import training as t;"
        f"t.BACKBONES['srresnet'] = {TINY!r};"
        "t.RECIPE = t.Recipe(**{**vars(t.RECIPE), 'batch': 1, 'patch': 32}); t.main(*sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, str(folder), "srresnet", "3"]
    assert float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) > 0


def test_shares_of_a_step_are_measured_on_one_core(folder, monkeypatch):
    monkeypatch.setattr(training, "BACKBONES", {"srresnet": TINY})
    monkeypatch.setattr(training, "STUDY", TINY)
    lines = list(training.processor(ImagePack(folder)))
    assert [line.unit for line in lines] == ["%", "%"]
    assert all(0 < line.ours < 100 for line in lines)


def test_lines_of_a_gpu_say_that_there_is_none():
    lines = list(training.absent())
    assert len(lines) == 7
    assert all(np.isnan(line.ours) and line.holds is None and "no NVIDIA GPU" in line.note for line in lines)


def test_draws_are_measured_beside_uniform(folder):
    recipe = Recipe(**{**vars(training.RECIPE), "batch": 2, "patch": 32})
    run = training.Run(ImagePack(folder), recipe, torch.device("cpu"), 0)
    lines = list(draws.compared(run, TINY, 3, "here"))
    assert [line.name for line in lines] == ["training: draw realesrgan, cpu", "training: draw bsrgan, cpu"]
    assert all(0 < line.ratio < 2 and line.unit == "steps/s" for line in lines)
