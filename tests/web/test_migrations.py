"""The tables are those the models describe, on an old database as on a new one."""

import pytest
from django.core.management import call_command
from django.db import connection

pytestmark = pytest.mark.django_db


def test_no_model_has_changed_without_its_migration():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_our_tables_do_not_collide_with_the_records():
    """Both are in one database file; the record's all begin with ``record_``."""
    assert not [name for name in connection.introspection.table_names() if name.startswith("record_")]
