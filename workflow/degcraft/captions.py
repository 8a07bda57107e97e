"""What the report of the workflow says of each table and figure: the paper's claim, and results, read when asked."""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean

Line = dict[str, str]
HOLDS, FAILS, UNTESTED = "holds", "does not hold", "not tested"
LOSSES, TIMINGS = "losses", "timings"
TABLES = ("table1", "table2", "fits", "estimation", "claims")
SHOWN = 12  # claims that a caption lists
_MISSING = ("", "NA")


@dataclass(frozen=True)
class Exhibit:
    """A table or figure of the report.

    Attributes
    ----------
    name : str
        As people call it, "Figure 2".
    shows : str
        What it shows, in a few words.
    claim : str
        What the paper says with it; "" where the paper has no such exhibit.
    source : str
        How the column ``source`` of the claims begins where they are about it; "" for none.
    of, mean : str
        Columns of its own table: the mean of `mean` is told for each value of `of`; "" for none.
    unit : str
        What the mean is.
    """

    name: str
    shows: str
    claim: str = ""
    source: str = ""
    of: str = ""
    mean: str = ""
    unit: str = ""


_CROPS = {"of": "row", "mean": "psnr_y", "unit": "PSNR on luma of the whole images shown, dB"}
_DETAIL = "networks trained on the crafted distribution restore more detail than those trained on the wide one"
_REAL = "the same holds on real images, whose degradation nobody knows; there is no truth to measure against"
EXHIBITS: Mapping[str, Exhibit] = {
    "table1": Exhibit("Table 1", "ranges of the settings", "four targets within one wide training space"),
    "table2": Exhibit(
        "Table 2",
        "accuracy of every row on every setting",
        "a network trained on the crafted distribution beats the uniform baseline on its target, and comes close to "
        "the upper bound, which is trained on the target's own ranges",
        "Table 2",
    ),
    "fits": Exhibit("Fits", "degradation found, and whether the model explains it"),
    "estimation": Exhibit("Estimation", "weightings on targets whose ranges are known"),
    "claims": Exhibit("Claims", "every claim of the paper, with a verdict"),
    "figure1": Exhibit(
        "Figure 1",
        "the idea: blur in training and test",
        "training on too narrow or too wide a range costs accuracy on the target; the matched range is best",
        "Fig. 2 a",
    ),
    "figure2": Exhibit(
        "Figure 2",
        "networks under one blur, many, and the right ones",
        "matched training beats wide training within its range, a single width is brittle, wide training generalises",
        "Fig. 2",
    ),
    "figure3": Exhibit(
        "Figure 3",
        "spread of the distance against references",
        "the distance scatters less with more reference images, and 100 to 150 are enough",
        "Fig. 3",
    ),
    "figure4": Exhibit(
        "Figure 4",
        "weights of all bins beside the truth",
        "the weights gather on the true bins of the target, and a larger alpha gathers them more",
        "Fig. 4",
    ),
    "figure5": Exhibit(
        "Figure 5",
        "accuracy against alpha",
        "accuracy rises with alpha on the target and falls outside it",
        "Fig. 5",
    ),
    "figure6": Exhibit("Figure 6", "crops of test images", _DETAIL, **_CROPS),
    "figure7": Exhibit("Figure 7", "crops of real images", _REAL),
    "figure8": Exhibit(
        "Figure 8",
        "background blur, kept or sharpened",
        "background that was out of focus stays so under the crafted distribution, and is sharpened wrongly without it",
        **_CROPS,
    ),
    "figure9": Exhibit(
        "Figure 9",
        "votes per rank",
        "people rank the results of the methods on real images",
        of="method",
        mean="mean_rank",
        unit="mean rank, 1 is best",
    ),
    "figure10": Exhibit("Figure 10", "more crops of test images", _DETAIL, **_CROPS),
    "figure11": Exhibit("Figure 11", "more crops of test images", _DETAIL, **_CROPS),
    "figure12": Exhibit("Figure 12", "more crops of real images", _REAL),
    "figure13": Exhibit("Figure 13", "more crops of real images", _REAL),
    "figure14": Exhibit(
        "Figure 14",
        "gain on the target against gain outside",
        of="draw",
        mean="gain",
        unit="PSNR over uniform on all its tests, dB",
    ),
    "figure15": Exhibit("Figure 15", "cost against the number of parameters"),
    "figure16": Exhibit("Figure 16", "real references and look-alikes"),
    "figure17": Exhibit(
        "Figure 17",
        "what weightings find of known targets",
        of="weighting",
        mean="true_mass",
        unit="weight on the true bins",
    ),
    LOSSES: Exhibit("Training", "loss of every training of Table 2"),
    TIMINGS: Exhibit("Time and memory", "where the time went, by rule"),
}


