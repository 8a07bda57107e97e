"""Mutated weight files and pickles with code through all readers: `python -m tests.fuzz.weights --count 5000 --seed 1`."""

import io
import json
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from degcraft.architectures import adopted
from degcraft.backbones import build
from degcraft.checkpoints import load_weights
from degcraft.errors import DegcraftError
from degcraft.models import read_model
from degcraft.streams import stream
from tests.fuzz.campaigns import Case, Limits, main
from tests.fuzz.mutations import mutant

LIMITS = Limits(seconds=20, memory=2_000_000_000)
_CANARY = "canary"  # created in the scratch folder by any code in a file that runs
_BACKBONE = {"kind": "srresnet", "width": 4, "blocks": 1}
_META: tuple[Any, ...] = (
    {"backbone": _BACKBONE, "scale": 4, "channels": 3},
    {"backbone": {**_BACKBONE, "width": 10**9}, "scale": 4, "channels": 3},
    {"backbone": {**_BACKBONE, "width": -1}, "scale": 4, "channels": 3},
    {"backbone": {**_BACKBONE, "blocks": 10**9}, "scale": 4, "channels": 3},
    {"backbone": {**_BACKBONE, "kind": "../../../evil"}, "scale": 4, "channels": 3},
    {"backbone": {**_BACKBONE, "kind": "x.y"}, "scale": 4},
    {"backbone": "srresnet"}, {"backbone": None}, {"backbone": {}}, {"method": {"kind": "ikc"}}, {"method": {"kind": []}},
    {"architecture": "ESRGAN"}, {"architecture": [1]}, [], 5, None, "x",
)  # fmt: skip


class Trap:
    """Whoever unpickles it runs code."""

    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call, self.arguments


def traps() -> list[bytes]:
    """Pickles with code, in every wrapping that PyTorch has ever read."""
    touch = Trap(os.system, f"touch {_CANARY}")
    nested: tuple[Any, ...] = (
        touch, {"a": touch}, {"state_dict": {"a": touch}}, [touch], {touch: 1},
        Trap(eval, f"open({_CANARY!r}, 'w')"), Trap(exec, f"open({_CANARY!r}, 'w')"), Trap(open, _CANARY, "w"),
        Trap(torch.save, torch.zeros(1), _CANARY), Trap(torch.load, _CANARY),
        {"a": Trap(torch._utils._rebuild_tensor_v2, touch, 0, (1,), (1,), False, touch)},
        {"a": Trap(torch._utils._rebuild_parameter, touch, False, {})},
    )  # fmt: skip
    found = []
    for content in nested:
        found += [pickle.dumps(content, protocol) for protocol in (0, 2, 4, 5)]
        for zipped in (True, False):
            buffer = io.BytesIO()
            torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
            found.append(buffer.getvalue())
    return [*found, *(wrap(pickle.dumps(touch, 2)) for wrap in (_tarred, _extra, _scripted, _in_storage))]


def _tarred(trap: bytes) -> bytes:
    """The legacy format: a tar of pickles."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in ("storages", "tensors", "pickle"):
            member = tarfile.TarInfo(name)
            member.size = len(trap)
            tar.addfile(member, io.BytesIO(trap))
    return buffer.getvalue()


def _zipped(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO(_plain())
    with zipfile.ZipFile(buffer, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name twice is meant
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _extra(trap: bytes) -> bytes:
    """A whole file with a second pickle of the same name, and others beside it."""
    return _zipped({"archive/data.pkl": trap, "archive/extra.pkl": trap, "../outside.pkl": trap})


def _scripted(trap: bytes) -> bytes:
    """What looks like a compiled program."""
    return _zipped({"archive/constants.pkl": trap, "archive/code/__torch__.py": b"import os"})


def _in_storage(trap: bytes) -> bytes:
    """A tensor whose numbers are a pickle."""
    buffer = io.BytesIO()
    torch.save({"a": torch.frombuffer(bytearray(trap), dtype=torch.uint8)}, buffer)
    return buffer.getvalue()


def _network() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return build(_BACKBONE).state_dict()


def _plain(content: Any = None, zipped: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(_network() if content is None else content, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def _safe(meta: Any) -> bytes:
    return save(_network(), {"degcraft": json.dumps(meta)})


def _header(text: str, body: int = 64) -> bytes:
    """A safetensors file with this header."""
    return struct.pack("<Q", len(text)) + text.encode() + bytes(body)


def seeds() -> dict[str, list[bytes]]:
    """Whole files and strange ones, by suffix."""
    entry = '{"a":{"dtype":"%s","shape":[%s],"data_offsets":[0,%s]}}'
    odd = [
        _header(entry % given) for given in (("F32", 4, 16), ("F32", 2**62, 16), ("F8_E4M3", 64, 64), ("F4", 128, 64))
    ]
    odd += [_header(entry % ("F32", f"0,{length}", 0), 0) for length in (2**63 - 1, 2**63)]
    odd += [_header("[" * 5000), struct.pack("<Q", 2**63)]
    odd += [_header('{"__metadata__":{"degcraft":"{"},' + (entry % ("BF16", 32, 64))[1:])]
    plain = [
        _plain(),
        _plain(zipped=False),
        _plain({"params_ema": _network(), "epoch": 3}),
        _plain({"a": {"b": torch.ones(3)}}),
    ]
    loops: dict[str, Any] = {}
    loops["params"] = loops
    sparse = {
        "a": torch.eye(3).to_sparse(),
        "b": torch.ones(2, dtype=torch.complex64),
        "c": torch.empty(4, device="meta"),
    }
    plain += [
        _plain(loops),
        _plain(sparse),
        _plain({1: torch.ones(2)}),
        _plain({"a": torch.ones(1).expand(1000, 1000)}),
    ]
    return {".safetensors": [*map(_safe, _META), *odd], ".pth": [*plain, *traps()]}


def case_of(seed: int) -> Case:
    """All seeds, then mutants of them, each through every reader of its suffix."""
    files = seeds()
    whole = [(suffix, content) for suffix, contents in files.items() for content in contents]

    def case(number: int, folder: Path) -> None:
        rng = stream(seed, "fuzz", "weights", number)
        suffix = (".safetensors", ".pth")[rng.integers(2)]
        content = mutant(files[suffix], rng)
        checked(*(whole[number] if number < len(whole) else (suffix, content)), folder)

    return case


def checked(suffix: str, content: bytes, folder: Path) -> None:
    """Put one file through the readers; any of them may refuse it, none may run it."""
    os.chdir(folder)
    file = folder / f"mine{suffix}"
    file.write_bytes(content)
    try:
        if suffix == ".safetensors":
            read(lambda: read_model(file, torch.device("cpu")))
        weights = load_weights(file)
        if any(tensor.is_floating_point() and tensor.dtype != torch.float32 for tensor in weights.tensors.values()):
            raise AssertionError("weights are not float32")
        adopted(weights, "srresnet")
    finally:
        if Path(_CANARY).exists():
            Path(_CANARY).unlink()
            raise AssertionError("code in a weight file ran")


def read(reader: Callable[[], Any]) -> None:
    """Let a reader accept or refuse; anything else goes on."""
    try:
        reader()
    except DegcraftError as error:
        if ";" not in str(error):
            raise AssertionError(f"a message that does not say what to do: {error}") from None


if __name__ == "__main__":
    main("weights", case_of, LIMITS)
