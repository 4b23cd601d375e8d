"""Schemathesis against the API in this process: what the OpenAPI document promises is what is answered.

Every run asks the same questions (no random seed, no memory between runs), so a failure here can be repeated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.test import Client
from hypothesis import HealthCheck, Phase, settings
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tests.nodes import agreed, delivered
from tests.web.conftest import Stage
from tests.web.test_api import SHIP, Program, Programs

from tallystick.app import read
from tallystick.app.fields import kind_name
from tallystick.core.entries import DESK_KINDS, Kind
from tallystick.web import limits, record
from tallystick.web.api.endpoints import api

EXAMPLES = 15  # of each operation, beside the edges of every field
DOCUMENT = "/api/v1/openapi.json"
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"


@pytest.fixture
def program(stage: Stage) -> Iterator[Program]:
    """The ship's computer, with an order on the node to ask about."""
    delivered(stage.director, agreed(stage.director))
    stage.director.exchange()
    program = Programs(stage).of(*SHIP)
    before = record.set_node(program.node)
    yield program
    record.set_node(before)


def _document() -> schemathesis.BaseSchema:
    generation = GenerationConfig(
        deterministic=True, max_examples=EXAMPLES, database="none", with_security_parameters=False
    )
    project = ProjectConfig(generation=generation)
    config = SchemathesisConfig(seed=1, projects=ProjectsConfig(default=project))
    return schemathesis.openapi.from_wsgi(DOCUMENT, get_wsgi_application(), config=config)


schema = _document()


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
def test_every_answer_keeps_the_documents_promise(case: schemathesis.Case, program: Program):
    limits.forget()  # a question of its own, not one of hundreds in a second
    headers = {"Authorization": f"Bearer {program.secret}", "Accept-Encoding": "identity"}
    # What the fields of a kind must be is in docs/reference/acts.md, finer than the document can say.
    finer = [positive_data_acceptance] if case.method == "POST" else []
    case.call_and_validate(headers=headers, excluded_checks=finer)


# ---- the page people read


PAGE = REFERENCE.read_text(encoding="utf-8")
OPERATIONS = sorted(
    (method.upper(), path.removeprefix("/api/v1/"), operation)
    for path, operations in api.get_openapi_schema()["paths"].items()
    for method, operation in operations.items()
)


def test_every_path_is_on_the_page_and_no_other():
    told = re.findall(r"^\| `(GET|POST) ([^`]+)` \|", PAGE, re.MULTILINE)
    assert sorted(told) == [(method, path) for method, path, _ in OPERATIONS]


def test_every_parameter_and_status_is_on_the_page():
    for _, path, operation in OPERATIONS:
        for name in [parameter["name"] for parameter in operation.get("parameters", [])]:
            assert re.search(rf"`{name}`|{{{name}}}|`{name}=", PAGE), (path, name)
        for status in {int(status) for status in operation["responses"]} - {200, 201}:
            assert re.search(rf"^\| [0-9, ]*{status}[0-9, ]* \|", PAGE, re.MULTILINE), (path, status)


def test_the_filters_of_the_page_are_those_of_the_list():
    (operation,) = [operation for _, path, operation in OPERATIONS if path == "orders"]
    known = {parameter["name"] for parameter in operation["parameters"]}
    assert known == {field.name for field in fields(read.Filters)} | {"page", "size"}


def test_the_document_names_every_kind_a_program_can_sign():
    kinds = api.get_openapi_schema()["components"]["schemas"]["ActCommand"]["properties"]["kind"]["enum"]
    assert kinds == [kind_name(kind) for kind in Kind if kind not in DESK_KINDS]


def test_the_document_needs_no_token_and_reads_as_json(client: Client):
    answer = client.get(DOCUMENT)
    assert answer.status_code == 200
    assert answer.json()["info"]["title"] == "Tallystick"


def test_what_the_page_shows_is_what_is_answered(program: Program, stage: Stage):
    """The example, run: its commands have the fields and its answers the members that are shown."""
    example = PAGE.partition("$ cat receipt.json\n")[2].partition("$ curl")[0]
    shown = json.loads(example)
    (row,) = program.get("orders", state="in-delivery", q="natsuzora").json()["orders"]
    order = program.get(f"orders/{row['order']}").json()
    (wanted,) = [act for act in order["next_acts"] if act["primary"]]
    lines = [{**shown["fields"]["lines"][0], "line": 1, "accepted": "40", "refused": "60"}]
    command = {**shown, "on": wanted["on"], "looked_at": order["digest"], "fields": {**shown["fields"], "lines": lines}}
    preview, signed = program.post("preview", command), program.post("acts", command, key="pier-3-2027-02-20")
    assert (preview.status_code, signed.status_code) == (200, 201)
    answers = PAGE[PAGE.index("```console") : PAGE.index("## Tokens")]
    for answer in (row, order, wanted, preview.json(), signed.json()):
        assert any(f'"{name}"' in answers for name in answer)
    assert set(signed.json()) == {"entry", "order", "state", "digest"}
