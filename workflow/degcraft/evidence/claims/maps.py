"""The claims of Figure 4: which extractors find the bins that the truth lies in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from degcraft.evidence.claims.families import families, family_of, measured_lines, why_missing
from degcraft.evidence.claims.verdicts import FAILS, HOLDS, Line, Statement
from degcraft.evidence.maps import CONTENTS
from degcraft.phrases import counted
from degcraft.spec import weighting_name

BEST = ("alexnet-imagenet", "vgg22", "vgg54")
RANDOM, DASR = "alexnet-random", "dasr"
# paper: Fig. 4 MINC weights cannot be had; an AlexNet trained on another texture data set stands in for theirs.
STAND_INS = ("alexnet-dtd",)


@dataclass(frozen=True)
class Maps:
    """The maps of one kind of contents.

    Attributes
    ----------
    contents : str
        disjoint or same.
    members : DataFrame
        One line per extractor: family, extractor, true_mass, effective_bins, uniform (weight of
        uniform weights on the true bins), found (the heaviest bin is a true one).
    table : DataFrame
        All of Figure 4, for notes.
    paper : sequence of str
        The paper's extractors and their stand-ins. The order of extractors is a claim about
        these; ``dct`` and a user's own take no part in it.
    listed : sequence of str
        ``evidence.extractors``.
    """

    contents: str
    members: pd.DataFrame
    table: pd.DataFrame
    paper: Sequence[str]
    listed: Sequence[str]

    def means(self, column: str, extractors: Sequence[str]) -> "pd.Series[float]":
        """Mean over members of `column` for the measured families of `extractors`, by family."""
        names = list(dict.fromkeys(family_of(self.table, name) for name in extractors))
        by_family = self.members.groupby("family")[column].agg(lambda x: x.mean(skipna=False))
        return by_family[[name for name in names if name in by_family.index]]

    def statement(self, claim: str, expected: str) -> Statement:
        """A claim of Figure 4 on these contents."""
        return Statement(f"{self.contents} contents: {claim}", "Fig. 4", expected)

    def missing(self, extractor: str) -> str:
        """Reason why an extractor has no map."""
        return why_missing(self.table, family_of(self.table, extractor), self.listed)


def map_claims(table: pd.DataFrame, spec: dict[str, Any], extractors: Sequence[str]) -> list[Line]:
    """Lines of the claims of Figure 4, once with disjoint contents and once with the same.

    Parameters
    ----------
    table : DataFrame
        As ``figure4.csv``, a line per extractor, weighting, contents and bin: weight, truth,
        true_mass and effective_bins (equal in all bins of a map), note.
    spec : dict
        Config sections ``evidence`` and ``weights``, whose alpha chooses the maps.
    extractors : sequence of str
        The paper's, first in the order of lines.

    Notes
    -----
    A map has no repeats, so its numbers are compared as they are, those of the random extractor as
    mean over its family; that random is the weakest follows the rule for repeats, with members of
    the family for seeds. A claim on the order of extractors is tested on those that have a map; the
    reason names the others.
    """
    listed = spec["evidence"]["extractors"]
    members = _members(measured_lines(table), weighting_name(spec))
    lines = []
    for contents in CONTENTS:
        here = members[members["contents"] == contents]
        maps = Maps(contents, here, table, [*extractors, *STAND_INS], listed)
        lines += [_finds(maps, family) for family in families(table, [*extractors, *listed])]
        lines += [_best(maps), _weakest(maps), _wide(maps)]
    return lines


def _members(lines: pd.DataFrame, weighting: str) -> pd.DataFrame:
    summaries = []
    maps = lines[lines["weighting"] == weighting].groupby(["contents", "family", "extractor"], sort=False)
    for (contents, family, extractor), bins in maps:
        weight, true = bins["weight"].to_numpy(dtype=float), bins["truth"].to_numpy(dtype=float) > 0
        summaries.append(
            {
                **{"contents": contents, "family": family, "extractor": extractor},
                "true_mass": float(bins["true_mass"].iloc[0]) if np.isfinite(weight).all() else np.nan,
                "effective_bins": float(bins["effective_bins"].iloc[0]),
                "uniform": float(true.mean()),
                "found": bool(true[np.argmax(weight)]),
            }
        )
    columns = ["contents", "family", "extractor", "true_mass", "effective_bins", "uniform", "found"]
    return pd.DataFrame(summaries, columns=columns)


def _finds(maps: Maps, family: str) -> Line:
    members = maps.members[maps.members["family"] == family]
    claim = f"{family} finds the true bins (weight on them)"
    if members.empty:
        return maps.statement(claim, "above uniform weights").not_tested(maps.missing(family))
    mass, uniform = members["true_mass"], float(members["uniform"].iloc[0])
    above, found = int((mass > uniform).sum()), int(members["found"].sum())
    if len(members) == 1:
        why = f"against {uniform:.3f} of uniform weights; the heaviest bin is {'' if found else 'not '}a true one"
    else:
        of = f"of {counted(len(members), 'extractor')}"
        why = f"above {uniform:.3f} of uniform weights for {above} {of}, heaviest bin a true one for {found} {of}"
    verdict = HOLDS if above == found == len(members) else FAILS
    statement = maps.statement(claim, f"above {uniform:.3f} (uniform weights), heaviest bin a true one")
    return statement.line(verdict, why, float(mass.mean(skipna=False)), float(mass.std(ddof=1, skipna=False)))


def _best(maps: Maps) -> Line:
    claim = (
        "ImageNet AlexNet and VGG find the true bins best (weight on them, least of theirs - greatest of the others)"
    )
    statement = maps.statement(claim, "above 0")
    best = maps.means("true_mass", BEST)
    others = maps.means("true_mass", [name for name in maps.paper if name not in BEST])
    if best.empty or others.empty:
        return statement.not_tested(
            maps.missing(BEST[0]) if best.empty else "no other extractor of the paper has a map"
        )
    return _compared(statement, maps, best, others)


def _wide(maps: Maps) -> Line:
    claim = "DASR is too wide (effective bins, DASR - greatest of the other trained extractors)"
    statement = maps.statement(claim, "above 0")
    dasr = maps.means("effective_bins", [DASR])
    others = maps.means("effective_bins", [name for name in maps.paper if name not in (DASR, RANDOM)])
    if dasr.empty or others.empty:
        return statement.not_tested(maps.missing(DASR) if dasr.empty else "no other trained extractor has a map")
    return _compared(statement, maps, dasr, others)


def _compared(statement: Statement, maps: Maps, first: "pd.Series[float]", others: "pd.Series[float]") -> Line:
    """Line of "all of `first` above all of `others`"."""
    difference = float(first.min(skipna=False) - others.max(skipna=False))
    why = f"{_named(first)}, against {_named(others)}{_unmeasured(maps)}"
    return statement.line(HOLDS if difference > 0 else FAILS, why, difference)


def _weakest(maps: Maps) -> Line:
    claim = "random AlexNet is the weakest (weight on the true bins, least of the trained extractors - random)"
    statement = maps.statement(claim, "above 0")
    random = maps.members.loc[maps.members["family"] == family_of(maps.table, RANDOM), "true_mass"]
    trained = maps.means("true_mass", [name for name in maps.paper if name != RANDOM])
    if random.empty or trained.empty:
        return statement.not_tested(maps.missing(RANDOM) if random.empty else "no trained extractor has a map")
    differences = trained.min(skipna=False) - random
    what = f"{_named(trained)}, random {random.mean():.3f}{_unmeasured(maps)}"
    return statement.from_repeats(differences, what, noun="random extractor")


def _named(values: "pd.Series[float]") -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items())


def _unmeasured(maps: Maps) -> str:
    missing = [name for name in maps.paper if name not in STAND_INS and maps.means("true_mass", [name]).empty]
    return f" (no map of {', '.join(missing)})" if missing else ""