def places(name: str) -> tuple[str, str | None]:
    """Category and subcategory; in the latter, the engine's order by file name is that of the figures' numbers.

    Examples
    --------
    >>> places("figure9"), places("figure14"), places("timings")
    (('Figures', 'Paper, 1 to 9'), ('Figures', 'This work, 14 to 17'), ('Run', None))
    """
    if name in TABLES:
        return ("Claims" if name == "claims" else "Tables"), None
    if name in (LOSSES, TIMINGS):
        return "Run", None
    number = int(name.removeprefix("figure"))
    return "Figures", "Paper, 1 to 9" if number < 10 else "Paper, 10 to 13" if number < 14 else "This work, 14 to 17"


class Caption:
    """An exhibit and the results that its caption tells, for templates; files are read when a template asks.

    Parameters
    ----------
    name : str
        Of `EXHIBITS`: ``figure4``, ``table2``.
    results : path
        Folder of ``<name>.csv`` and ``claims.csv``.
    """

    def __init__(self, name: str, results: Path) -> None:
        self.name, self.results, self.exhibit = name, results, EXHIBITS[name]

    def __str__(self) -> str:
        """What the report prints among the parameters of the job."""
        return self.exhibit.name

    @cached_property
    def lines(self) -> list[Line]:
        """Lines of the exhibit's own table; none before there is one."""
        return _lines(self.results / f"{self.name}.csv")

    @cached_property
    def claims(self) -> list[Line]:
        """Claims about the exhibit, for the claims themselves all: measured ones first, none before they are judged."""
        every = _lines(self.results / "claims.csv")
        source = self.exhibit.source
        about = [line for line in every if self.name == "claims" or (source and line["source"].startswith(source))]
        return sorted(about, key=lambda line: line["measured"] in _MISSING)

    @property
    def judged(self) -> bool:
        """Whether there are verdicts at all."""
        return (self.results / "claims.csv").is_file()

    @property
    def shown(self) -> list[Line]:
        """Claims that a caption lists: the first `SHOWN` that were measured."""
        return [line for line in self.claims if line["measured"] not in _MISSING][:SHOWN]

    @property
    def verdicts(self) -> str:
        """How many claims hold.

        Returns
        -------
        str
            Such as "2 hold, 1 does not hold, 3 are not tested".
        """
        count = Counter(line["verdict"] for line in self.claims)
        words = {HOLDS: ("holds", "hold"), FAILS: ("does not hold", "do not hold")}
        words[UNTESTED] = ("is not tested", "are not tested")
        return ", ".join(
            f"{count[verdict]} {one if count[verdict] == 1 else more}" for verdict, (one, more) in words.items()
        )

    @property
    def means(self) -> list[tuple[str, float]]:
        """Mean of the exhibit's column `mean` for each value of its column `of`, in the order of the table."""
        exhibit, found = self.exhibit, dict[str, list[float]]()
        for line in self.lines if exhibit.mean else []:
            if line[exhibit.mean] not in _MISSING:
                found.setdefault(line[exhibit.of], []).append(float(line[exhibit.mean]))
        return [(name, fmean(values)) for name, values in found.items()]


def _lines(path: Path) -> list[Line]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
