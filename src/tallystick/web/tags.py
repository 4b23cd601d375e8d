"""What templates may say about values: amounts, days, states, names, hashes. Loaded in every template.

Decides the HTML of a value; ``formats`` decides its text and ``words`` its name. Every amount carries its exact value
for machines, every instant its UTC.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.forms import BoundField
from django.http import HttpRequest, QueryDict
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import get_current_timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tallystick.core import calendar
from tallystick.core.due import Clock
from tallystick.core.entries import Duty, Reason
from tallystick.core.orders import OrderState
from tallystick.web import formats, messages, words

register = template.Library()

# Twelve-pixel shapes, drawn with the text's own colour. p0…p5: an order fills up in fifths.
_PIE = '<circle cx="6" cy="6" r="5" fill="none" stroke="currentColor" stroke-width="1.5"/>'
_SHAPES: Mapping[str, str] = {
    "p0": _PIE,
    "p1": _PIE + '<path d="M6 6V1A5 5 0 0 1 10.76 4.45Z" fill="currentColor"/>',
    "p2": _PIE + '<path d="M6 6V1A5 5 0 0 1 8.94 10.05Z" fill="currentColor"/>',
    "p3": _PIE + '<path d="M6 6V1A5 5 0 1 1 3.06 10.05Z" fill="currentColor"/>',
    "p4": _PIE + '<path d="M6 6V1A5 5 0 1 1 1.24 4.45Z" fill="currentColor"/>',
    "p5": '<circle cx="6" cy="6" r="5.5" fill="currentColor"/>',
    "tick": '<path d="M1.5 6.5 4.5 9.5 10.5 2.5" fill="none" stroke="currentColor" stroke-width="2"/>',
    "cross": '<path d="M2 2 10 10M10 2 2 10" fill="none" stroke="currentColor" stroke-width="2"/>',
    "bar": '<path d="M1.5 6H10.5" fill="none" stroke="currentColor" stroke-width="2.5"/>',
    "warn": '<path d="M6 .8 11.6 11H.4Z" fill="currentColor"/>',
    "clock": _PIE + '<path d="M6 3V6.3L8.3 7.6" fill="none" stroke="currentColor" stroke-width="1.3"/>',
    # the two halves of a tally: their notches meet, or do not
    "tally": '<path d="M0 1.5H5L7.5 6 5 10.5H0Z" fill="currentColor"/>'
    '<path d="M6.6 1.5H12V10.5H6.6L9.1 6Z" fill="currentColor" opacity=".55"/>',
    "gap": '<path d="M0 1.5H3.5L6 4 3.5 6.5V10.5H0Z" fill="currentColor"/>'
    '<path d="M7.5 1.5H12V10.5H7.5V10L10 7.5 7.5 5Z" fill="currentColor" opacity=".55"/>',
}
SHAPES: Mapping[str, SafeString] = {
    name: mark_safe(f'<svg class="shape" viewBox="0 0 12 12" aria-hidden="true">{path}</svg>')  # noqa: S308 # ours
    for name, path in _SHAPES.items()
}


def _language() -> str:
    return (get_language() or "en").partition("-")[0]


def _zone() -> ZoneInfo:
    return ZoneInfo(str(get_current_timezone()))


def _figure_html(figure: formats.Figure, before: str, after: str, kind: str) -> SafeString:
    return format_html(
        '<data class="{}" value="{}" title="{}">{}{}<span class="whole">{}</span><span class="frac">{}</span>{}</data>',
        kind, figure.plain, figure.plain, figure.sign, before, figure.whole, figure.fraction, after,
    )  # fmt: skip


# ---- amounts


@register.simple_tag
def money(minor: int | None, currency: str | None) -> SafeString | str:
    """``{% money 122007500 "INR" %}`` → ₹12,20,075.00."""
    if minor is None or currency is None:
        return formats.DASH
    figure = formats.money(minor, currency)
    return _figure_html(figure, figure.symbol, "", "money")


@register.simple_tag
def price(micro: int | None, currency: str | None) -> SafeString | str:
    """``{% price 82400000 "INR" %}`` → ₹82.40."""
    if micro is None or currency is None:
        return formats.DASH
    figure = formats.price(micro, currency)
    return _figure_html(figure, figure.symbol, "", "money")


@register.simple_tag
def qty(scaled: int | None, unit: str) -> SafeString | str:
    """``{% qty 1790000 "KGM" %}`` → 1,790 kg."""
    if scaled is None:
        return formats.DASH
    figure = formats.quantity(scaled, unit)
    return _figure_html(figure, "", format_html('<span class="unit"> {}</span>', figure.symbol), "qty")


@register.filter
def unit_symbol(code: str) -> str:
    return formats.unit_symbol(code)


@register.filter
def unit_name(code: str) -> str:
    return formats.unit_name(code)


@register.filter
def permille(value: int) -> str:
    return formats.permille(value)


# ---- time


@register.filter
def day(number: int | None) -> SafeString | str:
    """``{{ line.due_on|day }}`` → 18 Feb 2027. Days since 1970-01-01."""
    if number is None:
        return formats.DASH
    iso = calendar.date_of(number).isoformat()
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        iso, formats.day_long(number, _language()), formats.day(number, _language()),
    )  # fmt: skip


@register.filter
def iso_day(number: int | None) -> str:
    """For ``<input type="date">``."""
    return "" if number is None else calendar.date_of(number).isoformat()


@register.filter
def instant(seconds: int | dt.datetime | None) -> SafeString | str:
    """``{{ entry.t|instant }}`` → 18 Feb 2027 14:05 JST, the UTC on hovering. Seconds since 1970 UTC."""
    if seconds is None:
        return formats.DASH
    if isinstance(seconds, dt.datetime):
        seconds = int(seconds.timestamp())
    moment = formats.instant(seconds, _zone(), _language())
    return format_html(
        '<time datetime="{}" title="{}">{} {} <span class="zone">{}</span></time>',
        moment.utc, moment.utc.replace("T", " ").replace("Z", " UTC"), moment.on, moment.at, moment.zone,
    )  # fmt: skip


# ---- names and states


@register.simple_tag
def shape(name: str) -> SafeString:
    return SHAPES[name]


@register.simple_tag
def state_badge(state: Enum | str, word: str = "") -> SafeString:
    """A state as shape, word and colour; ``word`` replaces the word where more can be said (``Overdue by 8 days``)."""
    badge = words.badge(state)
    return format_html('<span class="badge {}">{}{}</span>', badge.tone, SHAPES[badge.shape], word or badge.word)


@register.filter
def kind_name(kind: int) -> words.Word:
    return words.kind(kind)


@register.filter
def segment_names(segments: int) -> str:
    """``{{ standing.erased|segment_names }}``: the parts of an entry, in words."""
    return ", ".join(map(str, words.segments(segments)))


@register.filter
def reason_name(reason: int) -> words.Word:
    return words.name(Reason(reason))


@register.filter
def act_name(kind: int) -> words.Word:
    """What the button says."""
    return words.ACTS.get(kind) or words.kind(kind)  # type: ignore[call-overload]


@register.filter
def duty_name(duty: int) -> words.Word:
    return words.DUTIES[Duty(duty)]


@register.filter
def duty_names(duties: Iterable[int]) -> str:
    return ", ".join(str(words.DUTIES[Duty(d)]) for d in duties)


@register.filter
def word(value: Enum) -> words.Word:
    """The plain word for a means, reason, outcome, price basis, side, kind, duty or state."""
    return words.name(value)


@register.filter
def state_word(state: OrderState) -> words.Word:
    return words.badge(state).word


@register.filter
def party_name(code: str) -> str:
    """``{{ "JP"|party_name }}`` → Japan; this node's own party is called as its settings call it."""
    node = settings.NODE
    return str(node.party_name) if code == node.party else formats.party(code, _language())


