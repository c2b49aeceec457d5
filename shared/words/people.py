"""People as others speak of them."""

from shared.words.cleaning import clean


def person(name: str | None, role: str | None) -> str:
    """`Kim (admin)`, `their admin`, or `someone there`: by as much as is known."""
    name, role = clean(name or "", 80), clean(role or "", 80).replace("_", " ")
    if name:
        return f"{name} ({role})" if role else name
    return f"their {role}" if role else "someone there"
