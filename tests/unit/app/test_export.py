"""CSV that a spreadsheet can open without running what a partner wrote."""

import csv
import io

import pytest

from tallystick.app.export import to_csv


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+49 30", "'+49 30"),
        ("-2+3", "'-2+3"),
        ("\tx", "␉x"),
        ("-1650.00", "-1650.00"),
        ("-7", "-7"),
        ("JS Example, 2nd", "JS Example, 2nd"),
        ('he said "no"', 'he said "no"'),
        (None, ""),
        (7, "7"),
    ],
)
def test_cells(cell, written):
    told = to_csv(["unit", "place"], [{"unit": cell, "place": "x"}])
    assert list(csv.reader(io.StringIO(told))) == [["unit", "place"], [written, "x"]]


def test_lines_end_as_the_rfc_says():
    assert to_csv(["a", "b"], [{"a": 1, "b": 2}]) == "a,b\r\n1,2\r\n"
