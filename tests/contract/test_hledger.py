"""Debian's hledger reads our journal: strictly checked, and the same balances."""

import csv
import io
import shutil
import subprocess

import pytest
from tests.cast import CODES, GENESIS
from tests.needs import needs_hledger
from tests.scenario import Story

from tallystick.app import export
from tallystick.core.quantity import Money

pytestmark = needs_hledger

# Partly refused, disputed and credited, short paid; then the other way round in yen, amended and partly cancelled.
STORY = """
2027-01-11 JP request O1 of IN from 2027-02-18: 1 FOOD 1850 KGM provisions; 2 WATR 320 TNE water
2027-01-20 IN offer F1 on O1 INR until 2027-02-19: 1 1850 @ 96.50; 2 320 @ 185.00
2027-01-28 JP order R1 on F1 limit 300000.00
2027-01-29 IN accept A1 on R1
2027-02-20 IN deliver D1 on A1: 1 1850; 2 320
2027-02-20 JP receive E1 on D1: 1 1790 refused 60 spoiled; 2 320
2027-02-24 IN resolve S1 on E1: 1 no-charge
2027-02-25 JP countersign on S1
2027-03-12 IN invoice I1 on A1 for E1
2027-03-20 JP dispute on I1: 2 9200.00
2027-04-28 IN funds on I1 150000.00 charges 1650.00
2027-02-01 IN request O2 of JP from 2027-03-01: 1 FOOD 100 KGM rice
2027-02-02 JP offer F2 on O2 JPY until 2027-03-01: 1 100 @ 480
2027-02-03 IN order R2 on F2 limit 60000
2027-02-04 JP accept A2 on R2
2027-03-01 JP deliver D2 on A2: 1 40
2027-03-01 IN receive E2 on D2
2027-03-02 IN cancel C2 on A2 by ordering
2027-03-03 JP countersign on C2 by accepting
2027-03-10 JP invoice I2 on A2 for E2
2027-05-01 JP funds on I2 19200
"""


@pytest.fixture(scope="module")
def record():
    return Story(STORY).record


def hledger(journal, *arguments):
    return subprocess.run(
        [shutil.which("hledger"), "-f", "-", *arguments], input=journal, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("party", [None, *CODES])
def test_the_strict_check_passes(record, party):
    journal = export.hledger_journal(record, GENESIS, party)
    done = hledger(journal, "check", "-s", "ordereddates")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("wrong", [("account IN:cash", "account IN:till"), ("commodity 1000. JPY", ""),
                                   ("150000.00 INR", "150000.01 INR")])  # fmt: skip
def test_the_strict_check_would_notice(record, wrong):
    """It passes above because the journal is right, not because hledger does not look."""
    journal = export.hledger_journal(record, GENESIS)
    assert wrong[0] in journal
    assert hledger(journal.replace(*wrong, 1), "check", "-s").returncode != 0


def test_balances_are_ours(record):
    done = hledger(export.hledger_journal(record, GENESIS), "balance", "--flat", "-N", "--layout", "bare", "-O", "csv")
    assert done.returncode == 0, done.stderr
    theirs = {(row["account"], row["commodity"]): row["balance"] for row in csv.DictReader(io.StringIO(done.stdout))}
    ours = {
        (line.account, line.commodity): Money(line.balance, line.commodity).text()
        for party in CODES
        for line in record.ledger.trial_balance(party)
        if line.balance
    }
    assert theirs == ours
    assert ours["IN:cash", "INR"] == "150000.00"
    assert ours["IN:ar:disputed:JP", "INR"] == "9200.00"
    assert ours["JP:cash", "JPY"] == "19200"


def test_each_transaction_names_its_entry_rule_and_order(record):
    journal = export.hledger_journal(record, GENESIS)
    first = record.ledger.transactions()[0]
    done = hledger(journal, "print", f"tag:entry=^{first.origin}$", "tag:party=IN")
    assert f"({first.origin}) JPIN/JP/2026/0001 L1" in done.stdout
    assert f"rule:L1, order:{first.order_id}, party:IN" in done.stdout


def test_rows_add_up_to_the_balance(record):
    sums: dict[tuple[str, str], int] = {}
    for row in export.journal_rows(record):
        key = (row.account, row.currency)
        sums[key] = sums.get(key, 0) + Money.parse(row.amount, row.currency).minor
    assert sums == {
        (row.account, row.currency): Money.parse(row.balance, row.currency).minor
        for party in CODES
        for row in export.balance_rows(record, party)
    }
