"""The `keepwell` command. Each command lives in a file of its name, each list in `lists`; here each has one line."""

import io
import os
import sys
from typing import Any

import typer

from deploy.cli import (
    accounts,
    deliveries,
    endpoints,
    erase,
    flags,
    keys,
    people,
    playbooks,
    refused,
    renewals,
    revenue,
    rules,
    show,
    suggest,
    tasks,
    templates,
)
from deploy.cli.change import change
from deploy.cli.demo import demo
from deploy.cli.down import down
from deploy.cli.facts import facts
from deploy.cli.feedback import ANSWERS, FEEDBACK
from deploy.cli.fingerprint import fingerprint
from deploy.cli.goals import GOALS, goal
from deploy.cli.lists import READERS
from deploy.cli.merge import merge
from deploy.cli.preferences import preferences
from deploy.cli.record import CONTACTS, INVOICES, SUBSCRIPTIONS, TICKETS, TIMELINE, USAGE, note
from deploy.cli.reread import reread
from deploy.cli.revenue import clv
from deploy.cli.running import with_running
from deploy.cli.send import send
from deploy.cli.status import status
from deploy.cli.tail import tail
from deploy.cli.up import up
from deploy.cli.why import why
from deploy.cli.work import ALERTS, FOUND


class Commands(typer.Typer):
    """What holds for all commands: any terminal will do, and what can't be read or written ends in a sentence."""

    def __call__(self, *given: Any, **more: Any) -> Any:
        """Run the command that is asked for, and end with its code."""
        for stream in (sys.stdout, sys.stderr):
            # None where it was closed; a terminal that knows no € gets a question mark.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        try:
            return super().__call__(*given, **more)
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            show.complain(f"It can't go on: {error.strerror or error}{where}.")
            # What could not be written would be tried again at the end, and fail aloud.
            os._exit(1)


app = Commands(
    name="keepwell",
    help="Event-driven customer health: live, exact, explainable.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.command()(up)
app.command()(down)
app.command()(reread)
app.command()(demo)
app.command()(send)
app.command()(tail)
app.command()(why)
app.command()(status)
app.command()(fingerprint)
app.command()(facts)
app.command()(note)
app.command()(clv)
app.command()(goal)
app.command()(merge)
app.command()(change)
app.command()(preferences)
app.command("goals")(GOALS.command())
app.command("timeline")(TIMELINE.command())
app.command("contacts")(CONTACTS.command())
app.command("tickets")(TICKETS.command())
app.command("invoices")(INVOICES.command())
app.command("subscriptions")(SUBSCRIPTIONS.command())
app.command("usage")(USAGE.command())
app.add_typer(accounts.app, name="accounts")
app.add_typer(ANSWERS.app(), name="answers")
app.add_typer(FEEDBACK.app(), name="feedback")
app.add_typer(revenue.app(), name="revenue")
app.add_typer(renewals.app(), name="renewals")
app.add_typer(tasks.app, name="tasks")
app.add_typer(people.app, name="people")
app.add_typer(ALERTS.app(), name="alerts")
app.add_typer(flags.app, name="flags")
app.add_typer(FOUND.app(), name="found")
app.add_typer(with_running(playbooks.app), name="playbooks")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(endpoints.app, name="endpoints")
app.add_typer(keys.app, name="keys")
app.add_typer(refused.app, name="refused")
app.add_typer(suggest.app, name="suggest")
app.add_typer(rules.app, name="rules")
app.add_typer(templates.app, name="templates")
app.add_typer(erase.app, name="erase")
app.add_typer(READERS.app(), name="readers")
