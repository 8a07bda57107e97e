"""Votes of people who ranked the methods on images (paper, Fig. 9)."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from degcraft.errors import DegcraftError, unknown

NEEDED = ("voter", "image", "method", "rank")
COLUMNS = ("method", "rank", "votes", "share", "mean_rank", "voters", "note")
_SHOWN = 20  # problems of one file that are listed one by one


@dataclass(frozen=True)
class Vote:
    """One line of a file; `rank` as it was written."""

    file: str
    line: int
    voter: str
    image: str
    method: str
    rank: str

    @property
    def named(self) -> bool:
        """Whether it says who ranked what."""
        return bool(self.voter and self.image and self.method)

    @property
    def number(self) -> int | None:
        """The rank, if it is a whole number of at most nine digits."""
        return int(self.rank) if self.rank.isascii() and self.rank.isdigit() and len(self.rank) < 10 else None


def read_votes(content: bytes, file: str) -> pd.DataFrame:
    """Votes of one CSV; see `merge_votes`."""
    return merge_votes({file: content})


def merge_votes(files: Mapping[str, bytes]) -> pd.DataFrame:
    """Votes of one or several CSV files, checked as a whole.

    Every ballot, the votes of one voter on one image, ranks all methods from 1 (best), without ties, and
    stands in one file. The methods are those of the first ballot of all.

    Parameters
    ----------
    files : mapping from str to bytes
        Per file its name, for messages, and its content: UTF-8 text, separated by commas, with the columns
        voter, image, method and rank in any order; other columns are passed over.

    Returns
    -------
    DataFrame
        Columns voter, image, method (str) and rank (int), one line per vote, in the files' order.

    Raises
    ------
    DegcraftError
        One line per problem: a column is missing; a value is empty; a rank is not a whole number from
        1 to the number of methods; a ballot has tied ranks, an unknown method or lacks one; a voter
        voted twice on an image, in one file or in two.
    """
    votes = [vote for file, content in files.items() for vote in _parse(content, file)]
    methods = _methods([vote for vote in votes if vote.named])
    problems = [*_problems(votes, methods)]
    if problems:
        more = [f"{', '.join(files)}: and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise DegcraftError("\n".join(problems[:_SHOWN] + more))
    lines = [(vote.voter, vote.image, vote.method, vote.number) for vote in votes]
    return pd.DataFrame(lines, columns=list(NEEDED))


def vote_table(votes: pd.DataFrame) -> pd.DataFrame:
    """How often each method took each rank (paper, Fig. 9).

    Parameters
    ----------
    votes : DataFrame
        From `read_votes` or `merge_votes`.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, a line per method and rank, best mean rank first: votes (a count), share
        (of the method's votes, 0 to 1), mean_rank, and voters: how many different people voted.
    """
    counts = votes.groupby("method")["rank"].value_counts()
    means = votes.groupby("method")["rank"].mean()
    methods = sorted(means.index, key=lambda method: (means[method], method))
    table = counts.reindex(pd.MultiIndex.from_product([methods, range(1, len(methods) + 1)]), fill_value=0)
    lines = table.rename_axis(["method", "rank"]).rename("votes").reset_index()
    lines["share"] = lines["votes"] / lines.groupby("method")["votes"].transform("sum")
    lines["mean_rank"] = lines["method"].map(means)
    return lines.assign(voters=votes["voter"].nunique()).reindex(columns=list(COLUMNS))


def no_votes(note: str) -> pd.DataFrame:
    """Table of Figure 9 where nobody has voted; `note` says why."""
    return pd.DataFrame([{"method": "votes", "note": note}], columns=list(COLUMNS))


def _parse(content: bytes, file: str) -> list[Vote]:
    needed = ", ".join(NEEDED)
    try:
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        lines = [(rows.line_num, [value.strip() for value in row]) for row in rows if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DegcraftError(
            f"{file}: not a CSV in UTF-8 ({error}); columns {needed}, separated by commas, are needed; save it so"
        ) from error
    header = lines[0][1] if lines else []
    missing = [name for name in NEEDED if header.count(name) != 1]
    if missing:
        raise DegcraftError(
            f"{file}: columns are {', '.join(header) or 'none'}; {needed}, each once and separated by commas, are "
            f"needed; mend the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
        )
    uneven = [str(line) for line, row in lines[1:] if len(row) != len(header)]
    if uneven or len(lines) == 1:
        found = f"not {len(header)} values on line {', '.join(uneven[:_SHOWN])}" if uneven else "no votes"
        raise DegcraftError(
            f"{file}: {found}; lines of {', '.join(header)} are needed; mend them, or set evidence.votes to none"
        )
    return [Vote(file, line, *(row[header.index(name)] for name in NEEDED)) for line, row in lines[1:]]


def _methods(votes: Sequence[Vote]) -> list[str]:
    """Methods of the first ballot, in its order."""
    first = {(vote.voter, vote.image) for vote in votes[:1]}
    return list(dict.fromkeys(vote.method for vote in votes if (vote.voter, vote.image) in first))


def _problems(votes: Sequence[Vote], methods: Sequence[str]) -> Iterator[str]:
    for vote in votes:
        yield from (f"{vote.file}: line {vote.line}: {problem}" for problem in _vote_problems(vote, methods))
    ballots: dict[tuple[str, str], list[Vote]] = {}
    for vote in votes:
        if vote.named:
            ballots.setdefault((vote.voter, vote.image), []).append(vote)
    for ballot in ballots.values():
        yield from (f"{ballot[0].file}: {problem}" for problem in _ballot_problems(ballot, methods))


def _vote_problems(vote: Vote, methods: Sequence[str]) -> Iterator[str]:
    for name in ("voter", "image", "method"):
        if not getattr(vote, name):
            yield f"no {name}; write one"
    if vote.method and methods and vote.method not in methods:
        yield f"{unknown('method', vote.method, methods)} The first ballot has {', '.join(methods)}"
    if methods and (vote.number is None or not 1 <= vote.number <= len(methods)):
        yield f'rank "{vote.rank}"; a whole number from 1 (best) to {len(methods)} is needed'


def _ballot_problems(ballot: Sequence[Vote], methods: Sequence[str]) -> Iterator[str]:
    where = f"voter {ballot[0].voter}, image {ballot[0].image}"
    others = list(dict.fromkeys(vote.file for vote in ballot))[1:]
    if others:
        yield f"{where}: voted in {', '.join(others)} too; one ballot per voter and image is needed; delete one"
        return
    counts = Counter(vote.method for vote in ballot)
    if max(counts.values()) > 1:
        lines = ", ".join(str(vote.line) for vote in ballot if counts[vote.method] > 1)
        yield f"{where}: voted twice (lines {lines}); one ballot per voter and image is needed; delete one"
        return
    ranks = Counter(vote.number for vote in ballot if vote.number is not None)
    for rank, times in sorted(ranks.items()):
        if times > 1:
            tied = ", ".join(vote.method for vote in ballot if vote.number == rank)
            yield f"{where}: {tied} are tied at rank {rank}; every rank once is needed; give them different ranks"
    lacking = [method for method in methods if method not in counts]
    if lacking:
        yield f"{where}: no rank for {', '.join(lacking)}; every method is needed; add what lacks"
