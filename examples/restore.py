"""Restore the images of a folder with a trained model, four times larger, under their own names."""

import argparse
import sys
from pathlib import Path

import degcraft

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")


def main() -> None:
    """Restore image by image; what cannot be read is named, and the others go on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="model.safetensors of the workflow")
    parser.add_argument("folder", type=Path, help="images to restore")
    parser.add_argument("output", type=Path, help="folder for the restored images")
    parser.add_argument("--tile", type=int, default=256, help="side of tiles (LR pixels), 0: whole images")
    given = parser.parse_args()
    try:
        restorer = degcraft.Restorer.read(given.model, tile=given.tile)
    except degcraft.DegcraftError as error:
        sys.exit(f"error: {error}")
    given.output.mkdir(parents=True, exist_ok=True)
    for file in sorted(given.folder.iterdir()):
        if file.suffix.lower() not in SUFFIXES:
            continue
        try:
            picture = degcraft.read_picture(file)
            degcraft.write_picture(given.output / file.name, restorer(picture))
        except degcraft.DegcraftError as error:
            print(f"left out: {error}")
            continue
        height, width, _ = picture.colours.shape
        print(f"{file.name}: {width} x {height} to {4 * width} x {4 * height} pixels")


if __name__ == "__main__":
    main()
