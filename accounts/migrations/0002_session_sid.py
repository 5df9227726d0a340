import uuid

from django.db import migrations, models


def number_sessions(apps, schema_editor):
    """A number of its own for each session that is there: a default would give all of them the same."""
    sessions = apps.get_model('accounts', 'Session').objects.using(schema_editor.connection.alias)
    for key_hash in sessions.values_list('pk', flat=True).iterator():
        sessions.filter(pk=key_hash).update(sid=uuid.uuid4())


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='session',
            name='sid',
            field=models.UUIDField(default=uuid.uuid4, editable=False, null=True, verbose_name='number'),
        ),
        migrations.RunPython(number_sessions, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='session',
            name='sid',
            field=models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name='number'),
        ),
    ]
