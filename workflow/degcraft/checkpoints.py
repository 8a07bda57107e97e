"""Published weight files, read without ever running code from them."""

import warnings
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from torch import Tensor, nn

from degcraft import published, records
from degcraft.errors import DegcraftError
from degcraft.io import damaged

SUFFIXES = (".safetensors", ".pth", ".pt")
_WRAPPINGS = ("params_ema", "params", "state_dict")  # where training programs keep weights, averaged ones first


class Weights(NamedTuple):
    """Contents of a weight file.

    Attributes
    ----------
    tensors : dict of str to Tensor
        On the CPU; floating point ones are float32.
    metadata : dict of str to str
        Of a .safetensors file; empty for others.
    path : Path
        Where they came from; names the file in messages.
    """

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    path: Path

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Shape of one tensor; None if the file does not have it."""
        return tuple(self.tensors[name].shape) if name in self.tensors else None

    def fill(self, network: nn.Module, names: Mapping[str, str]) -> None:
        """Copy tensors into a network.

        Parameters
        ----------
        network : nn.Module
            Receives them in place.
        names : mapping of str to str
            From every entry of the network's state to its name in the file.

        Raises
        ------
        DegcraftError
            A tensor is absent or has another shape; all are listed.
        """
        state = network.state_dict()
        problems = []
        for own, name in names.items():
            needed, found = tuple(state[own].shape), self.shape(name)
            if found != needed:
                problems.append(f"{name} is {'absent' if found is None else found}, {needed} is needed")
        if problems:
            listed = ", ".join(problems[:4]) + (f", and {len(problems) - 4} more" if len(problems) > 4 else "")
            raise self.refused(listed)
        network.load_state_dict(state | {own: self.tensors[name] for own, name in names.items()})

    def refused(self, reason: str) -> DegcraftError:
        """Error for a whole file that does not hold what is needed."""
        return DegcraftError(
            f"{self.path}: {reason}; give the weights of the network that the config names, or change its entry in "
            "config.yaml"
        )


def load_weights(path: Path, sha256: str | None = None) -> Weights:
    """Read a weight file.

    Parameters
    ----------
    path : Path
        A .safetensors file, or a .pth or .pt file that holds nothing but tensors.
    sha256 : str or None
        What the file must hash to; None: what ``resources/checksums.tsv`` pins for a file of its name, if anything.

    Returns
    -------
    Weights
        Half-precision tensors become float32.

    Raises
    ------
    DegcraftError
        The file is missing, of another kind, has another hash or is corrupt.

    Examples
    --------
    >>> import tempfile
    >>> from safetensors.torch import save_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_file({"conv.bias": torch.zeros(2)}, Path(folder, "own.safetensors"))
    ...     load_weights(Path(folder, "own.safetensors")).tensors["conv.bias"].shape
    torch.Size([2])
    """
    if path.suffix not in SUFFIXES:
        raise DegcraftError(
            f"{path}: weights in a {path.suffix or 'nameless'} file; {', '.join(SUFFIXES)} can be read; "
            "convert it with safetensors.torch.save_file"
        )
    if not path.is_file():
        raise DegcraftError(
            f"{path}: no such file; weights are needed there; put the file in place or correct the path"
        )
    needed = sha256 or published.pinned(path)
    if needed is not None and (found := published.sha256(path)) != needed:
        raise DegcraftError(
            f"{path}: SHA-256 is {found}; {needed} is needed (this is another file, or a damaged one); "
            f"type: rm {path}, then run again"
        )
    try:
        records.used(path)
    except ValueError as error:  # a network that was trained here
        raise damaged(path, error) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unusual pickles; those that cannot be read are refused
            tensors, metadata = _safetensors(path) if path.suffix == ".safetensors" else (_pickled(path), {})
            return Weights({name: _single(tensor, path) for name, tensor in tensors.items()}, metadata, path)
    except DegcraftError:
        raise
    except Exception as error:  # what reads a damaged file fails in almost any way
        raise _corrupt(path, error) from error


def _safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118


def _pickled(path: Path) -> dict[str, Tensor]:
    # Plain pickles declare how long their parts are; out of memory no more can be read than is there.
    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    source = path if zipped else BytesIO(path.read_bytes())
    content: Any = torch.load(source, map_location="cpu", weights_only=True)
    for wrapping in _WRAPPINGS:
        if isinstance(content, dict) and isinstance(content.get(wrapping), dict):
            content = content[wrapping]
            break
    named = isinstance(content, dict) and all(isinstance(name, str) for name in content)
    if not named or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise DegcraftError(
            f"{path}: does not hold a mapping from names to tensors; a network's state_dict is needed; "
            "save it with safetensors.torch.save_file"
        )
    return content


def _single(tensor: Tensor, path: Path) -> Tensor:
    # A few bytes can be declared to be a tensor of any size, by strides of zero.
    if tensor.device.type != "cpu" or tensor.layout != torch.strided or tensor.nbytes > path.stat().st_size:
        raise ValueError(f"a tensor of shape {tuple(tensor.shape)} that is not stored number by number")
    return tensor.float() if tensor.is_floating_point() else tensor


def _corrupt(path: Path, error: Exception) -> DegcraftError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DegcraftError(f"{path}: not a whole, plain weight file ({reason}); fetch it again, then type: rm {path}")
