from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from audit import triggers


def protect(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    triggers.install(schema_editor)


def unprotect(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    triggers.remove(schema_editor)


class Migration(migrations.Migration):
    """Entries can be added and nothing else; see `audit.triggers`."""

    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunPython(protect, unprotect, elidable=False)]
