"""Restore your own images and videos, four times as large, with a trained model.

Outputs have the names and kinds of their inputs: JPEG is written with quality 95, everything else
without loss; grey, 16 bits, alpha, pages, EXIF and colour profile stay. Videos keep their sound. The
same command continues after an interruption, and does again only what has changed.
"""

import argparse
from pathlib import Path

from degcraft.errors import DegcraftError

HELP = "restore images, folders and videos with a trained model"
EXAMPLES = """\
examples:
  degcraft restore --model results/models/srresnet/archive/traces.refined/seed0/model.safetensors scans/ -o restored/
  degcraft restore --model model.safetensors "film/*.tif" clip.mp4 -o restored/ --device cuda --half
  degcraft restore --model model.safetensors large.png -o restored/ --tile 128
"""


def options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "--model", type=Path, required=True, metavar="FILE", help="model.safetensors, in results/models/ or exported"
    )
    parser.add_argument(
        "inputs", nargs="+", metavar="IN", help="a file, a folder (its direct children) or a pattern such as 'scans/*'"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="folder of the restored files")
    parser.add_argument(
        "--device", choices=["auto", "cuda", "mps", "cpu"], default="auto", help="where to compute (default: auto)"
    )
    parser.add_argument(
        "--tile",
        type=int,
        default=256,
        metavar="SIDE",
        help="input pixels computed at a time, a multiple of 16: fewer take less memory; 0: whole images (256)",
    )
    parser.add_argument("--half", action="store_true", help="half precision: faster on a GPU, needs one")
    parser.add_argument("--again", action="store_true", help="restore what is done, too, and overwrite what is there")


def run(given: argparse.Namespace) -> None:
    """Restore the files.

    Raises
    ------
    DegcraftError
        An option, a file or the output folder does not fit; see `degcraft.restoring.restore_all`.
    """
    from degcraft.phrases import counted
    from degcraft.restore import Restorer
    from degcraft.restoring import expanded, restore_all

    if given.model.suffix != ".safetensors":
        raise DegcraftError(
            f"--model {given.model}: expected a model of the workflow, model.safetensors; its other files are for "
            f"other programs; type: --model {given.model.with_suffix('.safetensors')}"
        )
    files = expanded(given.inputs)
    restorer = Restorer.read(given.model, given.device, given.tile, given.half)
    done = restore_all(restorer, files, given.output, again=given.again)
    kept = f", {len(done.kept)} done already" if done.kept else ""
    print(f"{counted(len(done.restored), 'file')} restored{kept}: {given.output}")
