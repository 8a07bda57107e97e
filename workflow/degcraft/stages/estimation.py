"""How well weightings find targets of known ranges: one repeat, the second-order model, or all repeats together."""

import argparse
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from degcraft import trials
from degcraft.bins import unit_edges
from degcraft.errors import DegcraftError
from degcraft.evidence import cost, estimation
from degcraft.io import read_arrays, read_table, whole_file, write_table
from degcraft.stages import enter, say
from degcraft.streams import stream
from degcraft.weighting import archive

Features = dict[str, NDArray[np.float32]]


def run_repeat(
    known: Path, posterior: Path, alphas: Path, targets: Path, features: Path, spec: dict[str, Any], output: Path
) -> None:
    """Measure every weighting on every target of one repeat.

    Parameters
    ----------
    known : path
        Features of the bins, .npz.
    posterior, alphas : path
        What the stages posterior and alpha took from them.
    targets, features : path
        Targets with their references, and features of these, .npz.
    spec : dict
        weightings, counts, references, floor, bins, distances and seed.
    output : path
        Table, .csv; its name is the repeat's.
    """
    scores = read_table(alphas, "alpha", "score")
    estimates = estimation.Bank(
        read_arrays(known, "features")[0],
        archive.estimator(partial(read_arrays, posterior)),
        float(scores["alpha"].iloc[scores["score"].to_numpy().argmax()]),
        unit_edges(spec["bins"]),
        spec["distances"]["ddof"],
    )
    found, references = _references(targets, features)
    rngs = partial(stream, spec["seed"], "estimation", output.stem)
    table = estimation.repeat_table(estimates, found, references, spec, rngs)
    write_table(output, table)
    for weighting, lines in table.groupby("weighting", sort=False):
        say(f"{weighting}: {lines['true_mass'].mean():.2f} on the true bins, {lines['log_density'].mean():.2f} nats")


def run_second_order(
    bank: Path, known: Path, posterior: Path, targets: Path, features: Path, spec: dict[str, Any], output: Path
) -> None:
    """Measure what is found in the space of the second-order model with the first images of its bank alone.

    Parameters
    ----------
    bank, known : path
        The bank, and its features, .npz.
    posterior : path
        Of the whole bank.
    targets, features : path
        Targets with their references, and features of these, .npz.
    spec : dict
        posterior, samples, floor and seed.
    output : path
        Table, .csv.
    """
    import torch

    from degcraft.weighting import fitting

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    parameters, points, contents = read_arrays(bank, "parameters", "points", "contents")
    names: list[str] = parameters.tolist()
    (x,) = read_arrays(known, "features")
    whole = archive.estimator(partial(read_arrays, posterior))
    held_out = whole.posterior.held_out(x, contents % len(whole.posterior.networks))
    told = dict(zip(names, held_out.information(points), strict=True))
    say("nats per image: " + ", ".join(f"{name} {told[name]:.2f}" for name in sorted(told, key=lambda n: -told[n])))

    found, references = _references(targets, features)
    rngs = partial(stream, spec["seed"], "estimation", "second-order")
    recipe, tables = fitting.Recipe(**spec["posterior"]), []
    for n in sorted({min(n, len(x)) for n in spec["samples"]}):
        estimator = whole
        if n < len(x):
            estimator, _ = fitting.estimator(x[:n], points[:n], contents[:n], recipe, spec["seed"])
        table = cost.box_table(estimator, names, found, references, spec["floor"], rngs)
        tables.append(table.assign(samples=n, parameters=points.shape[1]))
        say(f"{n} images: {table['log_density'].mean():.2f} nats of at most {table['bound'].mean():.2f}")
    joined = pd.concat(tables, ignore_index=True)
    write_table(output, joined[["samples", "parameters", *table.columns]])


def run_collect(
    inputs: Sequence[Path], absent: Mapping[str, str], spec: dict[str, Any], output: Path, markdown: Path
) -> None:
    """Join the repeats, ``<extractor>/seed<k><role>.csv``, and sum them up.

    Raises
    ------
    DegcraftError
        There are none.
    """
    if not inputs:
        raise DegcraftError(
            f"estimation.extractors: none can be computed here ({'; '.join(absent.values())}); at least one is needed; "
            "add traces, which needs no files"
        )
    names = ["target", "weighting", "references", *estimation.COLUMNS[5:]]
    repeats = {(path.parent.name, path.stem.removeprefix("seed")): read_table(path, *names) for path in inputs}
    table = estimation.joined(repeats)
    write_table(output, table)
    with whole_file(markdown) as temporary:
        text = estimation.estimation_markdown(table, spec["references"], absent)
        temporary.write_text(text, encoding="utf-8")
    say(f"estimation: {len(inputs)} repeats, {len(table)} lines")


def _references(targets: Path, features: Path) -> tuple[list[trials.Trial], Features]:
    """Targets, and the features of each one's references."""
    found = trials.restored(read_arrays(targets, *trials.ARRAYS))
    (every,) = read_arrays(features, "features")
    ends = np.cumsum([target.references for target in found])
    if len(every) != ends[-1]:
        raise DegcraftError(
            f"{features}: {len(every)} feature vectors for {ends[-1]} references; one vector per image is needed; "
            "write features.pooling: average in config.yaml"
        )
    return found, dict(zip([target.name for target in found], np.split(every, ends[:-1]), strict=True))


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["repeat", "second-order", "collect"])
    parser.add_argument("--bank", type=Path, help="second-order: images of its bank, .npz")
    parser.add_argument("--known", type=Path, help="features of the bank, .npz")
    parser.add_argument("--posterior", type=Path, help="posterior of the bank")
    parser.add_argument("--alphas", type=Path, help="repeat: scores of alphas")
    parser.add_argument("--targets", type=Path, help="targets with their references, .npz")
    parser.add_argument("--features", type=Path, help="features of the references, .npz")
    parser.add_argument("--inputs", type=Path, nargs="*", default=[], help="collect: tables of the repeats")
    parser.add_argument("--absent", type=json.loads, default={}, help="collect: extractors without their files, JSON")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True, help="table, .csv")
    parser.add_argument("--markdown", type=Path, help="collect: the same for reading")
    given = parser.parse_args(argv)
    common = (given.targets, given.features, given.spec, given.output)
    if given.part == "collect":
        run_collect(given.inputs, given.absent, given.spec, given.output, given.markdown)
    elif given.part == "repeat":
        run_repeat(given.known, given.posterior, given.alphas, *common)
    else:
        run_second_order(given.bank, given.known, given.posterior, *common)


if __name__ == "__main__":
    enter(main)
