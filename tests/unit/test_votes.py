import itertools

import pandas as pd
import pytest

from degcraft.config import merge, validate
from degcraft.errors import DegcraftError
from degcraft.evidence.votes import COLUMNS, merge_votes, no_votes, read_votes, vote_table
from degcraft.plans import vote_files
from degcraft.stages.evidence import votes as stage
from degcraft.streams import stream

METHODS = ["uniform", "crafted", "BSRNet"]
GOOD = """voter,image,method,rank
anna,china,uniform,2
anna,china,crafted,1
anna,china,BSRNet,3
ben,china,BSRNet,2
ben,china,uniform,3
ben,china,crafted,1
anna,coffee,crafted,2
anna,coffee,uniform,1
anna,coffee,BSRNet,3
"""


def read(text):
    return read_votes(text.encode(), "votes.csv")


def problems(text):
    with pytest.raises(DegcraftError) as raised:
        read(text)
    return str(raised.value).splitlines()


def test_votes_are_read_as_they_stand():
    votes = read(GOOD)
    assert votes.columns.tolist() == ["voter", "image", "method", "rank"]
    assert votes.iloc[3].tolist() == ["ben", "china", "BSRNet", 2]
    assert votes["rank"].tolist() == [2, 1, 3, 2, 3, 1, 2, 1, 3]


def test_spaces_other_columns_their_order_a_byte_order_mark_and_line_ends_do_not_matter():
    lines = [line.split(",") for line in GOOD.splitlines()]
    other = (
        "\r\n".join(f"{rank} , {method},why not,{image}, {voter}" for voter, image, method, rank in lines) + "\r\n\r\n"
    )
    other = "\ufeff" + other.replace("why not", "remark", 1)
    pd.testing.assert_frame_equal(read(other), read(GOOD))


def test_a_last_line_without_an_end_is_read():
    pd.testing.assert_frame_equal(read(GOOD.rstrip("\n")), read(GOOD))


def test_table_of_few_votes():
    table = vote_table(read(GOOD))
    assert list(table) == list(COLUMNS)
    assert list(zip(table["method"], table["rank"], table["votes"], strict=True)) == [
        *(("crafted", 1, 2), ("crafted", 2, 1), ("crafted", 3, 0)),
        *(("uniform", 1, 1), ("uniform", 2, 1), ("uniform", 3, 1)),
        *(("BSRNet", 1, 0), ("BSRNet", 2, 1), ("BSRNet", 3, 2)),
    ]
    assert table["share"].tolist() == pytest.approx([2 / 3, 1 / 3, 0, 1 / 3, 1 / 3, 1 / 3, 0, 1 / 3, 2 / 3])
    assert table.drop_duplicates("method")["mean_rank"].tolist() == pytest.approx([4 / 3, 2, 8 / 3])
    assert set(table["voters"]) == {2}
    assert table["note"].isna().all()


def test_table_of_many_votes_agrees_with_counting():
    rng, lines = stream(0, "test", "votes"), ["voter,image,method,rank"]
    ranks = {method: [] for method in "pqrst"}
    for voter, image in itertools.product(range(8), range(5)):
        for method, rank in zip("pqrst", rng.permutation(5) + 1, strict=True):
            lines.append(f"v{voter},i{image},{method},{rank}")
            ranks[method].append(int(rank))
    table = vote_table(read("\n".join(lines)))
    assert len(table) == 25
    for line in table.to_dict("records"):
        given = ranks[line["method"]]
        assert line["votes"] == given.count(line["rank"])
        assert line["share"] == given.count(line["rank"]) / 40
        assert line["mean_rank"] == pytest.approx(sum(given) / 40, rel=1e-14)
    means = table.drop_duplicates("method")["mean_rank"]
    assert means.is_monotonic_increasing
    assert set(table["voters"]) == {8}


def test_equal_mean_ranks_are_in_order_of_name():
    tie = "voter,image,method,rank\nanna,a,z,1\nanna,a,b,2\nben,a,z,2\nben,a,b,1\n"
    assert vote_table(read(tie))["method"].tolist() == ["b", "b", "z", "z"]


