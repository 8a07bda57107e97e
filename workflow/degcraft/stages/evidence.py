"""What the figures and claims are drawn from, and the claims themselves: result files in, one table out."""

import argparse
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from degcraft.bins import Region, grid, true_weights
from degcraft.errors import DegcraftError
from degcraft.evidence.alpha import alpha_table
from degcraft.evidence.blur import blur_table
from degcraft.evidence.claims import Claimed, claims, claims_markdown
from degcraft.evidence.cost import cost_table
from degcraft.evidence.crops import Scene, comparison_table
from degcraft.evidence.estimation import COLUMNS as ESTIMATION
from degcraft.evidence.estimation import estimation_figure
from degcraft.evidence.front import front_table
from degcraft.evidence.maps import map_table
from degcraft.evidence.sharpness import sharpness_table
from degcraft.evidence.stability import stability, stability_table
from degcraft.evidence.votes import merge_votes, no_votes, vote_table
from degcraft.io import ImagePack, read_arrays, read_json, read_png, read_table, whole_file, whole_folder, write_table
from degcraft.spec import SAME
from degcraft.stages import enter, say
from degcraft.streams import stream
from degcraft.targets import tested

PAPER = Path(__file__).parents[3] / "resources" / "paper"


def blur(inputs: Sequence[Path], _: Mapping[str, str], spec: dict[str, Any]) -> pd.DataFrame:
    """Table of Figures 1 and 2, from the metrics of the networks trained on blur alone."""
    return blur_table(_metrics(inputs, 3, "psnr_y", "ssim_y"), spec["settings"], spec["seeds"], spec["blur"])


def spreads(inputs: Sequence[Path], absent: Mapping[str, str], spec: dict[str, Any]) -> pd.DataFrame:
    """Table of Figure 3 c, from ``<extractor>/stability-<setting>.npz``."""
    measured = {}
    for path in inputs:
        target, bank = read_arrays(path, "features")[0]
        draws = partial(stream, spec["seed"], "evidence", "stability")
        measured[path.parent.name] = stability(target, bank, **spec["stability"], rngs=draws, **spec["distances"])
    return stability_table(measured, spec["families"], _shown(absent, spec["families"]))


def maps(inputs: Sequence[Path], absent: Mapping[str, str], spec: dict[str, Any]) -> pd.DataFrame:
    """Table of Figure 4, from ``<target>/<extractor>.<weighting>.csv``."""
    weights = {}
    for path in inputs:
        extractor, _, weighting = path.stem.partition(".")
        contents = "same" if path.parent.name.endswith(SAME) else "disjoint"
        weights[extractor, weighting, contents] = read_table(path, "bin", "weight")
    truth = true_weights(grid(spec["bins"]), Region.from_config(spec["ranges"]))
    return map_table(weights, truth, spec["families"], spec["setting"], _shown(absent, spec["families"]))


def alphas(inputs: Sequence[Path], _: Mapping[str, str], spec: dict[str, Any]) -> pd.DataFrame:
    """Table of Figure 5, from the metrics of the models of all alphas."""
    rows = {place: row for row, place in spec["methods"].items()}
    nought = f"{spec['evidence']['extractor']}.frechet-a0"
    measured = {}
    for model, table in _metrics(inputs, 4, "psnr_y", "ssim_y").items():
        backbone, test, draw, seed = model.split("/")
        measured[f"{test}/{rows.get(f'{backbone}/{draw}', draw)}/{seed}"] = table
        if draw == "uniform":  # alpha 0 is uniform by definition (paper, eq. 4), and so is its network
            measured[f"{test}/{tested(nought, spec['evidence']['setting'], test)}/{seed}"] = table
    return alpha_table(measured, _printed(), spec)


def votes(inputs: Sequence[Path], _: Mapping[str, str], spec: dict[str, Any]) -> pd.DataFrame:
    """Table of Figure 9, from the CSV files of votes if there are any."""
    if not inputs:
        return no_votes(f"evidence.votes is {spec['votes']}")
    return vote_table(merge_votes({path.name: path.read_bytes() for path in inputs}))


