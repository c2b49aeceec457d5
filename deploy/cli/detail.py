"""One task, alert or flag at the command line, with all that happened to it."""

from deploy.cli import show
from deploy.cli.listing import Item
from shared.words import clean


def show_item(item: Item) -> None:
    """Write it as whoever works on it reads it: what, whose, why, what to do; then its history, oldest first."""
    whose = item["assignee_name"] or "nobody"
    out = show.console()
    out.print(show.text(item["title"], "bold"))
    out.print(show.text(f"{item['account_name']} · {item['severity']} · {item['state']} · {whose}'s"))
    out.print(show.text(f"{item['playbook_title']}; {item['assigned_because']}", "dim"))
    for label, value in (("Due", item.get("due_at")), ("Snoozed until", item.get("snoozed_until"))):
        if value:
            out.print(show.text(f"{label}: {show.clock(value)}"))
    for why in item["why"]:
        out.print(show.text(f"  · {why}"))
    if item.get("do"):
        out.print(show.text(f"→ {item['do']}"))
    if item.get("over_since"):
        out.print(show.text(f"Over: {item['over_because']}", "yellow"))
    for point in item.get("checklist", ()):
        out.print(show.text(f"  {point['number']}. [{'x' if point['done'] else ' '}] {point['text']}"))
    out.print()
    if item.get("muted_until"):
        out.print(show.text(f"The account is muted until {show.clock(item['muted_until'])}.", "yellow"))
    rows = [(show.clock(row["at"]), _moved(row), row["actor"], show.text(row["note"])) for row in item["history"]]
    show.table(rows, "When", "State", "Who", "What", empty="Nothing has happened to it.")


def _moved(row: Item) -> str:
    after = clean(row["after"]).replace("_", " ")
    return after if row["before"] != row["after"] else ""
