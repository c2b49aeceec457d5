"""The `keepwell` command. Each command lives in a file of its name; here each has one line."""

import typer

from deploy.cli import alerts, deliveries, flags, found, keys, readers, tasks
from deploy.cli.accounts import accounts
from deploy.cli.demo import demo
from deploy.cli.down import down
from deploy.cli.fingerprint import fingerprint
from deploy.cli.send import send
from deploy.cli.status import status
from deploy.cli.up import up
from deploy.cli.why import why

app = typer.Typer(
    name="keepwell",
    help="Event-driven customer health: live, exact, explainable.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.command()(up)
app.command()(down)
app.command()(demo)
app.command()(send)
app.command()(accounts)
app.command()(why)
app.command()(status)
app.command()(fingerprint)
app.add_typer(tasks.app, name="tasks")
app.add_typer(alerts.app, name="alerts")
app.add_typer(flags.app, name="flags")
app.add_typer(found.app, name="found")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(keys.app, name="keys")
app.add_typer(readers.app, name="readers")
