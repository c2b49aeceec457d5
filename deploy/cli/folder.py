"""How documents lie in a folder: `catalogue.yaml`, `csms.yaml`, and a folder for each kind of which there are many."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from deploy.cli.client import Refused, segment
from shared.conditions import Problem, did_you_mean
from shared.conditions import Refused as FileRefused
from shared.files.nodes import Fields, load
from shared.files.reading import content_of, files_in


class Kind(NamedTuple):
    """One kind of document."""

    name: str
    service: str
    """Who keeps it."""
    mark: str
    """The field by which a text is known for one of it, where no folder says so."""
    called: str = ""
    """What it is called, where there is one document of it."""

    @property
    def path(self) -> str:
        """Where the service has it."""
        return f"/v1/{self.name}"


KINDS: Final = (
    Kind("mappings", "ingest", "for_sources"),
    Kind("catalogue", "scoring", "", "the catalogue"),
    Kind("scorecards", "scoring", "measures"),
    Kind("templates", "notifier", "languages"),
    Kind("csms", "playbooks", "csms", "the directory"),
    Kind("playbooks", "playbooks", "steps"),
)
"""In the order in which they are put in force: what others may name comes first."""
SERVICES: Final = tuple(dict.fromkeys(kind.service for kind in KINDS))
BY_NAME: Final = {kind.name: kind for kind in KINDS}
_LAYOUT: Final = (
    "Put it into scorecards/, playbooks/, templates/ or mappings/; catalogue.yaml and csms.yaml lie beside these."
)


class Document(NamedTuple):
    """A document by its kind and id."""

    kind: str
    id: str

    @property
    def path(self) -> str:
        """Where its service has it."""
        return f"{BY_NAME[self.kind].path}/{segment(self.id)}"

    @property
    def service(self) -> str:
        """Who keeps it."""
        return BY_NAME[self.kind].service

    @property
    def words(self) -> str:
        """How people call it."""
        return BY_NAME[self.kind].called or f"{self.kind}/{self.id}"

    @property
    def file(self) -> Path:
        """Where it lies in a folder; whatever its id holds, it stays inside."""
        if BY_NAME[self.kind].called:
            return Path(f"{self.kind}.yaml")
        return Path(self.kind) / f"{quote(self.id, safe=' ')}.yaml"


class Text(NamedTuple):
    """A document's text, and the file that it is in."""

    document: Document
    text: str
    file: Path


def texts_in(folder: Path) -> tuple[list[Text], set[str]]:
    """The documents of a folder, and the names of the kinds that it has. Raises what is wrong with any file."""
    found, kinds = list[Text](), set[str]()
    for path in files_in(folder):
        found.append(text_of(path))
    for below in sorted(one for one in folder.iterdir() if one.is_dir()):
        if below.name in BY_NAME and not BY_NAME[below.name].called:
            kinds.add(below.name)
            found += map(text_of, files_in(below))
        elif (hint := did_you_mean(below.name, [one.name for one in KINDS if not one.called])) is not None:
            raise FileRefused([Problem("A folder of this name holds no documents.", suggestion=hint, file=str(below))])
    return found, kinds | {one.document.kind for one in found}


def files_of(paths: list[Path]) -> Iterator[Path]:
    """These files, and those in folders among them."""
    for path in paths:
        if path.is_dir():
            yield from (one.file for one in texts_in(path)[0])
        else:
            yield path


def text_of(path: Path) -> Text:
    """The document that a file is. Raises what is wrong with it."""
    content = content_of(path)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise FileRefused([Problem("This is not UTF-8 text.", file=str(path))]) from None
    kind, root = _kind_by_name(path), None
    if kind is None or not kind.called:
        root = load(content, str(path))
        kind = kind or _kind_by_content(path, root)
    if kind.called:
        return Text(Document(kind.name, "main"), text, path)
    id = root.get("id") if isinstance(root, Fields) else None
    # Without an id it can't be right: the service says so, at its place.
    return Text(Document(kind.name, str(id) if isinstance(id, str) else path.stem), text, path)


def _kind_by_name(path: Path) -> Kind | None:
    by_folder = BY_NAME.get(path.absolute().parent.name)
    if by_folder is not None and not by_folder.called and path.stem not in ("catalogue", "csms"):
        return by_folder
    return next((one for one in KINDS if one.called and path.stem == one.name), None)


def _kind_by_content(path: Path, root: object) -> Kind:
    fields = root.keys() if isinstance(root, Fields) else ()
    found = next((one for one in KINDS if one.mark and one.mark in fields), None)
    if found is None:
        raise FileRefused([Problem("Nothing says what kind of document this is.", suggestion=_LAYOUT, file=str(path))])
    return found


def named(given: str) -> Document | str:
    """The document that somebody names: `catalogue`, `csms`, `playbooks/stalled`; or an id whose kind is not said."""
    kind, slash, id = given.partition("/")
    if (known := BY_NAME.get(kind)) is None or (slash and known.called):
        return given
    if known.called:
        return Document(kind, "main")
    if not id:
        raise Refused(404, "not_found", f"Say which of the {kind}: {kind}/ID.")
    return Document(kind, id)
