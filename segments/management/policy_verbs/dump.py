"""`policy dump`: the whole policy as a file."""

import json
from argparse import ArgumentParser
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from segments import policyfile
from segments.management.policy_verbs.output import Exit, Output


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--format", choices=("yaml", "json"), default="yaml", help=_("default: %(default)s"))


def dump(options: dict[str, Any], output: Output) -> Exit:
    with transaction.atomic():  # on SQLite nobody writes meanwhile
        document = policyfile.dump()
    if options["format"] == "json":
        output.data(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        output.data(policyfile.as_yaml(document).rstrip("\n"))
    return Exit.DONE
