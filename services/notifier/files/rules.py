"""The templates together: each is right by itself, and none is there twice."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from services.notifier.files.template import TemplateFile
from shared.conditions import Problem, Refused
from shared.documents.shelf import Texts, name_of
from shared.files.reading import content_of, files_in, gathered, read

SHIPPED: Final = Path(__file__).parents[1] / "letters"
TEMPLATES: Final = "templates"
Templates = Mapping[str, TemplateFile]
"""By id."""


def read_texts(texts: Texts) -> Templates:
    """The templates of these documents. Raises `Refused` with all that is wrong in all of them."""
    problems, found = list[Problem](), dict[str, TemplateFile]()
    for key, text in texts.items():
        with gathered(problems):
            found[key[1]] = one = read(text, name_of(key), TemplateFile)
            if one.id != key[1]:
                said = f"The text says that it is `{one.id}`, and is put as `{key[1]}`: these must be the same."
                problems.append(Problem(said, one.at("id"), file=name_of(key)))
    if problems:
        raise Refused(problems)
    return found


def shipped() -> Texts:
    """The texts that ship. A file is named as its template."""
    return {(TEMPLATES, path.stem): content_of(path) for path in files_in(SHIPPED)}
