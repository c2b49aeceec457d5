"""A list of the command line: what differs from one to the next is data, how it is asked for and shown is here."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from deploy.cli import show
from deploy.cli.client import REFUSED, Keepwell, connected, segment

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
class Move:
    """A command that moves one item, with its options by name; they go into the body as they are."""

    name: str
    """As the API calls it."""
    help: str
    said: str
    """`ID is …`, once it is done."""
    options: Mapping[str, Any] = field(default_factory=dict)
    deletes: bool = False
    """It ends the item, which is named in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list that a service holds: `keepwell NAME` shows it, `keepwell NAME MOVE ID` moves one of it."""

    help: str
    at: tuple[str, str]
    """The service, and the path there."""
    columns: Sequence[Column]
    empty: str
    filters: Mapping[str, Any] = field(default_factory=dict)
    """Options that narrow it, by the names of the API's parameters; `given` holds what they are without."""
    called: Mapping[str, str] = field(default_factory=dict)
    """The API's names of parameters where an option can't have them: `from` is a word of Python's own."""
    given: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Parameters that every question for it has."""
    limit: int | None = None
    is_paged: bool = True
    order: Callable[[Item], Any] | None = None
    moves: Sequence[Move] = ()
    beside: Callable[[Keepwell, str, Sequence[dict[str, Any]]], None] | None = None
    """Puts into the items of one account what another service knows of them."""
    after: Callable[[Keepwell, Mapping[str, Any]], None] | None = None
    """What is told beneath a list that is not empty; it gets the parameters."""
    details: Callable[[Item], None] | None = None
    """Writes one of it, with its history: `keepwell NAME show ID`."""
    is_bulk: bool = False
    """Are many moved at once, by several ids or by its filters?"""

    def app(self) -> typer.Typer:
        """Its commands."""
        app = typer.Typer()
        app.callback(invoke_without_command=True, help=self.help)(self._list_command())
        app.command("list", help=self.help)(self._list_command())
        if self.details is not None:
            app.command("show", help="Show one, with all that happened to it.")(self._show_command())
        for move in self.moves:
            app.command(move.name.replace("_", "-"), help=move.help)(self._move_command(move))
        return app

    def command(self) -> Callable[..., None]:
        """As one command: `keepwell NAME ACCOUNT` lists what one account has; without it that of all."""

        def command(account: str | None, limit: int | None, json: bool, **given: Any) -> None:
            self.show(given, limit, json, account)

        argument = Annotated[str | None, typer.Argument(help="An account's id; all without it.")]
        command.__doc__ = self.help
        return _with_signature(command, {"account": (argument, None), **self._options()})

    def rows(self, items: Sequence[Item], empty: str = "") -> None:
        """Show items as a table, or these words where there are none."""
        show.table(
            ([column.cell(item) for column in self.columns] for item in items),
            *(column.heading for column in self.columns),
            right=[column.heading for column in self.columns if column.is_number],
            empty=empty or self.empty,
        )

    def show(self, given: Mapping[str, Any], limit: int | None, json: bool, account: str | None = None) -> None:
        """Ask for the list, or one account's, and write it, as JSON or as a table."""
        service, path = self.at
        path = path if account is None else path.replace("/v1/", f"/v1/accounts/{segment(account)}/", 1)
        named = {self.called.get(name, name): value for name, value in given.items()}
        asked: dict[str, Any] = {name: _read(name, value) for name, value in named.items()}
        with connected() as keepwell:
            if self.is_paged:
                items: list[dict[str, Any]] = list(keepwell.items(service, path, limit, **asked))
            else:
                items = keepwell.get(service, path, **asked)["items"][:limit]
            if self.beside is not None and account is not None and items:
                self.beside(keepwell, account, items)
            if self.order is not None:
                items.sort(key=self.order)
            if json:
                show.as_json(items)
                return
            narrowed = any(given[name] != self.given.get(name) for name in self.filters)
            if account is not None:
                items = [{"account_id": account, **item} for item in items]
            self.rows(items, "Nothing fits what was asked for." if narrowed else "")
            if items and self.after is not None:
                self.after(keepwell, named)

    def move(self, id: str, move: Move, body: Mapping[str, Any]) -> None:
        """Move the one item whose id begins so, and say it."""
        given = _given(body)
        service, path = self.at
        with connected() as keepwell:
            if move.deletes:
                keepwell.call("DELETE", service, f"{path}/{segment(id)}")
            else:
                whole = segment(keepwell.whole_id(service, path, id))
                keepwell.post(service, f"{path}/{whole}/{move.name}", given)
        show.say(f"{id} is {move.said.format(**given)}.")

    def move_many(self, ids: Sequence[str], wanted: Mapping[str, Any], move: Move, body: Mapping[str, Any]) -> None:
        """Move these, or all that the filters name; say how many are moved, and which can't be."""
        given, (service, path) = _given(body), self.at
        moved, refused, from_there = 0, list[Item](), dict[str, Any]()
        with connected() as keepwell:
            if ids:
                which: dict[str, Any] = {"ids": [keepwell.whole_id(service, path, id) for id in ids]}
            else:
                asked = {name: _read(name, value, one_by_one=True) for name, value in wanted.items()}
                which = {"filter": {**self.fixed, **asked}}
            while True:
                came = keepwell.post(service, f"{path}/bulk", {**which, **from_there, "move": move.name, **given})
                moved, refused = moved + came["moved"], [*refused, *came["refused"]]
                if not came["more"]:
                    break
                from_there = {"cursor": came["next_cursor"]}
        show.say(f"{moved} {'is' if moved == 1 else 'are'} {move.said.format(**given)}.")
        for one in refused:
            show.complain(f"{one['id'][:_SHORT]}: {one['message']}")
        if refused:
            raise typer.Exit(REFUSED)

    def _show_command(self) -> Callable[..., None]:
        def command(id: str, json: bool) -> None:
            service, path = self.at
            with connected() as keepwell:
                whole = segment(keepwell.whole_id(service, path, id))
                found = keepwell.get(service, f"{path}/{whole}")
                if json:
                    show.as_json(found)
                elif self.details is not None:
                    self.details(found)

        return _with_signature(command, {"id": (IdArgument, _REQUIRED), "json": (JsonOption, False)})

    def _list_command(self) -> Callable[..., None]:
        def command(context: typer.Context, limit: int | None, json: bool, **given: Any) -> None:
            if context.invoked_subcommand is None:
                self.show({**self.fixed, **given}, limit, json)
            elif {**given, "limit": limit, "json": json} != {name: default for name, (_, default) in options.items()}:
                raise typer.BadParameter(f"Options of the list mean nothing to `{context.invoked_subcommand}`.")

        options = self._options()
        return _with_signature(command, {"context": (typer.Context, _REQUIRED), **options})

    def _options(self) -> dict[str, tuple[Any, Any]]:
        return {
            **{name: (hint, self.given.get(name)) for name, hint in self.filters.items()},
            **{"limit": (LimitOption, self.limit), "json": (JsonOption, False)},
        }

    def _move_command(self, move: Move) -> Callable[..., None]:
        def command(id: str, **given: Any) -> None:
            self.move(id, move, given)

        def many(ids: list[str] | None, all: bool, **given: Any) -> None:
            wanted = {name: given.pop(name) for name in self.filters}
            wanted = {name: value for name, value in wanted.items() if value is not None}
            if all != bool(wanted) or all == bool(ids):
                raise typer.BadParameter("Say which: ids, or --all with options of the list that say of what.")
            if ids and len(ids) == 1:
                self.move(ids[0], move, given)
            else:
                self.move_many(ids or (), wanted, move, given)

        options = {name: (hint, _default(hint)) for name, hint in move.options.items()}
        if not self.is_bulk:
            return _with_signature(command, {"id": (IdArgument, _REQUIRED), **options})
        filters = {name: (hint, None) for name, hint in self.filters.items()}
        return _with_signature(many, {"ids": (_IDS, None), **options, "all": (_ALL, False), **filters})


