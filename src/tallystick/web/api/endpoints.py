"""The endpoints. Each reads or signs through ``app``; a problem is RFC 9457 with our code and sentence."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.params.functions import Header, Query

from tallystick import __version__
from tallystick.app import alarms as app_alarms
from tallystick.app import export, fields, prove, read, write
from tallystick.app.messages import sentence
from tallystick.app.node import Desk
from tallystick.core import cose
from tallystick.core.detail import detail_of
from tallystick.core.entries import BODIES, DESK_KINDS, Draft, Duty, Kind
from tallystick.core.errors import LocalError, StoreError, TallystickError
from tallystick.core.identity import EntryRef
from tallystick.web import limits
from tallystick.web.api import shapes, tokens
from tallystick.web.api.models import ApiToken, Command
from tallystick.web.record import get_node, signed


class Api(NinjaAPI):
    """Says in its document that a problem is ``application/problem+json``, which ninja itself cannot say."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        document = super().get_openapi_schema(**options)
        for operations in document["paths"].values():
            for operation in operations.values():
                for status, response in operation["responses"].items():
                    if int(status) >= HTTPStatus.BAD_REQUEST:
                        response["content"] = {PROBLEM: response["content"].pop("application/json")}
                        response["description"] = HTTPStatus(int(status)).phrase
        return document


PROBLEM = "application/problem+json"
RETRY_SECONDS = 5  # advice to a program when the database is busy
api = Api(
    title="Tallystick",
    version=__version__,
    description="Read the record this node holds, and sign acts under the warrants of the person whose token it is.",
    urls_namespace="api",
    docs_url=None,  # the interactive page loads scripts from elsewhere; docs/reference/api.md is ours
    auth=tokens.Bearer("read"),
)
_PROBLEMS = dict.fromkeys((400, 401, 403, 404, 409, 422, 429, 503), shapes.Problem)


# ---- problems


def _problem(error: TallystickError, status: int = 0) -> HttpResponse:
    status = status or _status(error)
    facts = {name: value if isinstance(value, str | int) else str(value) for name, value in error.facts.items()}
    body = shapes.Problem(
        title=HTTPStatus(status).phrase,  # what RFC 9457 asks for beside about:blank; the code says which problem it is
        status=status,
        detail=sentence(error.code, facts),
        code=error.code,
        facts=facts,
    )
    response = HttpResponse(body.model_dump_json(), status=status, content_type=PROBLEM)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = str(RETRY_SECONDS)
    if isinstance(error, limits.TooOftenError):
        response["Retry-After"] = str(error.facts["seconds"])
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="tallystick"'
    return response


_STATUSES = {
    "token-needed": 401,
    "no-duty-here": 403,
    "too-often": 429,
    "duty-not-held": 403,
    "not-by-program": 403,
    "no-agreement-yet": 404,
    "not-there": 404,
    "unknown-entry": 404,
    "unknown-party": 404,
    "request-invalid": 422,
    "unknown-kind": 422,
}


def _status(error: TallystickError) -> int:
    if isinstance(error, StoreError):
        return 503
    if isinstance(error, fields.FieldError):
        return 422
    return _STATUSES.get(error.code) or (409 if isinstance(error, LocalError) else 500)


@api.exception_handler(TallystickError)
def _told(_request: HttpRequest, error: TallystickError) -> HttpResponse:
    return _problem(error)


@api.exception_handler(ValidationError)
def _invalid(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0] if error.errors else {}
    where = ".".join(str(part) for part in first.get("loc", ()))
    return _problem(LocalError("request-invalid", field=where, why=str(first.get("msg", ""))))


@api.exception_handler(HttpError)
def _unreadable(_request: HttpRequest, error: HttpError) -> HttpResponse:
    return _problem(LocalError("request-invalid", field="body", why=error.message), error.status_code)


