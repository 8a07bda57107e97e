"""Compare an extractor of your own with packaged ones: how much weight each puts on known degradations.

An extractor is any function from images, uint8 (n, height, width, 3), to features, float32 (n, c). Here it is the
histogram of the differences between neighbouring pixels. See docs/add-extractor.md for the way into the workflow.
"""

import argparse
from pathlib import Path

import numpy as np
import yaml

import degcraft

CONFIG = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text())
EDGES = np.array([0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 256])  # grey levels
SIDE = 128  # of HR crops


def histogram(images: np.ndarray) -> np.ndarray:
    """Share of differences between neighbours in each interval of `EDGES`, on borders of JPEG's blocks and inside."""
    differences = np.abs(np.diff(images.mean(axis=3), axis=2))  # (n, height, width - 1)
    across = differences[:, :, 7::8], np.delete(differences, np.s_[7::8], axis=2)
    return np.array([[share for part in across for share in shares(part[n])] for n in range(len(images))], np.float32)


def shares(differences: np.ndarray) -> np.ndarray:
    """Share of the differences in each interval."""
    return np.histogram(differences, EDGES)[0] / differences.size


def crops(names: tuple[str, ...], count: int) -> list[np.ndarray]:
    """Most detailed crops of packaged photographs."""
    photographs = [degcraft.decode(degcraft.packaged(name)) for name in names]
    return [crop.pixels for crop in degcraft.choose_crops(photographs, count, SIDE)]


def main() -> None:
    """Print how much weight each extractor puts on the true bins of every setting of the config."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contents", type=int, default=40, help="clean crops, each degraded once in every bin")
    parser.add_argument("--references", type=int, default=40, help="degraded crops of each setting")
    parser.add_argument("--alpha", type=float, default=25, help="concentration of the weights (paper, eq. 4)")
    given = parser.parse_args()
    rng, options, bins = degcraft.stream(0, "extractor"), CONFIG["degradation"], degcraft.grid(CONFIG["bins"])
    kinds = {name: degcraft.build_extractor({"kind": name}, None, None) for name in ("dct", "traces")}
    extractors = {"histogram": histogram, **kinds}

    contents = crops(("astronaut", "coffee", "flower", "rocket"), given.contents)
    others = crops(("chelsea", "china", "grace_hopper"), given.references)
    bank = [np.array([degcraft.degrade(hr, bin_.draw(rng), rng, options) for hr in contents]) for bin_ in bins]
    features = {
        name: np.array([degcraft.extract(one, images, 25, "average") for images in bank])
        for name, one in extractors.items()
    }

    print(f"{'setting':12}" + "".join(f"{name:>12}" for name in [*extractors, "uniform"]))
    for setting, ranges in CONFIG["settings"].items():
        target = degcraft.Region.from_config(ranges)
        truth = degcraft.true_weights(bins, target)
        if not np.isclose(truth.sum(), 1):
            continue  # outside the bins
        lr = np.array([degcraft.degrade(hr, target.draw(rng), rng, options) for hr in others])
        found = []
        for name, one in extractors.items():
            distances = degcraft.squared_distances(features[name], degcraft.extract(one, lr, 25, "average"), ddof=1)
            found.append(degcraft.true_mass(degcraft.bin_weights(distances, given.alpha), truth))
        print(f"{setting:12}" + "".join(f"{mass:12.1%}" for mass in [*found, np.mean(truth > 0)]))


if __name__ == "__main__":
    main()
