"""Values of signed bodies in templates: ``{% value cell order %}``. What they are is decided in ``pages.wording``."""

from __future__ import annotations

from collections.abc import Mapping

from django import template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from tallystick.app.fields import kind_name
from tallystick.core.orders import OpenAct, OrderView
from tallystick.web import formats, tags
from tallystick.web.pages.wording import Value

register = template.Library()


@register.simple_tag
def value(cell: Value, order: OrderView | None = None) -> SafeString | str:
    """Return one value of a body as HTML: figures with their units, days, names, links to entries."""
    if cell.value in ("", None) or cell.value == ():
        return formats.DASH
    match cell.sort:
        case "money" if cell.measure:
            return tags.money(cell.value, cell.measure)
        case "price" if cell.measure:
            return tags.price(cell.value, cell.measure)
        case "quantity" if cell.measure:
            return tags.qty(cell.value, cell.measure)
        case "day":
            return tags.day(cell.value)
        case "hash":
            return tags.copyable(cell.value)
        case "entry":
            return _entry_link(cell.value, order)
        case "entries":
            return format_html_join(", ", "{}", ((_entry_link(ref, order),) for ref in cell.value))
    return str(cell.value)


def _entry_link(ref: object, order: OrderView | None) -> SafeString:
    """Name an entry; one of the order that is shown is linked to its page."""
    known = order is not None and ref in (*order.effective, *order.void)
    if not known or order is None:
        return format_html("<code>{}</code>", ref)
    return format_html('<a href="{}"><code>{}</code></a>', reverse("entry", args=[order.order_id, ref]), ref)


@register.filter
def is_figure(cell: Value) -> bool:
    """Whether a value belongs in a column of figures."""
    return cell.sort in {"money", "price", "quantity", "number"}


@register.filter
def item(mapping: Mapping[object, object] | None, key: object) -> object:
    """``{{ numbers|item:act.on }}``: look something up by a name that is a value."""
    return mapping.get(key, "") if mapping else ""


@register.simple_tag
def act_address(order: OrderView, act: OpenAct) -> str:
    """Return where an open act is done."""
    return reverse("act", args=[order.order_id, kind_name(act.kind), act.on])