@register.simple_tag
def copyable(value: bytes | str, label: str = "") -> SafeString:
    """A hash or key shortened, with a button that copies the whole of it (the title shows it without JavaScript)."""
    text = value.hex() if isinstance(value, bytes) else str(value)
    short = formats.short_hash(text)
    return format_html(
        '<span class="copy"><code title="{}">{}</code>'
        '<button type="button" data-copy="{}" data-done="{}" hidden><span class="visually-hidden">{}</span>'
        '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M5.5 5.5v-3h8v8h-3m-8-5h8v8h-8z" fill="none"'
        ' stroke="currentColor"/></svg></button></span>',
        text, short + ("…" if short != text else ""), text, _("Copied"), label or _("Copy the whole of it"),
    )  # fmt: skip


@register.filter
def short_hash(value: bytes | str) -> str:
    return formats.short_hash(value)


@register.filter
def hex_of(value: bytes) -> str:
    return value.hex()


# ---- findings and errors


class _Finding(Protocol):
    code: str
    facts: Sequence[tuple[str, int | str]]


@register.filter
def finding_sentence(finding: _Finding) -> str:
    """What a finding says, and what to do."""
    return messages.sentence(finding.code, dict(finding.facts))


# ---- page furniture


@register.simple_tag(takes_context=True)
def with_query(context: template.Context, **changes: object) -> str:
    """The address of this list with some filters changed: ``href="{% with_query page=2 %}"``; None takes one away."""
    request: HttpRequest = context["request"]
    query: QueryDict = request.GET.copy()
    for key, value in changes.items():
        if value in (None, ""):
            query.pop(key, None)
        else:
            query[key] = str(value)
    return f"?{query.urlencode()}" if query else request.path


