"""`manage.py policy`: the policy as a file, and questions about it. Data on stdout, everything else on stderr."""

import os
import sys
from collections.abc import Callable
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser

from segments.management.policy_verbs import check, decide, dump, explain, load
from segments.management.policy_verbs.output import Exit, Output, VerbError

Arguments = Callable[[CommandParser], None]
Verb = Callable[[dict[str, Any], Output], Exit]
VERBS: Final[dict[str, tuple[str, Arguments, Verb]]] = {
    "load": ("load a policy file", load.add_load_arguments, load.load),
    "dump": ("print the whole policy as a file", dump.add_arguments, dump.dump),
    "explain": ("say why a request is or was allowed or denied", explain.add_arguments, explain.explain),
    "decide": ("decide many requests at once", decide.add_arguments, decide.decide),
    "impact": ("say who would gain and lose what", load.add_impact_arguments, load.show_impact),
    "check": ("check the guardrails, and look for oddities", check.add_arguments, check.check),
}
EPILOG: Final = "Exit codes: 0 done or allowed, 1 failed, 2 usage, 3 not found, 4 denied or guardrail broken."


class Command(BaseCommand):
    help = "Load, dump and question the policy."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.epilog = EPILOG
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        for name, (text, add_arguments, _run) in VERBS.items():
            add_arguments(verbs.add_parser(name, help=text, description=text))

    def execute(self, *args: Any, **options: Any) -> str | None:
        options["no_color"] = options["no_color"] or bool(os.environ.get("NO_COLOR"))
        return super().execute(*args, **options)

    def handle(self, *, verb: str, **options: Any) -> None:
        run = VERBS[verb][2]
        try:
            code = run(options, Output(self.stdout, self.stderr))
        except VerbError as error:
            self.stderr.write(str(error))
            code = error.code
        if code is not Exit.DONE:
            sys.exit(code)
