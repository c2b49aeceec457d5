"""The mappings together: each is right by itself, and no source has two."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from services.ingest.core.mapping import DEFAULT
from services.ingest.core.mapping import Mapping as Understood
from services.ingest.files.mapping import FOR_ALL, MappingFile
from shared.conditions import Problem, Refused
from shared.documents.shelf import Key, Texts, name_of
from shared.files.reading import content_of, files_in, gathered, read

SHIPPED: Final = Path(__file__).parents[1] / "mappings"
MAPPINGS: Final = "mappings"


class Mappings:
    """All mappings. What one leaves open goes by that for all; without such a document by what ships."""

    def __init__(self, files: Mapping[str, MappingFile]) -> None:
        self.files = files

    def understood(self, versions: Mapping[Key, int]) -> dict[str, Understood]:
        """Each mapping by the sources that it is for, and the one for all by "". `versions` are their documents'."""
        base = self._one(FOR_ALL, DEFAULT, versions) if FOR_ALL in self.files else DEFAULT
        found = {"": base}
        for id, file in self.files.items():
            if id != FOR_ALL:
                found |= dict.fromkeys(file.for_sources, self._one(id, base, versions))
        return found

    def _one(self, id: str, base: Understood, versions: Mapping[Key, int]) -> Understood:
        named = msgspec.structs.replace(base, id=id, version=versions.get((MAPPINGS, id)))
        return self.files[id].over(named, whole=id == FOR_ALL)

    def with_draft(self, text: bytes) -> tuple[MappingFile, "Mappings"]:
        """All of them with a draft in its place, which has no name in what is wrong. Raises `Refused`."""
        one = read(text, "", MappingFile)
        files = {id: file for id, file in self.files.items() if id != one.id} | {one.id: one}
        name = name_of((MAPPINGS, one.id))
        if problems := [replace(problem, file="") for problem in _together(files) if problem.file == name]:
            raise Refused(problems)
        return one, Mappings(files)


def read_texts(texts: Texts) -> Mappings:
    """The mappings of these documents. Raises `Refused` with all that is wrong in all of them."""
    problems, found = list[Problem](), dict[str, MappingFile]()
    for key, text in texts.items():
        with gathered(problems):
            found[key[1]] = one = read(text, name_of(key), MappingFile)
            if one.id != key[1]:
                said = f"The text says that it is `{one.id}`, and is put as `{key[1]}`: these must be the same."
                problems.append(Problem(said, one.at("id"), file=name_of(key)))
    problems += _together(found)
    if problems:
        raise Refused(problems)
    return Mappings(found)


def shipped() -> Texts:
    """The texts that ship. A file is named as its mapping."""
    return {(MAPPINGS, path.stem): content_of(path) for path in files_in(SHIPPED)}


def _together(files: Mapping[str, MappingFile]) -> Iterator[Problem]:
    """What is wrong with mappings beside each other: of two for one source, the later is told of."""
    named = dict[str, str]()
    for id, file in files.items():
        for source in file.for_sources:
            if (other := named.setdefault(source, id)) != id:
                said = f"`{source}` has a mapping already: `{other}`. A source goes by one."
                yield Problem(said, file.at_source(source), file=name_of((MAPPINGS, id)))
