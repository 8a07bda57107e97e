import pytest
import torch

from degcraft import compute
from degcraft.errors import DegcraftError

CPU = {"device": "cpu", "precision": "fp32", "threads": 1}


def test_the_named_device_is_taken():
    assert compute.device(CPU) == torch.device("cpu")


def test_auto_prefers_cuda_then_apple_then_cpu():
    cuda, apple = torch.cuda.is_available(), torch.backends.mps.is_available()
    assert compute.device(CPU | {"device": "auto"}).type == ("cuda" if cuda else "mps" if apple else "cpu")


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_an_absent_device_is_said(name):
    if {"cuda": torch.cuda, "mps": torch.backends.mps}[name].is_available():
        pytest.skip(f"this machine has {name}")
    with pytest.raises(DegcraftError, match=f"compute.device: {name} is not available.*write device: auto"):
        compute.device(CPU | {"device": name})


def test_start_sets_threads_and_may_be_called_again():
    for threads in (2, 1):
        compute.start(CPU | {"threads": threads})
        assert torch.get_num_threads() == threads
        assert torch.get_num_interop_threads() == 1


@pytest.mark.parametrize(("precision", "expected"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_autocast_is_the_precision_of_products(precision, expected):
    with compute.autocast(CPU | {"precision": precision}, torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == expected