def option(help: str, *names: str) -> Any:
    """An option that holds a text."""
    return Annotated[str | None, typer.Option(*names, help=help)]


def instant(text: str) -> str | None:
    """An instant as services take it; a day begins at nine, by the clock here. None for what is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if at.tzinfo is not None:
        return text
    whole = at.replace(hour=9) if _A_DAY.fullmatch(text) else at
    return whole.astimezone().isoformat()


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    """What was said with a move, as the API takes it."""
    said = {name: value for name, value in body.items() if value is not None}
    return {name: (instant(value) or value) if name in _INSTANTS else value for name, value in said.items()}


def _read(name: str, value: Any, *, one_by_one: bool = False) -> Any:
    """A filter as the API takes it: of some there may be several, by commas."""
    if value is None or name not in (*_SEVERAL, *_INSTANTS):
        return value
    if name in _INSTANTS:
        return instant(value) or value
    several = [one.strip() for one in value.split(",")]
    return several if one_by_one or len(several) > 1 else value


_REQUIRED: Final = inspect.Parameter.empty
_SHORT: Final = 12
_SEVERAL: Final = ("state", "severity")
_INSTANTS: Final = ("since", "until", "due_at", "due_before", "opened_since")
_A_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_IDS: Final = Annotated[list[str] | None, typer.Argument(help="Their ids, or the beginnings of them.")]
_ALL: Final = Annotated[bool, typer.Option("--all", help="All that these options say: as the list takes them.")]


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
