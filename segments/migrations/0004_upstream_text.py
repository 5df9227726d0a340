from django.db import migrations, models

import segments.validation


class Migration(migrations.Migration):
    """The column stays as it is: SQLite would make its table anew, and lose the triggers that move the version."""

    dependencies = [
        ('segments', '0003_entrance'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name='resource',
                    name='upstream',
                    field=models.CharField(blank=True, help_text='Where the gateway sends allowed requests: scheme, host and port, such as http://127.0.0.1:9001.', max_length=200, validators=[segments.validation.validate_upstream], verbose_name='upstream'),
                ),
            ],
        ),
    ]
