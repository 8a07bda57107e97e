"""A run as one description: its config, code, packages, devices, inputs and results; and how two runs differ."""

from collections.abc import Callable
from typing import Any

Record = dict[str, Any]

DEFINING = ("config", "code", "inputs")  # what makes two runs the same computation
PARTS = (*DEFINING, "versions", "device", "outputs")  # the others are circumstances, and what came out


def manifest(
    config: dict[str, Any], versions: dict[str, str], wanted: list[str], record: Callable[[str], Record | None]
) -> dict[str, Any]:
    """Describe all that the files `wanted` rest on.

    Parameters
    ----------
    config : dict
        The whole config of the run; where its data lies is left out.
    versions : dict of str to str
        Of Python and packages.
    wanted : list of str
        Results.
    record : callable
        Gives the record of a result, None if it has none.

    Returns
    -------
    dict
        config, code (by stage), versions, device (by stage), inputs (what no stage made) and outputs, the last two
        with their checksums.
    """
    outputs: dict[str, Record] = {}
    inputs: dict[str, str] = {}
    pending = list(wanted)
    while pending:
        name = pending.pop()
        found = record(name)
        if found is None or name in outputs:
            continue
        outputs[name] = found
        pending += found["inputs"]
        inputs.update(found["inputs"])
    return {
        "config": {name: value for name, value in config.items() if name != "data"},
        "code": _by_stage(outputs, "code"),
        "versions": versions,
        "device": _by_stage(outputs, "device"),
        "inputs": {name: checksum for name, checksum in inputs.items() if name not in outputs},
        "outputs": {name: found["sha256"] for name, found in outputs.items()},
    }


def _by_stage(outputs: dict[str, Record], key: str) -> dict[str, list[str]]:
    stages = {found["stage"] for found in outputs.values()}
    return {stage: sorted({found[key] for found in outputs.values() if found["stage"] == stage}) for stage in stages}


def differences(there: dict[str, Any], here: dict[str, Any]) -> dict[str, list[str]]:
    """What differs between two manifests, line by line, of each part; empty for a part that is the same."""
    return {part: changed(there.get(part), here.get(part), "there", "here") for part in PARTS}


def changed(before: Any, now: Any, then: str = "then", today: str = "now") -> list[str]:
    """Leaves that differ between two trees of dicts, each with both of its values.

    Examples
    --------
    >>> changed({"train": {"batch": 2, "lr": 1}}, {"train": {"batch": 4, "lr": 1}})
    ['train.batch (then 2, now 4)']
    """
    left, right = _leaves(before, ""), _leaves(now, "")
    names = sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))
    return [f"{name} ({then} {left.get(name, 'absent')}, {today} {right.get(name, 'absent')})" for name in names]


def _leaves(tree: Any, name: str) -> dict[str, Any]:
    if not isinstance(tree, dict) or not tree:
        return {name: tree}
    return {
        place: leaf for key, below in tree.items() for place, leaf in _leaves(below, f"{name}.{key}".strip(".")).items()
    }