@register.inclusion_tag("_field.html")
def field(bound: BoundField, **options: Any) -> dict[str, Any]:
    """A form field with its label, help and errors beside it."""
    return {"field": bound, **options}


@register.inclusion_tag("_settlement_clock.html")
def settlement_clock(clocks: Sequence[Clock], as_of: int) -> dict[str, Any]:
    """The due dates of an order on one line from hand-over to the last day, with today on it."""
    if not clocks:
        return {"marks": ()}
    first = min(*(c.base_on for c in clocks), as_of)
    last = max(*(max(c.due_on, c.done_on or 0) for c in clocks), as_of)
    span = max(1, last - first)

    def at(number: int) -> int:
        return 20 + 960 * (number - first) // span

    marks = [
        {
            "word": words.CLOCKS[c.kind],
            "base_on": c.base_on, "due_on": c.due_on, "done_on": c.done_on,
            "state": "done" if c.done_on is not None else ("late" if c.due_on < as_of else "open"),
            "late_days": max(0, (c.done_on if c.done_on is not None else as_of) - c.due_on),
            "left_days": max(0, c.due_on - as_of),
            "x0": at(c.base_on), "x1": at(c.due_on), "x2": at(c.done_on if c.done_on is not None else c.due_on),
            "y": 16 + 18 * row, "row": row,
        }
        for row, c in enumerate(sorted(clocks, key=lambda c: (c.due_on, c.base_on)))
    ]  # fmt: skip
    months = []
    cursor = calendar.date_of(first).replace(day=1)
    while True:
        cursor = (cursor + dt.timedelta(days=32)).replace(day=1)
        number = calendar.day(cursor)
        if number > last:
            break
        months.append(at(number))
    return {
        "marks": marks, "first": first, "last": last, "as_of": as_of, "now_x": at(as_of), "months": months,
        "height": 18 * len(marks) + 26, "base": 18 * len(marks) + 12,
    }  # fmt: skip


@register.simple_tag
def listing(items: Iterable[object]) -> SafeString:
    """Items as a comma-separated list, each escaped."""
    return format_html_join(", ", "{}", ((item,) for item in items))
