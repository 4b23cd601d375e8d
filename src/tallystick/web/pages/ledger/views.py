from __future__ import annotations

from dataclasses import fields

from django import forms
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from tallystick.app import export
from tallystick.core.ledger import ItemState, OpenItem
from tallystick.web.pages.desk import Here, current
from tallystick.web.pages.ledger import books
from tallystick.web.pages.orders.access import for_readers
from tallystick.web.pages.orders.postings import posted
from tallystick.web.pages.twins import download, twin
from tallystick.web.people.decorators import SignedInRequest

PAGE_SIZE = 50


def _columns(row: type[export.Row]) -> list[str]:
    return [field.name for field in fields(row)]


# ---- balances


@for_readers
@require_safe
def balances(request: SignedInRequest) -> HttpResponse:
    here = current(request)
    ledger = here.desk.record.ledger
    return render(
        request,
        "ledger/balances.html",
        {
            "here": here,
            "tab": "balances",
            "mirrors": books.mirrors(here.desk, here.desk.partners[0]),
            "books": [(party, books.sections(ledger, party)) for party in _parties(here)],
            "empty": not ledger.accounts(),
        },
    )


def _parties(here: Here) -> list[str]:
    """Return the codes of all parties, ours first."""
    return [here.party, *(here.desk.party_code(partner) for partner in here.desk.partners)]


@for_readers
@require_safe
def balances_twin(request: SignedInRequest, form: str) -> HttpResponse:
    here = current(request)
    rows = [export.plain(row) for party in _parties(here) for row in export.balance_rows(here.desk.record, party)]
    return twin(here, "balances", form, _columns(export.BalanceRow), rows)


# ---- one account


@for_readers
@require_safe
def account(request: SignedInRequest, account: str) -> HttpResponse:
    here = current(request)
    ledger = here.desk.record.ledger
    if account not in ledger.accounts():
        raise Http404
    every = ledger.account_lines(account)
    currencies = sorted({line.transaction.commodity for line in every})
    chosen = request.GET.get("currency", "")
    currency = chosen if chosen in currencies else currencies[0]
    lines = [line for line in every if line.transaction.commodity == currency]
    page = Paginator(lines[::-1], PAGE_SIZE).get_page(request.GET.get("page"))
    orders = here.desk.record.orders
    return render(
        request,
        "ledger/account.html",
        {
            "here": here,
            "account": account,
            "word": books.account_word(account),
            "party": account.partition(":")[0],
            "currencies": currencies,
            "currency": currency,
            "balance": ledger.balance(account).get(currency, 0),
            "page": page,
            "lines": [(line, orders[line.transaction.order_id].number) for line in page],
        },
    )


@for_readers
@require_safe
def account_twin(request: SignedInRequest, account: str, form: str) -> HttpResponse:
    here = current(request)
    if account not in here.desk.record.ledger.accounts():
        raise Http404
    rows = (export.plain(row) for row in export.account_rows(here.desk.record, account))
    return twin(here, account.replace(":", "-"), form, _columns(export.AccountRow), rows)


# ---- open items


class OpenFilter(forms.Form):
    """Every field is a query parameter of the same name; what does not read narrows nothing."""

    side = forms.ChoiceField(
        label=_("Direction"),
        required=False,
        choices=[("", _("Both ways")), ("us", _("Owed to us")), ("them", _("Owed by us"))],
    )
    state = forms.ChoiceField(
        label=_("What"), required=False, choices=[("", _("All")), *((s.value, books.STATES[s]) for s in ItemState)]
    )
    q = forms.CharField(label=_("Order number"), required=False, max_length=40)

    def narrow(self, here: Here, items: tuple[OpenItem, ...]) -> list[OpenItem]:
        self.is_valid()
        asked = self.cleaned_data
        side, state, text = asked.get("side", ""), asked.get("state", ""), asked.get("q", "").strip().lower()
        return [
            item
            for item in items
            if here.desk.party in (item.creditor, item.debtor)
            and (not side or (item.creditor == here.desk.party) == (side == "us"))
            and (not state or item.state == state)
            and text in item.number.lower()
        ]


@for_readers
@require_safe
def open_items(request: SignedInRequest) -> HttpResponse:
    here = current(request)
    filters = OpenFilter(request.GET)
    every = here.desk.record.ledger.open_items()
    items = filters.narrow(here, every)
    page = Paginator(books.open_rows(here.desk, items, here.as_of), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(
        request,
        "ledger/open.html",
        {
            "here": here,
            "tab": "open",
            "filters": filters,
            "narrowed": len(items) != len(every),
            "page": page,
            "blocks": books.blocks(here.desk, items, here.as_of),
        },
    )


@for_readers
@require_safe
def open_twin(request: SignedInRequest, form: str) -> HttpResponse:
    here = current(request)
    kept = {
        (str(item.ref), item.state.value)
        for item in OpenFilter(request.GET).narrow(here, here.desk.record.ledger.open_items())
    }
    rows = (
        export.plain(row)
        for row in export.open_item_rows(here.desk.record, here.desk.genesis)
        if (row.entry, row.state) in kept
    )
    return twin(here, "open-items", form, _columns(export.OpenItemRow), rows)


# ---- the journal


@for_readers
@require_safe
def journal(request: SignedInRequest) -> HttpResponse:
    here = current(request)
    transactions = here.desk.record.ledger.transactions()
    page = Paginator(transactions[::-1], PAGE_SIZE).get_page(request.GET.get("page"))
    orders = here.desk.record.orders
    told = posted(page, here.desk)
    shown = [
        (transaction, orders[transaction.order_id].number, (both.ours, both.theirs))
        for transaction, both in zip(page, told, strict=True)
    ]
    return render(request, "ledger/journal.html", {"here": here, "tab": "journal", "page": page, "transactions": shown})


@for_readers
@require_safe
def journal_twin(request: SignedInRequest, form: str) -> HttpResponse:
    here = current(request)
    rows = (export.plain(row) for row in export.journal_rows(here.desk.record))
    return twin(here, "journal", form, _columns(export.JournalRow), rows)


@for_readers
@require_safe
def journal_hledger(request: SignedInRequest) -> HttpResponse:
    here = current(request)
    text = export.hledger_journal(here.desk.record, here.desk.genesis)
    return download(text.encode(), "tallystick.journal", "text/plain; charset=utf-8")