@api.exception_handler(AuthenticationError)
def _stranger(_request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    return _problem(LocalError("token-needed"))


@api.exception_handler(Http404)
def _not_there(_request: HttpRequest, _error: Http404) -> HttpResponse:
    return _problem(LocalError("not-there"))


# ---- who asks, and about what


def _token(request: HttpRequest) -> ApiToken:
    row = request.auth  # type: ignore[attr-defined]  # ninja puts there what Bearer returned
    assert isinstance(row, ApiToken)
    return row


def _desk(request: HttpRequest, *parameters: str) -> Desk:
    """Return the desk as it is now, after refusing query parameters that nobody reads: a misspelt filter tells all."""
    for name in request.GET:
        if name not in parameters:
            known = ", ".join(parameters) or "none"
            raise LocalError("request-invalid", field=f"query.{name}"[:100], why=f"no such parameter; known: {known}")
    desk = get_node().desk()
    desk.refresh()
    return desk


def _reader(request: HttpRequest) -> read.Reader:
    return read.Reader(_token(request).person.duties_held)


def _detail(request: HttpRequest, desk: Desk, name: str) -> read.OrderDetail:
    detail = read.order(desk, EntryRef.parse(name), _reader(request), read.today(desk))
    if detail is None:
        raise Http404
    return detail


# ---- reading


@api.get("status", response={200: shapes.StatusShape, **_PROBLEMS})
def status(request: HttpRequest) -> shapes.StatusShape:
    """How this node stands: what it holds, and whether the partner has acknowledged it."""
    desk = _desk(request)
    step = read.in_step(desk)
    return shapes.StatusShape(
        agreement=desk.name,
        space=desk.id.hex(),
        party=desk.party_code(desk.party),
        now=dt.datetime.fromtimestamp(desk.clock.now(), dt.UTC),
        entries=desk.record.entry_count,
        digest=desk.record.digest.hex(),
        in_step=step.in_step,
        partner_has_not_acknowledged=step.theirs_missing,
        findings=len(desk.record.findings),
        alarms=len(app_alarms.standing(desk)),
    )


@api.get("orders", response={200: shapes.OrderListShape, **_PROBLEMS})
def orders(
    request: HttpRequest,
    state: str = Query("", max_length=20),
    side: str = Query("", max_length=20),
    partner: str = Query("", max_length=20),
    standing: str = Query("", max_length=20),
    late: str = Query("", max_length=30),
    place: str = Query("", max_length=16),
    q: str = Query("", max_length=100),
    sort: str = Query("-need", max_length=20),
    page: int = Query(1, ge=1, le=1_000_000),
    size: int = Query(50, ge=1, le=500),
) -> shapes.OrderListShape:
    """Orders of this party, narrowed and sorted as on the page."""
    desk = _desk(request, *(field.name for field in dataclasses.fields(read.Filters)), "page", "size")
    wanted = read.Filters(
        state=state, side=side, partner=partner, standing=standing, late=late, place=place, q=q, sort=sort
    )
    found = read.orders(desk, wanted, read.today(desk), page, size)
    return shapes.OrderListShape(
        orders=[shapes.OrderRowShape.of(row) for row in found.rows],
        total=found.total,
        page=found.page,
        pages=found.pages,
    )


@api.get("orders/{name}", response={200: shapes.OrderShape, **_PROBLEMS})
def order(request: HttpRequest, name: shapes.EntryName) -> shapes.OrderShape:
    """One order with its lines, entries, findings and what it waits for."""
    desk = _desk(request)
    return shapes.OrderShape.of(_detail(request, desk, name), desk.party_code(desk.party))


_FILE = {"description": "The file.", "content": {"application/octet-stream": {"schema": {"type": "string"}}}}


@api.get("orders/{name}/evidence", response=_PROBLEMS, openapi_extra={"responses": {200: _FILE}})
def evidence(
    request: HttpRequest,
    name: shapes.EntryName,
    whole: bool = Query(False),
) -> HttpResponse:
    """The order's evidence file (docs/spec/evidence.md); ``whole`` shows every leaf of every log."""
    desk = _desk(request, "whole")
    detail = _detail(request, desk, name)
    data = prove.prove(desk, detail.view.order_id, whole=whole)
    disposition = f'attachment; filename="{prove.file_name(detail.view.number)}"'
    return HttpResponse(data, content_type="application/octet-stream", headers={"Content-Disposition": disposition})


@api.get("entries/{name}", response={200: shapes.EntryShape, **_PROBLEMS})
def entry(request: HttpRequest, name: shapes.EntryName) -> shapes.EntryShape:
    """One signed entry, in a reader's terms."""
    desk = _desk(request)
    found = desk.space.entry(EntryRef.parse(name))
    order_id = desk.record.subject_of(found.ref)
    if order_id is not None and order_id in desk.record.orders:
        for item in read.timeline(desk, order_id):
            if item.ref == found.ref:
                return shapes.EntryShape.of(item)
    return shapes.EntryShape.of(read.describe(desk, found, fields.Context()))


@api.get("findings", response={200: list[shapes.FindingShape], **_PROBLEMS})
def findings(request: HttpRequest) -> list[shapes.FindingShape]:
    """What someone should look at."""
    return [shapes.FindingShape.of(finding) for finding in _desk(request).record.findings]


@api.get("alarms", response={200: list[shapes.AlarmShape], **_PROBLEMS})
def alarms(request: HttpRequest) -> list[shapes.AlarmShape]:
    """What the operator must hear of: two histories, two readings, what was refused. Those put away come last."""
    return [shapes.AlarmShape.of(alarm) for alarm in app_alarms.gather(_desk(request))]


@api.get("ledger/balances", response={200: list[shapes.BalanceShape], **_PROBLEMS})
def balances(request: HttpRequest, party: str = Query("", max_length=16)) -> list[shapes.BalanceShape]:
    """The trial balance of this party, or of the partner as computed here."""
    desk = _desk(request, "party")
    code = party or desk.party_code(desk.party)
    desk.genesis.party_number(code)
    return [
        shapes.BalanceShape(account=row.account, currency=row.currency, debit=row.debit, credit=row.credit)
        for row in export.balance_rows(desk.record, code)
    ]


@api.get("ledger/journal", response={200: list[shapes.TransactionShape], **_PROBLEMS})
def journal(
    request: HttpRequest, order: str = Query("", pattern=r"^([0-9]{1,16}\.[0-9]{1,16})?$")
) -> list[shapes.TransactionShape]:
    """Every transaction, or those of one order."""
    record = _desk(request, "order").record
    if not order:
        found = record.ledger.transactions()
    elif (name := EntryRef.parse(order)) in record.orders:
        found = record.ledger.transactions_of(name)
    else:
        raise Http404
    return [shapes.TransactionShape.of(transaction) for transaction in found]


# ---- signing


def _draft(request: HttpRequest, desk: Desk, command: shapes.ActCommand) -> Draft:
    """Return the draft of a command, under the warrant of the token's person."""
    kind = fields.kind_named(command.kind)
    if kind in DESK_KINDS:  # whoever could sign these could give themselves any warrant
        raise LocalError("not-by-program", kind=command.kind)
    on = EntryRef.parse(command.on) if command.on else None
    context = fields.Context()
    duties = read.duties_for(kind)
    if on is not None:
        target = desk.space.entry(on)
        if kind is Kind.CORRECTION:
            duties = read.duties_for(Kind(target.kind)) if target.kind in BODIES else duties
        order_id = desk.record.subject_of(on)
        view = desk.record.orders.get(order_id) if order_id is not None else None
        context = read.context_of(view) if view else context
    appointment = _token(request).person.appointment_for(desk.id, *[Duty(duty) for duty in duties])
    if appointment is None:
        wanted = ", ".join(fields.code_name(duty) for duty in duties)
        raise LocalError("duty-not-held", kind=command.kind, duties=wanted or "any")
    body = fields.from_json(kind, command.fields, who=appointment.grant, context=context)
    auth = cose.envelope(bytes.fromhex(command.signature)) if command.signature else None
    detail = detail_of(command.remark, attachments=[one.value() for one in command.attachments])
    return Draft(body, obj=on, detail=detail, t=command.at if auth is not None else None, auth=auth)


@api.post("preview", response={200: shapes.PreviewShape, **_PROBLEMS}, auth=tokens.Bearer("act"))
def preview(request: HttpRequest, command: shapes.ActCommand) -> shapes.PreviewShape:
    """What signing this would mean. Signs and stores nothing."""
    desk = _desk(request)
    seen = write.preview(desk, _draft(request, desk, command))
    return shapes.PreviewShape(
        would_count=not seen.trial.void,
        leaf=seen.leaf.hex(),
        at=seen.entry.t,
        officer_signs=seen.own.to_sign.hex() if seen.own is not None else "",
        findings=[shapes.FindingShape.of(finding) for finding in seen.trial.findings],
        transactions=[shapes.TransactionShape.of(transaction) for transaction in seen.trial.transactions],
        looked_at=seen.order_digest.hex() if seen.order_digest else "",
    )


@api.post("acts", response={201: shapes.SignedShape, **_PROBLEMS}, auth=tokens.Bearer("act"))
def act(
    request: HttpRequest,
    command: shapes.ActCommand,
    idempotency_key: str = Header(..., alias="Idempotency-Key", pattern=r"^[A-Za-z0-9_.:-]{1,64}$"),
) -> HttpResponse:
    """Sign one act. The same key with the same command gives the same answer and signs nothing more."""

    def do() -> tuple[int, dict[str, Any]]:
        desk = _desk(request)
        looked_at = bytes.fromhex(command.looked_at) or None
        entry = write.sign(desk, _draft(request, desk, command), looked_at=looked_at)
        order_id = desk.record.subject_of(entry.ref)
        view = desk.record.orders.get(order_id) if order_id is not None else None
        return 201, shapes.SignedShape(
            entry=str(entry.ref),
            order=str(view.order_id) if view else None,
            state=view.state if view else None,
            digest=desk.record.order_digest(view.order_id).hex() if view else None,
        ).model_dump()

    code, body = _once(_token(request), idempotency_key, request.body, do)
    signed()
    return HttpResponse(json.dumps(body), status=code, content_type="application/json")


def _once(
    token: ApiToken, key: str, request: bytes, do: Callable[[], tuple[int, dict[str, Any]]]
) -> tuple[int, dict[str, Any]]:
    """Answer a command once. One that began and whose answer was lost is said to be so, not done again.

    Raises:
        LocalError: ``command-differs`` (the key was used for something else) or ``command-unfinished``.
    """
    digest = salted_hmac(
        "tallystick.api.command", request, algorithm="sha256"
    ).hexdigest()  # keyed: it outlives an erasure
    try:
        with transaction.atomic():
            row = Command.objects.create(token=token, key=key, digest=digest, at=tokens.clock.now())
    except IntegrityError:
        row = Command.objects.get(token=token, key=key)
        if row.digest != digest:
            raise LocalError("command-differs", key=key) from None
        if not row.status:
            raise LocalError("command-unfinished", key=key) from None
        return row.status, row.body
    try:
        row.status, row.body = do()
    except TallystickError as error:
        if error.code != "store-gone":  # lost while writing: whether it was signed is not known, so the key stays
            row.delete()  # nothing was signed: the same key may try again
        raise
    row.save(update_fields=["status", "body"])
    return row.status, row.body
