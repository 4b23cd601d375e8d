"""Drafts: what someone has typed and not signed. They stay on this node, one for each act on each thing."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

from tallystick.core.identity import EntryRef
from tallystick.web.national.models import Draft, order_key
from tallystick.web.pages.desk import Here
from tallystick.web.pages.orders.occasion import Occasion

NOT_KEPT = frozenset({"csrfmiddlewaretoken", "do", "looked_at", "shown", "at", "passphrase", "prf"})


def _order(occasion: Occasion) -> str:
    return order_key(occasion.desk.id, occasion.view.order_id) if occasion.detail is not None else ""


def _on(occasion: Occasion) -> str:
    return str(occasion.on) if occasion.on is not None else ""


def find(here: Here, occasion: Occasion) -> Draft | None:
    """Return this person's draft of an act, if there is one."""
    for draft in Draft.objects.filter(person=here.person, kind=int(occasion.kind), order=_order(occasion)):
        if draft.data.get("on") == _on(occasion):
            return draft
    return None


def save(here: Here, occasion: Occasion, data: QueryDict) -> Draft:
    """Keep what was typed, replacing an earlier draft of the same act."""
    draft = find(here, occasion) or Draft(person=here.person, kind=int(occasion.kind), order=_order(occasion))
    typed: dict[str, Any] = {name: values for name, values in data.lists() if name not in NOT_KEPT}
    draft.data = {"on": _on(occasion), "fields": typed}
    draft.updated_at = here.now
    draft.save()
    return draft


def drop(here: Here, occasion: Occasion) -> None:
    draft = find(here, occasion)
    if draft is not None:
        draft.delete()


def data_of(draft: Draft) -> QueryDict:
    """Return a draft as the form data it was."""
    data = QueryDict(mutable=True)
    for name, values in draft.data.get("fields", {}).items():
        data.setlist(name, [str(value) for value in values])
    return data


def of_order(here: Here, order_id: EntryRef) -> list[Draft]:
    """Return this person's drafts on one order."""
    return list(Draft.objects.filter(person=here.person, order=order_key(here.desk.id, order_id)))