def test_no_votes_is_one_line_with_the_reason():
    table = no_votes("evidence.votes is none")
    assert list(table) == list(COLUMNS)
    assert table["note"].tolist() == ["evidence.votes is none"]
    assert table[["rank", "votes", "share", "mean_rank", "voters"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "votes.csv: columns are none; voter, image, method, rank, each once and separated by commas, are needed; "
              "mend the columns voter, image, method, rank"),
        (b"voter,image,method\nanna,china,uniform\n", "votes.csv: columns are voter, image, method; voter, image, "
         "method, rank, each once and separated by commas, are needed; mend the column rank"),
        (b"voter;image;method;rank\n", "votes.csv: columns are voter;image;method;rank; voter, image, method, rank, each "
         "once and separated by commas, are needed; mend the columns voter, image, method, rank"),
        (b"voter,voter,image,method,rank\n", "votes.csv: columns are voter, voter, image, method, rank; voter, image, "
         "method, rank, each once and separated by commas, are needed; mend the column voter"),
        (b"voter,image,method,rank\n", "votes.csv: no votes; lines of voter, image, method, rank are needed; mend them, "
         "or set evidence.votes to none"),
        (b"voter,image,method,rank\nanna,china,uniform\nben,china,uniform,1,2\n", "votes.csv: not 4 values on line 2, 3; "
         "lines of voter, image, method, rank are needed; mend them, or set evidence.votes to none"),
    ],
)  # fmt: skip
def test_files_of_another_form_are_refused(content, message):
    with pytest.raises(DegcraftError) as raised:
        read_votes(content, "votes.csv")
    assert str(raised.value) == message


@pytest.mark.parametrize(
    "content", [b"voter,image,method,rank\nJ\xf6rg,a,b,1\n", b'voter,image,method,rank\n"anna,a,b,1\n']
)
def test_bytes_that_are_no_csv_are_refused(content):
    with pytest.raises(DegcraftError, match=r"votes\.csv: not a CSV in UTF-8 \(.*are needed; save it so"):
        read_votes(content, "votes.csv")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("ben,china,BSRNet,2", "ben,china,BSRNet,", ['votes.csv: line 5: rank ""; a whole number from 1 (best) to 3 is needed']),
        ("ben,china,BSRNet,2", "ben,china,BSRNet,2.0", ['votes.csv: line 5: rank "2.0"; a whole number from 1 (best) to 3 is needed']),
        ("ben,china,BSRNet,2", "ben,china,BSRNet,second", ['votes.csv: line 5: rank "second"; a whole number from 1 (best) to 3 is needed']),
        ("ben,china,BSRNet,2", "ben,china,BSRNet,4", ['votes.csv: line 5: rank "4"; a whole number from 1 (best) to 3 is needed']),
        ("ben,china,BSRNet,2", "ben,china,BSRNet,0", ['votes.csv: line 5: rank "0"; a whole number from 1 (best) to 3 is needed']),
        ("ben,china,BSRNet,2", "ben,china,BSRNet,-2", ['votes.csv: line 5: rank "-2"; a whole number from 1 (best) to 3 is needed']),
        ("ben,china,BSRNet,2", ",china,BSRNet,2", [
            "votes.csv: line 5: no voter; write one",
            "votes.csv: voter ben, image china: no rank for BSRNet; every method is needed; add what lacks",
        ]),
        ("ben,china,uniform,3", "ben,china,uniform,2", [
            "votes.csv: voter ben, image china: BSRNet, uniform are tied at rank 2; every rank once is needed; give them different ranks",
        ]),
        ("ben,china,uniform,3\n", "", ["votes.csv: voter ben, image china: no rank for uniform; every method is needed; add what lacks"]),
        ("ben,china,uniform,3", "ben,china,uniforn,3", [
            'votes.csv: line 6: unknown method "uniforn"; did you mean "uniform"? The first ballot has uniform, crafted, BSRNet',
            "votes.csv: voter ben, image china: no rank for uniform; every method is needed; add what lacks",
        ]),
        ("anna,coffee,crafted,2", "anna,china,crafted,2", [
            "votes.csv: voter anna, image china: voted twice (lines 3, 8); one ballot per voter and image is needed; delete one",
            "votes.csv: voter anna, image coffee: no rank for crafted; every method is needed; add what lacks",
        ]),
    ],
)  # fmt: skip
def test_every_wrong_vote_is_named(old, new, expected):
    assert GOOD.count(old) == 1
    assert problems(GOOD.replace(old, new)) == expected


def test_a_file_without_a_single_whole_vote():
    assert problems("voter,image,method,rank\n,a,p,7\nben,,p,\n") == [
        "votes.csv: line 2: no voter; write one",
        "votes.csv: line 3: no image; write one",
    ]


def test_all_problems_come_at_once():
    text = (
        GOOD.replace("crafted,1\nanna", "crafted,first\nanna", 1)
        .replace("BSRNet,2", "BSRNet,3")
        .replace("coffee,uniform", "coffee,bicubic")
    )
    found = problems(text)
    assert len(found) == 4
    for part in ('line 3: rank "first"', 'unknown method "bicubic"', "tied at rank 3", "no rank for uniform"):
        assert sum(part in line for line in found) == 1


