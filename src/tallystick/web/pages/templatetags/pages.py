"""What pages say about an order in a list: what the clock adds, how long is left. ``{% load pages %}``."""

from __future__ import annotations

import re

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tallystick.app import messages as plain
from tallystick.core.due import Overlay
from tallystick.web import tags, words
from tallystick.web.tags import SHAPES

register = template.Library()
_SLOT = re.compile(r"\{\w+\}")


@register.filter
def overlay_badge(overlay: Overlay) -> SafeString:
    """``Overdue by 8 days``, ``Payment due in 5 days``: word, shape and colour."""
    badge = words.badge(overlay.code)
    told = {"what": badge.word, "days": overlay.days}
    if overlay.late:
        text = ngettext("%(what)s by %(days)d day", "%(what)s by %(days)d days", overlay.days) % told
    elif overlay.days:
        text = ngettext("%(what)s: %(days)d day left", "%(what)s: %(days)d days left", overlay.days) % told
    else:
        text = _("%(what)s: today") % told
    return format_html('<span class="badge {}">{}{}</span>', badge.tone, SHAPES[badge.shape], text)


@register.filter
def days_left(due_on: int, as_of: int) -> SafeString:
    """``in 5 days``, ``today``, ``8 days late``."""
    left = due_on - as_of
    if left < 0:
        late = ngettext("%(days)d day late", "%(days)d days late", -left) % {"days": -left}
        return format_html('<span class="stop-text strong nowrap">{}</span>', late)
    if left == 0:
        return format_html('<span class="warn-text strong nowrap">{}</span>', _("due today"))
    told = ngettext("in %(days)d day", "in %(days)d days", left) % {"days": left}
    return format_html('<span class="muted nowrap">{}</span>', told)


@register.simple_tag
def amounts(pairs: tuple[tuple[str, int], ...]) -> SafeString:
    """Amounts of several currencies, one below the other."""
    lines = [format_html("<span>{}</span>", tags.money(minor, code)) for code, minor in pairs if minor]
    return (
        format_html('<span class="stack-amounts">{}</span>', SafeString("<br>".join(lines)))
        if lines
        else SafeString("")
    )


@register.simple_tag
def money_abs(minor: int, currency: str) -> SafeString | str:
    """An amount in a column that says its sign: a credit is shown without one."""
    return tags.money(abs(minor), currency)


@register.filter
def code_sentence(code: str) -> str:
    """What a finding of this kind says, without its facts."""
    return _SLOT.sub("…", _(plain.message(code).happened)).replace("….", "…")


@register.filter
def account_code(account: str) -> SafeString:
    """An account's name that may break after its colons."""
    return format_html_join(SafeString(":<wbr>"), "{}", ((word,) for word in account.split(":")))
