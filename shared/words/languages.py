"""Which of the languages that there are suits somebody best, as they or others have written which one they read."""

from collections.abc import Iterable, Iterator


def closest(wanted: str | None, there: Iterable[str], default: str | None = None) -> str:
    """The language to write to somebody in: theirs as it is (`pt-BR`), else without what narrows it (`pt`, and of
    `zh-Hans-CN` first `zh-Hans`), else the default, else the first that there is."""
    known = {one.casefold(): one for one in there}
    found = (known[one] for one in _wider(wanted or "") if one in known)
    return next(found, default if default is not None else next(iter(known.values())))


def _wider(language: str) -> Iterator[str]:
    # `pt_BR.UTF-8` is how computers write it.
    parts = language.strip().casefold().replace("_", "-").partition(".")[0].split("-")
    return ("-".join(parts[:count]) for count in range(len(parts), 0, -1))
