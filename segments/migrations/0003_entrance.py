from django.db import migrations


def add_the_entrance(apps, schema_editor):
    """The built-in segment `portal` of an earlier release lacks the page that leads to applications."""
    using = schema_editor.connection.alias
    resources = apps.get_model('segments', 'Resource').objects.using(using)
    portal = apps.get_model('segments', 'Segment').objects.using(using).filter(slug='portal', built_in=True).first()
    if portal is not None and not resources.filter(view='segments:enter').exists():
        resources.create(segment=portal, kind='view', name='segments:enter', view='segments:enter')


class Migration(migrations.Migration):

    dependencies = [
        ('segments', '0002_assertion_key'),
    ]

    operations = [
        migrations.RunPython(add_the_entrance, migrations.RunPython.noop),
    ]
