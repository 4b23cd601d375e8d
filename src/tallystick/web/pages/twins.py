"""Every list has a CSV and a JSON twin: the same rows, for other programs.

``{"as_of": day, "digest": of the record, "rows": […]}``; CSV has the rows alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.http import HttpResponse, JsonResponse

from tallystick.app import export
from tallystick.core import calendar
from tallystick.web.pages.desk import Here

FORMS = ("csv", "json")


def twin(here: Here, name: str, form: str, columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> HttpResponse:
    """Return ``rows`` (plain values, keyed by ``columns``) as a file called ``name``; ``form`` is one of ``FORMS``."""
    if form == "csv":
        return download(export.to_csv(columns, rows).encode(), f"{name}.csv", "text/csv; charset=utf-8")
    return JsonResponse(
        {
            "as_of": calendar.date_of(here.as_of).isoformat(),
            "digest": here.desk.record.digest.hex(),
            "rows": list(rows),
        }
    )


def download(data: bytes, name: str, content_type: str) -> HttpResponse:
    """Return a file to save. ``name`` is ours: letters, digits, dots and dashes."""
    return HttpResponse(
        data, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
