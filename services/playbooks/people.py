"""The directory of CSMs from YAML, checked at start."""

from collections.abc import Iterable
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.playbooks.core.assignment import Person
from services.playbooks.core.directory import Absence, Csm, Directory
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.workinghours import Hours
from services.playbooks.files import DAYS, CsmFile, DirectoryFile
from shared.conditions import Position, position_of
from shared.conditions.loading import Problems, convert, load_yaml
from shared.settings import SettingsError


def load_people(path: Path) -> Directory:
    """The directory in a file; an empty one when there is no file. Raises `Refused`."""
    if not path.is_file():
        return Directory()
    return read_people(path.read_text(encoding="utf-8"), str(path))


def read_people(text: str, name: str) -> Directory:
    """The directory in a YAML text. Raises `Refused`."""
    node = load_yaml(text, name)
    if node is None:
        return Directory()
    file = convert(node, DirectoryFile, name, texts=True)
    problems = Problems(name)
    seen: set[str] = set()
    ids = {one.id.lower() for one in file.csms}
    found = []
    for place, one in enumerate(file.csms):
        at = position_of(node["csms"], place)
        names = {one.id.lower(), (one.email or one.id).lower()}
        if names & seen:
            problems.add(f"`{one.id}` is there twice, by id or e-mail.", at)
        if one.manager is not None and one.manager.lower() not in ids:
            problems.add(f"The manager `{one.manager}` is not in the directory.", at)
        seen |= names
        found.append(_csm(one, file, problems, at))
    problems.settle()
    return Directory(tuple(csm for csm in found if csm is not None))


def check_named(playbooks: Iterable[Playbook], directory: Directory) -> None:
    """Raise `SettingsError` when a playbook names a person who is neither in the directory nor an e-mail address."""
    for playbook in playbooks:
        for rule in (rule for one in playbook.steps for rule in one.assign):
            if isinstance(rule, Person) and "@" not in rule.name and directory.find(rule.name) is None:
                raise SettingsError(
                    f"The playbook {playbook.id} names {rule.name!r}, who is not in the directory of CSMs."
                )


def _csm(one: CsmFile, file: DirectoryFile, problems: Problems, at: Position | None) -> Csm | None:
    try:
        ZoneInfo(one.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problems.add(f"There is no time zone `{one.time_zone}`; write one such as Europe/Berlin.", at)
        return None
    try:
        start, end = (time.fromisoformat(part) for part in one.hours.split("-"))
    except ValueError:
        start = end = time()
    if start >= end:
        problems.add(f"`{one.hours}` are no working hours; write them as 09:00-17:00.", at)
        return None
    return Csm(
        id=one.id,
        name=one.name,
        email=one.email,
        slack=one.slack,
        hours=Hours(
            time_zone=one.time_zone,
            days=tuple(sorted(DAYS.index(day) for day in one.days)),
            start=start,
            end=end,
            holidays=tuple(sorted({*file.holidays, *one.holidays})),
        ),
        away=tuple(Absence(away.first, away.last) for away in one.away),
        tier=one.tier,
        skills=tuple(one.skills),
        capacity=one.capacity,
        manager=one.manager,
    )
