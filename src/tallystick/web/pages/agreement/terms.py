"""An agreement's terms as rows to read: what each is called, its value, and where the value comes from.

The origin marks belong to a profile that ships with the product. Terms that differ from every profile are shown with
their values alone: nothing is claimed about them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from tallystick.core import agreement
from tallystick.core.agreement import Allowance, OfficerSigns, Origin, Term, Terms
from tallystick.core.calendar import date_of
from tallystick.web import formats, words
from tallystick.web.words import Word

PROFILES: Mapping[str, tuple[Terms, tuple[Term, ...]]] = MappingProxyType({
    agreement.JAPAN_INDIA.code: (agreement.JAPAN_INDIA, agreement.JAPAN_INDIA_TERMS),
})  # fmt: skip

LABELS: Mapping[str, Word] = MappingProxyType({
    "code": _("Code"),
    "version": _("Version"),
    "name": _("Title"),
    "number_prefix": _("Order numbers begin with"),
    "in_force_from": _("In force from"),
    "in_force_until": _("In force until"),
    "settlement_months": _("Everything settled within"),
    "invoice_within_days": _("Invoice within"),
    "pay_within_days": _("Pay within"),
    "receipt_reminder_days": _("Receipt reminded after"),
    "receipt_escalation_days": _("Receipt escalated after"),
    "claim_window_days": _("Discrepancies claimed within"),
    "fiscal_year_first_month": _("Fiscal year begins in"),
    "rounding": _("Rounding"),
    "clock_tolerance_seconds": _("Clocks may differ by"),
    "vcf_edition": _("Fuel volume correction table"),
    "volume_tolerance_permille": _("Fuel volumes may differ by"),
    "currencies": _("Currency"),
    "situations": _("Situations"),
    "categories": _("Categories"),
    "allowed": _("What may be provided when"),
    "means": _("Settled by"),
    "blocked_groups": _("Supply groups never carried"),
    "officer_signs": _("Officers sign themselves"),
    "training": _("Training needed"),
})  # fmt: skip

BADGES: Mapping[Origin, str] = MappingProxyType({
    Origin.FACT: "fact", Origin.DEFAULT: "default", Origin.FROM_MEMORY: "from-memory",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """``origin`` is None where nobody told us where a value comes from."""

    label: Word
    value: str
    origin: Origin | None
    source: str
    link: str  # the address in the source, if there is one

    @property
    def host(self) -> str:
        return urlsplit(self.link).hostname or ""

    @property
    def badge(self) -> str:
        return BADGES[self.origin] if self.origin is not None else ""


def rows(terms: Terms) -> tuple[Row, ...]:
    """Return the terms as rows, in the order an officer reads them."""
    profile = PROFILES.get(terms.code)
    if profile is not None and profile[0] == terms:
        return tuple(_told(term, terms) for term in profile[1])
    return tuple(Row(LABELS[name], tell(terms), None, "", "") for name, tell in _VALUES.items())


def is_known_profile(terms: Terms) -> bool:
    profile = PROFILES.get(terms.code)
    return profile is not None and profile[0] == terms


def _told(term: Term, terms: Terms) -> Row:
    source, _space, link = term.source.rpartition(" ") if "://" in term.source else (term.source, "", "")
    field, _dot, part = term.name.partition(".")
    label: Word = LABELS.get(field, field)
    if part:
        label = f"{label}: {terms.categories.get(part, part)}"
    return Row(label, gettext(term.value), term.origin, gettext(source.rstrip(":")), link)


def _days(count: int) -> str:
    return ngettext("%(count)d day", "%(count)d days", count) % {"count": count}


_VALUES: Mapping[str, Callable[[Terms], str]] = MappingProxyType({
    "code": lambda t: t.code,
    "version": lambda t: str(t.version),
    "name": lambda t: t.name,
    "number_prefix": lambda t: t.number_prefix,
    "in_force_from": lambda t: formats.day(t.in_force_from),
    "in_force_until": lambda t: gettext("renews itself") if t.in_force_until is None else formats.day(t.in_force_until),
    "settlement_months": lambda t: ngettext("%(count)d month", "%(count)d months", t.settlement_months)
    % {"count": t.settlement_months},
    "invoice_within_days": lambda t: _days(t.invoice_within_days),
    "pay_within_days": lambda t: _days(t.pay_within_days),
    "receipt_reminder_days": lambda t: _days(t.receipt_reminder_days),
    "receipt_escalation_days": lambda t: _days(t.receipt_escalation_days),
    "claim_window_days": lambda t: _days(t.claim_window_days),
    "fiscal_year_first_month": lambda t: date_of(0).replace(month=t.fiscal_year_first_month).strftime("%B"),
    "rounding": lambda t: t.rounding.value,
    "clock_tolerance_seconds": lambda t: gettext("%(minutes)d minutes") % {"minutes": t.clock_tolerance_seconds // 60},
    "vcf_edition": lambda t: t.vcf_edition,
    "volume_tolerance_permille": lambda t: formats.permille(t.volume_tolerance_permille),
    "currencies": lambda t: ", ".join(f"{party}: {' '.join(codes)}" for party, codes in t.currencies.items()),
    "blocked_groups": lambda t: ", ".join(t.blocked_groups),
    "officer_signs": lambda t: str(OFFICER_SIGNS[t.officer_signs]),
    "training": lambda t: ", ".join(str(words.DUTIES[duty]) for duty in t.training) or gettext("for no duty"),
})  # fmt: skip


OFFICER_SIGNS: Mapping[OfficerSigns, Word] = MappingProxyType({
    OfficerSigns.NEVER: _("never: the node signs for them"),
    OfficerSigns.ABOVE_WRITER_CEILING: _("above the ceiling of the node that writes"),
    OfficerSigns.ALWAYS: _("every order, acceptance, amendment and payment received"),
})  # fmt: skip

ALLOWANCES: Mapping[Allowance, tuple[str, str, Word]] = MappingProxyType({
    Allowance.ALLOWED: ("good-text", "tick", _("Allowed")),
    Allowance.REFUSED: ("muted", "bar", _("Refused")),
    Allowance.NEEDS_CONSENT: ("warn-text", "warn", _("Needs consent")),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class CategoryRow:
    code: str
    title: str
    nato_class: str
    means: str
    cells: tuple[tuple[str, str, Word], ...]  # per situation: tone, shape, word


def grid(terms: Terms) -> tuple[CategoryRow, ...]:
    """Return one row per category, with a cell for each situation in the order of ``terms.situations``."""
    known = agreement.CATEGORIES
    return tuple(
        CategoryRow(
            code,
            title,
            known[code].nato_class if code in known else "",
            ", ".join(str(words.name(means)) for means in terms.means_for(code)),
            tuple(ALLOWANCES[terms.allowance(situation, code)] for situation in terms.situations),
        )
        for code, title in terms.categories.items()
    )
