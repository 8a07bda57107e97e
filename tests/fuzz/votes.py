"""Mutated files of votes through their reader: `python -m tests.fuzz.votes --count 20000 --seed 1`."""

from pathlib import Path

from degcraft.evidence.votes import read_votes, vote_table
from degcraft.streams import stream
from tests.fuzz.campaigns import Case, Limits, main
from tests.fuzz.mutations import mutant

LIMITS = Limits(seconds=5, memory=500_000_000)
_LINES = [
    f"{voter},{image},{method},{rank}" for voter in "ab" for image in "xy" for rank, method in enumerate("pqr", 1)
]
_PLAIN = "\n".join(["voter,image,method,rank", *_LINES, ""])
_SEEDS = [
    _PLAIN.encode(),
    _PLAIN.replace("\n", "\r\n").encode("utf-8-sig"),
    _PLAIN.replace("p", '"p, the first"').replace("a,", '"Ana ""A"" ü",').encode(),
    _PLAIN.replace(",", ";").encode(),
    _PLAIN.encode("utf-16"),
    _PLAIN.replace(",1\n", ",٣\n").encode(),
    _PLAIN.replace(",1\n", "," + "9" * 5000 + "\n").encode(),
    _PLAIN.replace("a,x", '"a' + "b" * 200_000 + '",x').encode(),
    b"",
    b"\n\n\n",
]


def case_of(seed: int) -> Case:
    """Whole files, then mutants."""

    def case(number: int, _: Path) -> None:
        rng = stream(seed, "fuzz", "votes", number)
        votes = read_votes(_SEEDS[number] if number < len(_SEEDS) else mutant(_SEEDS, rng), "votes.csv")
        if not len(vote_table(votes)) > 0:
            raise AssertionError("votes without a table")

    return case


if __name__ == "__main__":
    main("votes", case_of, LIMITS)
