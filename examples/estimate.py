"""Find the degradations of a folder of images; without one, of packaged photographs under a known setting."""

import argparse
from pathlib import Path

import numpy as np
import yaml

import degcraft

CONFIG = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text())
CLEAN = ("astronaut", "coffee", "flower", "rocket", "motorcycle_left")  # what the bank shows
TESTED = ("chelsea", "china", "grace_hopper")  # what is degraded where there is no folder
KNOWN = CONFIG["settings"]["setting3"]
SIDE = 128  # of HR crops; LR crops are a quarter of it


def main() -> None:
    """Print the most likely bins, and the verdict on whether the degradation model explains the images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="degraded images: .png, .jpg, .tif")
    parser.add_argument("--contents", type=int, default=60, help="clean crops, each degraded once in every bin")
    parser.add_argument("--references", type=int, default=60, help="crops of the degraded images")
    parser.add_argument("--epochs", type=int, default=CONFIG["posterior"]["epochs"], help="passes over the bank")
    given = parser.parse_args()
    rng, options, bins = degcraft.stream(0, "estimate"), CONFIG["degradation"], degcraft.grid(CONFIG["bins"])

    print(f"degrading {given.contents} crops in {len(bins)} bins", flush=True)
    contents = crops(CLEAN, given.contents)
    points = np.array([[region.draw(rng) for _ in contents] for region in bins])
    images = [degcraft.degrade(*pair, rng, options) for row in points for pair in zip(contents, row, strict=True)]
    extractor = degcraft.build_extractor({"kind": "traces"}, None, None)
    bank = degcraft.extract(extractor, np.array(images), 25, "average")
    cube = degcraft.Space.of_bins(CONFIG["bins"]).to_cube(points).reshape(-1, 3)
    recipe = degcraft.PosteriorRecipe(given.epochs, width=128, components=4, folds=4)
    numbers = np.tile(np.arange(len(contents)), len(bins))
    print(f"learning from {len(numbers)} images what their traces say, {given.epochs} epochs", flush=True)
    estimator, _ = degcraft.fit_estimator(bank, cube, numbers, recipe, seed=0)

    setting = degcraft.Region.from_config(KNOWN)
    if given.folder:
        lr = windows(given.folder, given.references)
    else:
        clean = crops(TESTED, given.references)
        lr = [degcraft.degrade(image, setting.draw(rng), rng, options) for image in clean]
    references = degcraft.extract(extractor, np.array(lr), 25, "average")
    found, verdict = estimator.mixture(references, degcraft.unit_edges(CONFIG["bins"]), rng)
    print(f"{len(references)} references, {verdict} by the degradation model; most likely:")
    for number in np.argsort(-found.weights)[:5]:
        print(f"{found.weights[number]:6.1%}  {bins[number]}")
    if not given.folder:
        truth = degcraft.true_weights(bins, setting)
        uniform = np.full(len(bins), 1 / len(bins))
        print(f"truth: {setting}; weight on its bins: {degcraft.true_mass(found.weights, truth):.1%}", end=" ")
        print(f"(drawn uniformly: {degcraft.true_mass(uniform, truth):.1%})")


def crops(names: tuple[str, ...], count: int) -> list[np.ndarray]:
    """Most detailed crops of packaged photographs."""
    photographs = [degcraft.decode(degcraft.packaged(name)) for name in names]
    return [crop.pixels for crop in degcraft.choose_crops(photographs, count, SIDE)]


def windows(folder: Path, count: int) -> list[np.ndarray]:
    """Most detailed windows of the images of a folder, in turn, on the grid of JPEG's blocks."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg", ".tif"))
    images, side = [degcraft.decode(file) for file in files], SIDE // 4
    places = [
        (rank, image, place)
        for image in images
        for rank, place in enumerate(degcraft.measure_windows(image, side).places)
    ]
    chosen = sorted(places, key=lambda found: found[0])[:count]
    return [image[top : top + side, left : left + side] for _, image, (top, left) in chosen]


if __name__ == "__main__":
    main()