def test_very_many_problems_are_counted():
    ballots = [f"v{number},a,{method},9" for number in range(20) for method in ("p", "q")]
    found = problems("\n".join(["voter,image,method,rank", *ballots]))
    assert len(found) == 21
    assert found[-1] == "votes.csv: and 40 more"  # 40 ranks and 20 ties, less the 20 shown


HEADER = "voter,image,method,rank\n"
ANNA = b"voter,image,method,rank\nanna,china,uniform,2\nanna,china,crafted,1\n"
BEN = b"image,rank,voter,method\nchina,1,ben,crafted\nchina,2,ben,uniform\n"


def test_votes_of_several_files_are_those_of_one():
    merged = merge_votes({"anna.csv": ANNA, "ben.csv": BEN})
    whole = read(ANNA.decode() + "ben,china,crafted,1\nben,china,uniform,2\n")
    pd.testing.assert_frame_equal(merged, whole)
    assert set(vote_table(merged)["voters"]) == {2}


def test_a_voter_who_voted_in_two_files_is_refused_with_both():
    with pytest.raises(DegcraftError) as raised:
        merge_votes({"anna.csv": ANNA, "ben.csv": BEN, "anna (1).csv": ANNA.replace(b"2", b"3").replace(b"1", b"2")})
    assert str(raised.value).splitlines() == [
        'anna (1).csv: line 2: rank "3"; a whole number from 1 (best) to 2 is needed',
        "anna.csv: voter anna, image china: voted in anna (1).csv too; one ballot per voter and image is needed; delete one",
    ]


def test_a_ballot_that_is_spread_over_two_files_is_refused():
    halves = {"a.csv": f"{HEADER}anna,china,crafted,1\n".encode(), "b.csv": f"{HEADER}anna,china,uniform,2\n".encode()}
    with pytest.raises(DegcraftError, match=r"^a\.csv: voter anna, image china: voted in b\.csv too"):
        merge_votes({"c.csv": ANNA.replace(b"anna", b"carl"), **halves})


def test_every_problem_names_its_file():
    with pytest.raises(DegcraftError) as raised:
        merge_votes({"anna.csv": ANNA, "ben.csv": BEN.replace(b"uniform", b"oracle")})
    lines = str(raised.value).splitlines()
    assert (
        lines[0]
        == 'ben.csv: line 3: unknown method "oracle"; known: uniform, crafted The first ballot has uniform, crafted'
    )
    assert lines[1].startswith("ben.csv: voter ben, image china: no rank for uniform")
    with pytest.raises(DegcraftError, match=r"^empty\.csv: columns are none"):
        merge_votes({"anna.csv": ANNA, "empty.csv": b""})


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ("none", []),
        ("votes/anna.csv", ["votes/anna.csv"]),
        ("votes/*.csv", ["votes/Zoe (1).csv", "votes/anna.csv", "votes/ben.csv"]),
        ("votes/b*.csv", ["votes/ben.csv"]),
        ("votes/x*.csv", ["votes/x*.csv"]),
        ("absent/*.csv", ["absent/*.csv"]),
    ],
)
def test_files_that_the_option_leads_to(default_config, tmp_path, votes, expected):
    (tmp_path / "votes").mkdir()
    for name in ("ben.csv", "anna.csv", "Zoe (1).csv", "._anna.csv", "anna.json"):
        (tmp_path / "votes" / name).write_bytes(ANNA)
    config = merge(default_config, {"data": str(tmp_path), "evidence": {"votes": votes}})
    validate(config)
    assert vote_files(config) == [f"{tmp_path}/{name}" for name in expected]


@pytest.mark.parametrize("votes", ["votes", "votes/", "votes/*", "*/anna.csv", ".csv/"])
def test_other_values_of_the_option_are_refused(default_config, votes):
    with pytest.raises(
        DegcraftError, match=r"evidence\.votes: expected none or the path of a \.csv file, or of several"
    ):
        validate(merge(default_config, {"evidence": {"votes": votes}}))


def test_the_stage_merges_its_inputs(tmp_path):
    files = [tmp_path / "anna.csv", tmp_path / "ben.csv"]
    for file, content in zip(files, (ANNA, BEN), strict=True):
        file.write_bytes(content)
    table = stage(files, {}, {"votes": "votes/*.csv"})
    assert table.query("method == 'crafted' and rank == 1")["votes"].item() == 2
