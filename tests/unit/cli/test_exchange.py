"""Courier files in any order, twice, late and damaged; and a partner who does not answer."""

import pytest


def request_of(pair):
    return pair.done(
        "jp", "act", "request", "--yes", "--field", "situation=a", "--field", "need_from=2027-02-18",
        "--field", "need_to=2027-02-21", "--field", "place=INVTZ", "--field", "receiving_unit=JS Example",
        "--field", "lines[0].line=1", "--field", "lines[0].category=WATR", "--field", "lines[0].item=water",
        "--field", "lines[0].nsn=", "--field", "lines[0].unit=TNE", "--field", "lines[0].quantity=1",
        "--field", "lines[0].tolerance_permille=0", "--field", "lines[0].means=reimbursement",
    )  # fmt: skip


def written(pair, party, *options):
    return pair.done(party, "bundle", "write", "--json", *options).json["file"]


def digest(pair, party):
    return pair.done(party, "digest").out


@pytest.fixture
def files(pair):
    """Three courier files of Japan's, each with one more request."""
    made = []
    for number in range(3):
        request_of(pair)
        made.append(written(pair, "jp", "--to", pair.folder / f"{number}.lmc.age"))
    return made


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 1, 0, 2, 0), (2,)])
def test_any_order_comes_to_the_same(pair, files, order):
    for number in order:
        pair.done("in", "bundle", "read", files[number])
    assert len(pair.done("in", "order", "list", "--json").json) == 3
    assert digest(pair, "in") == digest(pair, "jp")


def test_a_whole_folder_is_read(pair, files):
    ran = pair.done("in", "bundle", "read", pair.folder, "--json").json
    assert [row["file"] for row in ran] == files
    assert digest(pair, "in") == digest(pair, "jp")


def test_without_a_place_files_go_through_the_nodes_folders(pair):
    request_of(pair)
    first, second = written(pair, "jp"), written(pair, "jp", "--all")
    out = pair.folder / "jp" / "courier" / "out"
    assert {first, second} <= {str(path) for path in out.iterdir()}
    assert first != second
    for path in out.iterdir():
        (pair.folder / "in" / "courier" / "in" / path.name).write_bytes(path.read_bytes())
    pair.done("in", "bundle", "read")
    assert digest(pair, "in") == digest(pair, "jp")


def test_a_bad_file_does_not_stop_the_good_ones(pair, files):
    (pair.folder / "1.lmc.age").write_bytes(b"age-encryption.org/v1 but not really")
    ran = pair("in", "bundle", "read", *files, "--json")
    assert (ran.code, [row["error"] for row in ran.json]) == (3, ["", "not-sealed", ""])
    assert digest(pair, "in") == digest(pair, "jp")


def test_a_file_for_somebody_else(pair, files):
    ran = pair("jp", "bundle", "read", files[0])
    assert (ran.code, "code: sealed-for-others" in ran.err) == (3, True)
    assert pair("jp", "bundle", "read", pair.folder / "missing").code == 2


def test_nothing_new_is_nothing_to_write(pair):
    """The last acknowledgement is never acknowledged, so only one of the two sides has nothing to send."""
    pair.carry()
    pair.carry()
    told = [pair(party, "bundle", "write").err for party in ("jp", "in")]
    assert sum("code: nothing-new" in err for err in told) == 1
    assert written(pair, "jp", "--all")
    assert written(pair, "in", "--all")


def test_nothing_is_written_over(pair, files):
    ran = pair("jp", "bundle", "write", "--all", "--to", pair.folder / "knock")
    assert "code: file-exists" in ran.err


def test_a_partner_who_does_not_answer(pair):
    ran = pair("jp", "sync")
    assert (ran.code, "code: peer-unreachable" in ran.err) == (75, True)
    assert pair.done("jp", "status", "--json").json["partners"][0]["last_error"] == "peer-unreachable"
    assert "code: no-partner-yet" in pair("jp", "sync", "--partner", "XX").err
