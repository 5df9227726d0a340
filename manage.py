#!/usr/bin/env python3
"""Django's command line for this project."""

import os
import sys


def settings_module() -> str:
    """`manage.py test` brings keys of its own, so that it needs no `.env` and never reads a developer's."""
    return "tests.settings" if sys.argv[1:2] == ["test"] else "ztproject.settings"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings_module())
    try:
        from django.core.management import execute_from_command_line  # noqa: PLC0415 (Django may be missing: say what to do)
    except ImportError as error:
        sys.exit(f"{error}: run `./zt setup` first, then `.venv/bin/python manage.py …`")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
