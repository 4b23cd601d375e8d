from __future__ import annotations

import datetime as dt

from django.contrib import messages as told
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from tallystick.app.clock import DemoClock
from tallystick.core import calendar
from tallystick.web import formats, record
from tallystick.web.people import service
from tallystick.web.people.decorators import SignedInRequest, signed_in

DAY = 86_400
FORWARD_MAX = 3_660  # days: ten years; further than any deadline of an agreement


@signed_in
@require_POST
def clock(request: SignedInRequest) -> HttpResponse:
    """Move a demo's day forward, for every node that reads the same file; what is signed cannot be before its past."""
    node = record.get_node()
    if not isinstance(node.clock, DemoClock):
        raise Http404
    now = node.clock.now()
    wanted = request.POST.get("day", "")
    try:
        days = (dt.date.fromisoformat(wanted) - calendar.date_of(now // DAY)).days if wanted else 1
    except ValueError:
        days = 0
    if 0 < days <= FORWARD_MAX:
        node.clock.set_to(now + days * DAY)
        record.signed()
        told.success(
            request, _("It is %(day)s now, on both nodes.") % {"day": formats.day(now // DAY + days)}, extra_tags="good"
        )
    else:
        told.warning(request, _("The demo's clock only goes forward, at most ten years at a time."), extra_tags="warn")
    return HttpResponseRedirect(service.safe_next(request, request.POST.get("next")))
