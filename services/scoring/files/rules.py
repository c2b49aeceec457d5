"""The catalogue and the scorecards together: each right by itself, and all of them beside each other."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from services.scoring.core.catalogue import Catalogue
from services.scoring.core.scorecard import Rules, rules_of
from services.scoring.files.catalogue import CatalogueFile
from services.scoring.files.scorecard import ScorecardFile
from shared.conditions import Problem, Refused, did_you_mean
from shared.documents.shelf import Key, Texts, name_of
from shared.files.reading import content_of, files_in, gathered, read, read_each

_LOG = logging.getLogger(__name__)
SHIPPED: Final = Path(__file__).parents[1] / "scorecards"
CARDS: Final = "scorecards"
CATALOGUE: Final = "catalogue", "main"
"""The one document of its kind."""
KINDS: Final = (CARDS, CATALOGUE[0])


@dataclass(frozen=True, slots=True)
class Card:
    """A scorecard with its text, and the name of the file that it is from."""

    file: str
    text: bytes
    content: ScorecardFile


@dataclass(frozen=True)
class RuleFiles:
    """The catalogue and the scorecards by id: each is right by itself, and all of them together."""

    folder: str
    catalogue: CatalogueFile | None
    catalogue_text: bytes
    cards: Mapping[str, Card]

    def __post_init__(self) -> None:
        problems = _caps_faults(self.cards)
        defaults = [id for id, one in self.cards.items() if one.content.for_accounts is None]
        if len(defaults) != 1 and not problems:
            named = ", ".join(defaults) or "none"
            said = f"There must be one scorecard without for_accounts, the default; found {named}."
            problems.append(Problem(said, file=self.folder))
        if problems:
            raise Refused(problems)

    @property
    def declared(self) -> Catalogue:
        """What the catalogue says; nothing, without one."""
        return Catalogue() if self.catalogue is None else self.catalogue.catalogue()

    @property
    def warnings(self) -> list[Problem]:
        """What merely looks wrong."""
        files = (self.catalogue, *(one.content for one in self.cards.values()))
        return [warning for one in files if one is not None for warning in one.warnings]

    @cached_property
    def rules(self) -> Rules:
        """As scoring knows them."""
        files = {id: one.content for id, one in self.cards.items()}
        return rules_of(self.declared, [card.scorecard(files) for card in files.values()])

    @property
    def texts(self) -> Texts:
        """As documents."""
        found = {(CARDS, id): one.text for id, one in self.cards.items()}
        return found if self.catalogue is None else {CATALOGUE: self.catalogue_text, **found}

    def with_card(self, text: bytes) -> tuple[ScorecardFile, "RuleFiles"]:
        """A draft of a scorecard, and all with it in place of the one of its id. Raises `Refused`."""
        card = read(text, "", ScorecardFile, self.declared)
        return card, replace(self, folder="", cards={**self.cards, card.id: Card("", text, card)})

    def with_catalogue(self, text: bytes) -> tuple[CatalogueFile, "RuleFiles"]:
        """A draft of the catalogue, and all with it. Raises `Refused`, too, with what no longer fits in which card."""
        catalogue = read(text, "", CatalogueFile)
        problems, cards = list[Problem](), dict[str, Card]()
        for id, one in self.cards.items():
            with gathered(problems):
                cards[id] = replace(one, content=read(one.text, one.file, ScorecardFile, catalogue.catalogue()))
        if problems:
            raise Refused(problems)
        return catalogue, replace(self, folder="", catalogue=catalogue, catalogue_text=text, cards=cards)


def load_files(folder: Path = SHIPPED, catalogue_file: Path | None = None) -> RuleFiles:
    """The catalogue and every scorecard of a folder; with a catalogue's file of its own, that one instead.

    Raises `Refused` with all that is wrong in all files.
    """
    problems, paths = list[Problem](), files_in(folder)
    beside = [path for path in paths if path.stem == "catalogue"]
    paths = [path for path in paths if path not in beside]
    catalogue, text = None, b""
    for path in beside if catalogue_file is None else [catalogue_file]:
        # Without it nobody knows which traits the cards may name, so its faults come alone.
        text = content_of(path)
        catalogue = read(text, str(path), CatalogueFile)
    declared = Catalogue() if catalogue is None else catalogue.catalogue()
    cards = read_each(
        paths,
        lambda data, name: Card(name, data, read(data, name, ScorecardFile, declared)),
        lambda one: one.content.id,
        problems,
    )
    if problems:
        raise Refused([*problems, *_caps_faults(cards)])
    found = RuleFiles(str(folder), catalogue, text, cards)
    for warning in found.warnings:
        _LOG.warning("%s", warning)
    return found


def read_texts(texts: Texts) -> RuleFiles:
    """The catalogue and the scorecards of these documents. Raises `Refused` with all that is wrong in all of them."""
    problems, cards, main = list[Problem](), dict[str, Card](), texts.get(CATALOGUE)
    catalogue = None if main is None else read(main, name_of(CATALOGUE), CatalogueFile)
    declared = Catalogue() if catalogue is None else catalogue.catalogue()
    for key, text in texts.items():
        if key != CATALOGUE:
            with gathered(problems):
                cards[key[1]] = Card(name_of(key), text, _card_of(key, text, declared))
    if problems:
        raise Refused(problems)
    return RuleFiles("", catalogue, main or b"", cards)


def _card_of(key: Key, text: bytes, declared: Catalogue) -> ScorecardFile:
    found = read(text, name_of(key), ScorecardFile, declared)
    if found.id != key[1]:
        said = f"The text says that it is `{found.id}`, and is put as `{key[1]}`: these must be the same."
        raise Refused([Problem(said, found.at("id"), file=name_of(key))])
    return found


def load_rules(folder: Path = SHIPPED, catalogue_file: Path | None = None) -> Rules:
    """The rules that these files are. Raises `Refused` with all that is wrong in all files."""
    return load_files(folder, catalogue_file).rules


def _caps_faults(cards: Mapping[str, Card]) -> list[Problem]:
    """What is wrong with whose caps cards take over."""
    return [fault for one in cards.values() if (fault := _caps_fault(one, cards)) is not None]


def _caps_fault(one: Card, cards: Mapping[str, Card]) -> Problem | None:
    like = one.content.caps_like
    if like is None:
        return None
    if like not in cards:
        said, hint = f"There is no scorecard `{like}`.", did_you_mean(like, cards)
    elif cards[like].content.caps_like is not None:
        said, hint = f"`{like}` takes its caps from another card: name that one.", None
    else:
        return None
    return Problem(said, one.content.at("caps_like"), hint, file=one.file)