def cost(inputs: Sequence[Path], absent: Mapping[str, str], spec: dict[str, Any]) -> pd.DataFrame:
    """Table of Figure 15, from the index of the bins' contents and ``<extractor>/second-order.csv``."""
    contents, *measured = inputs
    second = read_table(measured[0], "samples", "parameters", "target", "log_density", "bound") if measured else None
    note = "; ".join(_shown(absent, dict.fromkeys(spec["extractors"], "")).values())
    counts = [entry["count"] for entry in spec["bins"].values()]
    return cost_table(second, counts, len(read_table(contents, "name", text=["name"])), note)


def estimates(inputs: Sequence[Path], absent: Mapping[str, str], spec: dict[str, Any]) -> pd.DataFrame:
    """Table of Figure 17, from the measurements of all repeats."""
    table = read_table(inputs[0], *ESTIMATION, text=["seed"])
    return estimation_figure(table, _shown(absent, dict.fromkeys(spec["extractors"], "")))


TABLES: dict[str, Callable[[Sequence[Path], Mapping[str, str], dict[str, Any]], pd.DataFrame]] = {
    "figure1": blur,
    "figure2": blur,
    "figure3": spreads,
    "figure4": maps,
    "figure5": alphas,
    "figure9": votes,
    "figure14": lambda inputs, absent, spec: front_table(_metrics(inputs, 3, "psnr_y"), absent, spec),
    "figure15": cost,
    "figure17": estimates,
}


def run(figure: str, inputs: Sequence[Path], absent: Mapping[str, str], spec: dict[str, Any], output: Path) -> None:
    """Write the table of one figure.

    Parameters
    ----------
    figure : str
        A key of `TABLES`.
    inputs : sequence of path
        Result files; the ends of their paths say what they hold.
    absent : mapping from str to str
        Extractors that could not be computed, and why; they become lines with a note.
    spec : dict
        See `degcraft.spec`.
    output : path
        The table, .csv.

    Raises
    ------
    DegcraftError
        A file is missing or damaged, or what it holds cannot be compared.
    """
    write_table(output, TABLES[figure](inputs, absent, spec))
    say(f"{figure}: {len(inputs)} result files read")


def run_images(
    figure: str,
    inputs: Sequence[Path],
    truth: Path | None,
    absent: Mapping[str, str],
    spec: dict[str, Any],
    output: Path,
    crops: Path,
) -> None:
    """Write the table and the crops of one figure of images.

    Parameters
    ----------
    figure : str
        figure6, 7, 8, 10, 11, 12 or 13.
    inputs : sequence of path
        The folder of LR images, then the folders of restored images and, with truth, their metrics:
        ``.../<backbone>/<target>/<draw>/seed<k>`` and the same with ``.csv``.
    truth : path or None
        Pack of the originals.
    absent : mapping from str to str
        Rows that could not be computed, and why.
    spec : dict
        ``figure``: its entry in the config; ``border``: pixels that the metrics leave out.
    output, crops : path
        The table, .csv, and the folder of the PNG files that it names.
    """
    lr, *rest = inputs
    restored = {path.parent.name: path for path in rest if path.suffix != ".csv"}
    measured = {path.parent.name: read_table(path, "name", "psnr_y", text=["name"]) for path in rest if path.suffix}
    entry, option = spec["figure"], f"evidence.images.{figure}"
    pack = ImagePack(truth) if truth else None
    scenes = [
        _scene(name, lr, restored, measured, pack)
        for name in _names(read_table(lr / "parameters.csv", "name", text=["name"])["name"].tolist(), entry, option)
    ]
    draws = {_row(draw): draw for draw in restored}
    options = {"crop": entry["crop"], "side": entry["side"], "border": spec["border"], "option": option}
    if figure == "figure8":
        table, images = sharpness_table(scenes[0], draws, absent, **options)
    else:
        table, images = comparison_table(scenes, draws, absent, **options)
    with whole_folder(crops) as folder:
        for name, pixels in images.items():
            Image.fromarray(pixels).save(folder / name)
    write_table(output, table)
    say(f"{figure}: {len(scenes)} images, rows {', '.join(draws)}")


