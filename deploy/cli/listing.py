"""A list of the command line: what differs from one to the next is data, how it is asked for and shown is here."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from deploy.cli import show
from deploy.cli.client import Keepwell, connected, segment

Item = Mapping[str, Any]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]
LimitOption = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many.")]
IdArgument = Annotated[str, typer.Argument(help="Its id, or the beginning of it.")]
NoteOption = Annotated[str | None, typer.Option(help="What came of it.")]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, and how it shows an item."""

    heading: str
    cell: Callable[[Item], str | Text]
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """An option that narrows the list, and the API's parameter of that name."""

    name: str
    help: str
    default: str | None = None
    option: str | None = None
    """Where it is called otherwise than the parameter."""


@dataclass(frozen=True, slots=True)
class Move:
    """A command that moves one item, with its options by name; they go into the body as they are."""

    name: str
    """As the API calls it."""
    help: str
    said: str
    """`ID is …`, once it is done."""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list that a service holds: `keepwell NAME` shows it, `keepwell NAME MOVE ID` moves one of it."""

    help: str
    service: str
    path: str
    columns: Sequence[Column]
    empty: str
    filters: Sequence[Filter] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Parameters that every question for it has."""
    limit: int | None = None
    is_paged: bool = True
    has_list: bool = False
    """Shown by `keepwell NAME list` as well."""
    order: Callable[[Item], Any] | None = None
    moves: Sequence[Move] = ()
    after: Callable[[Keepwell, Mapping[str, Any]], None] | None = None
    """What is told beneath a list that is not empty; it gets the parameters."""

    def app(self) -> typer.Typer:
        """Its commands."""
        app = typer.Typer()
        app.callback(invoke_without_command=True, help=self.help)(self._list_command())
        if self.has_list:
            app.command("list", help=self.help)(self._list_command())
        for move in self.moves:
            app.command(move.name.replace("_", "-"), help=move.help)(self._move_command(move))
        return app

    def rows(self, items: Sequence[Item]) -> None:
        """Show items as a table."""
        show.table(
            ([column.cell(item) for column in self.columns] for item in items),
            *(column.heading for column in self.columns),
            right=[column.heading for column in self.columns if column.is_number],
            empty=self.empty,
        )

    def show(self, given: Mapping[str, Any], limit: int | None, json: bool) -> None:
        """Ask for the list and write it, as JSON or as a table."""
        with connected() as keepwell:
            if self.is_paged:
                items: list[dict[str, Any]] = list(keepwell.items(self.service, self.path, limit, **given))
            else:
                items = keepwell.get(self.service, self.path, **given)["items"][:limit]
            if self.order is not None:
                items.sort(key=self.order)
            if json:
                show.as_json(items)
                return
            self.rows(items)
            if items and self.after is not None:
                self.after(keepwell, given)

    def move(self, id: str, name: str, said: str, body: Mapping[str, Any]) -> None:
        """Move the one item whose id begins so, and say it."""
        with connected() as keepwell:
            whole = keepwell.whole_id(self.service, self.path, id)
            given = {option: value for option, value in body.items() if value is not None}
            keepwell.post(self.service, f"{self.path}/{segment(whole)}/{name}", given)
        show.say(f"{id} is {said}.")

    def _list_command(self) -> Callable[..., None]:
        def command(context: typer.Context, limit: int | None, json: bool, **given: Any) -> None:
            if context.invoked_subcommand is None:
                self.show({**self.fixed, **given}, limit, json)

        options: dict[str, tuple[Any, Any]] = {}
        for each in self.filters:
            option = typer.Option(f"--{each.option or each.name}", help=each.help)
            options[each.name] = (Annotated[str | None, option], each.default)
        shared = {"limit": (LimitOption, self.limit), "json": (JsonOption, False)}
        return _with_signature(command, {"context": (typer.Context, _REQUIRED), **options, **shared})

    def _move_command(self, move: Move) -> Callable[..., None]:
        def command(id: str, **given: Any) -> None:
            self.move(id, move.name, move.said.format(**given), given)

        options = {name: (hint, _default(hint)) for name, hint in move.options.items()}
        return _with_signature(command, {"id": (IdArgument, _REQUIRED), **options})


_REQUIRED: Final = inspect.Parameter.empty


def _default(hint: Any) -> Any:
    return None if hint.__origin__ == str | None else _REQUIRED


def _with_signature(command: Callable[..., None], parameters: Mapping[str, tuple[Any, Any]]) -> Callable[..., None]:
    """A command whose options Typer reads from a table as from a written function."""
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=hint, default=default)
            for name, (hint, default) in parameters.items()
        ]
    )
    command.__annotations__ = {name: hint for name, (hint, _) in parameters.items()}
    return command
