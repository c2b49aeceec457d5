"""The `keepwell` command. Each command lives in a file of its name; here each has one line."""

import typer

from deploy.cli.down import down
from deploy.cli.up import up

app = typer.Typer(
    name="keepwell",
    help="Event-driven customer health: live, exact, explainable.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.command()(up)
app.command()(down)
