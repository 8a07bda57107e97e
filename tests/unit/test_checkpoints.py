import hashlib
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from degcraft.checkpoints import load_weights
from degcraft.errors import DegcraftError


def tensors():
    generator = torch.Generator().manual_seed(0)
    return {"a.weight": torch.randn(3, 2, generator=generator), "a.bias": torch.randn(3, generator=generator)}


@pytest.fixture
def weights_file(tmp_path):
    save_file(tensors(), tmp_path / "net.safetensors", metadata={"input": "RGB 0-1"})
    return tmp_path / "net.safetensors"


def test_safetensors_come_with_metadata(weights_file):
    weights = load_weights(weights_file)
    assert weights.metadata == {"input": "RGB 0-1"}
    assert weights.path == weights_file
    assert {name: tensor.tolist() for name, tensor in weights.tensors.items()} == {
        name: tensor.tolist() for name, tensor in tensors().items()
    }


@pytest.mark.parametrize("suffix", [".pth", ".pt"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_state_dicts_are_read(tmp_path, suffix, wrapped):
    path = tmp_path / f"net{suffix}"
    torch.save({"state_dict": tensors(), "epoch": 3} if wrapped else tensors(), path)
    weights = load_weights(path)
    assert weights.metadata == {}
    assert torch.equal(weights.tensors["a.weight"], tensors()["a.weight"])


def test_half_precision_becomes_single_and_integers_stay(tmp_path):
    path = tmp_path / "net.safetensors"
    save_file({"half": torch.tensor([0.5, 2.25]).half(), "steps": torch.tensor(7)}, path)
    found = load_weights(path).tensors
    assert found["half"].dtype == torch.float32
    assert found["half"].tolist() == [0.5, 2.25]
    assert found["steps"].dtype == torch.int64


def test_the_right_hash_passes_and_a_wrong_one_is_refused(weights_file):
    right = hashlib.sha256(weights_file.read_bytes()).hexdigest()
    assert load_weights(weights_file, right).shape("a.bias") == (3,)
    with pytest.raises(DegcraftError, match=rf"SHA-256 is {right}; {'0' * 64} is needed.*type: rm"):
        load_weights(weights_file, "0" * 64)
    assert weights_file.exists()


def test_a_file_with_a_published_name_must_be_the_published_one(tmp_path):
    path = tmp_path / "alexnet-owt-7be5be79.pth"
    torch.save(tensors(), path)
    with pytest.raises(DegcraftError, match="7be5be791159"):
        load_weights(path)


@pytest.mark.parametrize("name", ["net.h5", "net", "net.onnx"])
def test_other_kinds_of_file_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"weights")
    with pytest.raises(DegcraftError, match=r"\.safetensors, \.pth, \.pt can be read"):
        load_weights(tmp_path / name)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_missing_file_is_named(tmp_path, suffix):
    with pytest.raises(DegcraftError, match=rf"absent{suffix}: no such file"):
        load_weights(tmp_path / f"absent{suffix}")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("keep", [0, 4, 0.5, 0.9])
def test_a_truncated_file_is_refused(tmp_path, weights_file, suffix, keep):
    path = tmp_path / f"net{suffix}"
    if suffix == ".pth":
        torch.save(tensors(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if keep < 1 else keep])
    with pytest.raises(DegcraftError, match="not a whole, plain weight file"):
        load_weights(path)


class Trap:
    def __reduce__(self):
        return (print, ("code ran",))


def test_code_in_a_file_is_never_run(tmp_path, capsys):
    for name, save in {
        "zip.pth": torch.save,
        "plain.pth": lambda trap, path: path.write_bytes(pickle.dumps(trap, protocol=2)),
    }.items():
        save({"a": Trap()}, tmp_path / name)
        with pytest.raises(DegcraftError, match="not a whole, plain weight file"):
            load_weights(tmp_path / name)
    assert "code ran" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [[1, 2], {"a": 3.0}, torch.zeros(3)])
def test_what_is_no_state_dict_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(DegcraftError, match="state_dict is needed"):
        load_weights(tmp_path / "net.pth")


def test_fill_copies_by_name(weights_file):
    network = nn.Linear(2, 3)
    load_weights(weights_file).fill(network, {"weight": "a.weight", "bias": "a.bias"})
    assert torch.equal(network.weight.detach(), tensors()["a.weight"])
    assert torch.equal(network.bias.detach(), tensors()["a.bias"])


def test_fill_lists_what_does_not_fit(weights_file):
    with pytest.raises(
        DegcraftError, match=r"a\.weight is \(3, 2\), \(3, 5\) is needed, b is absent, \(3,\) is needed"
    ):
        load_weights(weights_file).fill(nn.Linear(5, 3), {"weight": "a.weight", "bias": "b"})