def run_claims(
    inputs: Sequence[Path], absent: Mapping[str, str], spec: dict[str, Any], output: Path, markdown: Path
) -> None:
    """Write the verdict on every claim of the paper.

    Parameters
    ----------
    inputs : sequence of path
        ``figure2.csv`` to ``figure5.csv``; the metrics ``.../<backbone>/<target>/<draw>/seed<k>.csv`` of
        Table 2; ``<backbone>/any/uniform/seed<k>/model.json`` of each of its backbones.
    absent : mapping from str to str
        Extractors that could not be computed, and why.
    spec : dict
        Config sections tables, weights, train, evaluate and evidence.
    output, markdown : path
        The claims, .csv, and the same for reading.
    """
    figures = {path.stem: read_table(path) for path in inputs if path.stem in TABLES}
    models = {path.parts[-5]: read_json(path) for path in inputs if path.suffix == ".json"}
    measured = _metrics([path for path in inputs if path.stem not in TABLES and path.suffix == ".csv"], 4, "psnr_y")
    claimed = Claimed(
        blur=figures["figure2"],
        stability=figures["figure3"],
        maps=figures["figure4"],
        alpha=figures["figure5"],
        metrics=measured,
        paper=_printed(),
        absent=set(absent),
    )
    table = claims(claimed, {**spec, "parameters": {name: model["parameters"] for name, model in models.items()}})
    write_table(output, table)
    with whole_file(markdown) as temporary:
        temporary.write_text(claims_markdown(table), encoding="utf-8")
    say(f"claims: {', '.join(f'{count} {verdict}' for verdict, count in table['verdict'].value_counts().items())}")


def _names(known: list[str], entry: dict[str, Any], option: str) -> list[str]:
    """The images that an entry asks for, by name or by number."""
    wanted = known[: entry["images"]] if isinstance(entry["images"], int) else entry["images"]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise DegcraftError(
            f"{option}.images: no image {', '.join(unknown)} in {entry['target']}, which has {', '.join(known[:20])}; "
            "write names of these, or how many"
        )
    return list(wanted)


def _scene(
    name: str, lr: Path, restored: Mapping[str, Path], measured: Mapping[str, pd.DataFrame], pack: ImagePack | None
) -> Scene:
    """One image as every row shows it."""
    return Scene(
        name,
        read_png(lr, name),
        {_row(draw): read_png(folder, name) for draw, folder in restored.items()},
        np.array(pack[pack.names.index(name)]) if pack else None,
        {_row(draw): float(table.loc[table["name"] == name, "psnr_y"].item()) for draw, table in measured.items()},
    )


def _row(draw: str) -> str:
    """What a figure calls a draw: its extractor, if it has one."""
    return draw.partition(".")[0]


def _shown(absent: Mapping[str, str], families: Mapping[str, str]) -> dict[str, str]:
    return {name: reason for name, reason in absent.items() if name in families}


def _printed() -> pd.DataFrame:
    """The paper's Table 2."""
    return read_table(PAPER / "table2.csv", "method", "type", "backbone", "extractor", "setting", "metric", "value")


def _metrics(paths: Sequence[Path], parts: int, *metrics: str) -> dict[str, pd.DataFrame]:
    """Metrics by the last `parts` of their paths: ``<test>/<draw>/seed<k>``, or the backbone before it."""
    tables = {
        re.sub(r"\.csv$", "", "/".join(path.parts[-parts:])): read_table(path, "name", text=["name"]) for path in paths
    }
    for model, table in tables.items():
        missing = [metric for metric in metrics if metric not in table]
        if missing:
            raise DegcraftError(
                f"{model}: {', '.join(missing)} was not computed; the figures need it; add it to evaluate.metrics"
            )
    return tables


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figure", help="figure1 to figure17, or claims")
    parser.add_argument("--inputs", type=Path, nargs="*", default=[], help="result files and folders")
    parser.add_argument("--truth", type=Path, nargs="*", default=[], help="pack of the originals, if there are any")
    parser.add_argument("--absent", type=json.loads, default={}, help="extractors that cannot be computed, JSON")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True, help="the table, .csv")
    parser.add_argument("--crops", type=Path, help="folder of the crops, for figures of images")
    parser.add_argument("--markdown", type=Path, help="claims for reading")
    given = parser.parse_args(argv)
    inputs = [path for path in given.inputs if path.name]
    if given.crops:
        truth = given.truth[0].parent if given.truth else None
        run_images(given.figure, inputs, truth, given.absent, given.spec, given.output, given.crops)
    elif given.markdown:
        run_claims(inputs, given.absent, given.spec, given.output, given.markdown)
    else:
        run(given.figure, inputs, given.absent, given.spec, given.output)


if __name__ == "__main__":
    enter(main)
