from __future__ import annotations

from django.urls import path, register_converter

from tallystick.web.pages.ledger import views


class AccountConverter:
    """Account names as the posting rules make them: ``JP:ar:billed:IN``."""

    regex = r"[A-Z][A-Z0-9]{0,7}(?::[A-Za-z0-9]{1,16}){1,4}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class TwinConverter:
    regex = "csv|json"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(AccountConverter, "account")
register_converter(TwinConverter, "twin")

urlpatterns = [
    path("ledger/", views.balances, name="ledger"),
    path("ledger/balances.<twin:form>", views.balances_twin, name="ledger-balances-twin"),
    path("ledger/accounts/<account:account>/", views.account, name="ledger-account"),
    path("ledger/accounts/<account:account>.<twin:form>", views.account_twin, name="ledger-account-twin"),
    path("ledger/open/", views.open_items, name="ledger-open"),
    path("ledger/open.<twin:form>", views.open_twin, name="ledger-open-twin"),
    path("ledger/journal/", views.journal, name="ledger-journal"),
    path("ledger/journal.<twin:form>", views.journal_twin, name="ledger-journal-twin"),
    path("ledger/journal.hledger", views.journal_hledger, name="ledger-journal-hledger"),
]
