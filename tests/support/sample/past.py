"""The generator of the sample company's past. `python -m tests.support.sample.past` writes its file, byte for byte."""

import gzip
import io
import itertools
import json
import math
import random
from collections.abc import Iterator
from typing import Any, Final

from deploy.demo.sample import FILE
from tests.support.sample import stories
from tests.support.sample.cast import CURRENCY, MILESTONES, SEGMENT, Account, accounts
from tests.support.sample.comments import csat, note, nps
from tests.support.sample.times import day, week

SEED: Final = 20
DAYS: Final = 120
RHYTHM: Final = (1.0, 1.05, 1.05, 1.0, 0.85, 0.12, 0.08)
"""How busy the days of a week are, from Monday."""
A_DAY: Final = {"starter": 2.4, "pro": 4.6, "enterprise": 8.0}
"""Usage events of an account on a common working day."""
TICKETS_A_DAY: Final = {"starter": 0.025, "pro": 0.05, "enterprise": 0.11}
SUBJECTS: Final = (
    *("Export comes out empty", "Can't invite a colleague", "Board is slow to load", "Wrong total in a report"),
    *("Reminder mails arrive twice", "How do we archive a project?", "Calendar shows the wrong zone"),
)

Happening = dict[str, Any]


def company(rng: random.Random) -> Iterator[Happening]:
    """Everything that happened in 120 days, account by account, and the rest of this week's usage."""
    for account in accounts(rng):
        yield from _introduction(account)
        yield from _milestones(account)
        yield from _usage(rng, account)
        yield from _invoices(rng, account)
        if account.id not in stories.QUIET:
            yield from _tickets(rng, account)
            yield from _answers(rng, account)
            yield from _talks(rng, account)
    yield from stories.past()


def happening(type: str, account: Account, time: str, **data: Any) -> Happening:
    """An event as the file keeps it: without an id, its time relative."""
    return {"type": type, "account": account.id, "time": time, "data": data}


def _introduction(account: Account) -> Iterator[Happening]:
    first = max(-DAYS, account.signed)
    traits = {
        "name": account.name,
        "domain": f"{account.id}.example",
        "segment": SEGMENT[account.plan],
        "owner": account.email,
        "signed_at": day(account.signed),
        "aliases": [f"stripe:cus_{account.id}"],
    }
    yield happening("account.updated", account, day(first, 8 * 3600), traits=traits)
    yield happening(
        *("subscription.changed", account, day(first, 8 * 3600 + 1)),
        **{"mrr_minor": account.mrr_minor, "seats": account.seats} | stories.BEFORE.get(account.id, {}),
        currency=CURRENCY,
        plan=account.plan,
        renews_at=day(account.renews),
        term_months=12,
    )
    for role, title in (("admin", "Administrator"), ("finance_lead", "Head of finance"), ("champion", "Team lead")):
        person = account.contact(role)
        reads = {"language": stories.READS[person]} if person in stories.READS else {}
        yield happening(
            *("contact.updated", account, day(first, 8 * 3600 + 2)),
            contact_id=person,
            role=role,
            traits={"title": title, "email": f"{role}@{account.id}.example", **reads},
        )


def _milestones(account: Account) -> Iterator[Happening]:
    """A step about every five days after signing; who signed long ago did them before the file begins."""
    if account.signed < -DAYS:
        return
    reached = MILESTONES[:1] if account.id == stories.STUCK else MILESTONES
    for number, milestone in enumerate(reached):
        done = account.signed + 3 + 5 * number
        if done < 0:
            yield happening("milestone.reached", account, day(done, 11 * 3600), milestone=milestone)


def _usage(rng: random.Random, account: Account) -> Iterator[Happening]:
    """Everybody who uses it has a turn, and so has each feature, the first ones more often."""
    users = itertools.cycle(range(1, account.users + 1))
    turns = [name for place, name in enumerate(account.features) for _ in range(len(account.features) - place)]
    rng.shuffle(turns)
    features = itertools.cycle(turns)
    common = stories.events_a_day(account.id, A_DAY[account.plan], sum(RHYTHM))
    owing, fades, left = rng.random(), account.id in stories.FADES, 0.0
    for offset in range(max(-DAYS, account.signed + 1), 7):
        level = _level(account, offset)
        if not level:
            return
        today, owing = divmod(owing + common * RHYTHM[offset % 7], 1)
        for _ in range(int(today)):
            second, left = office_second(rng), left + (level if fades else 1)
            if left < 1:
                continue  # Where use fades, more and more of it is left out.
            left -= 1
            yield happening(
                *("usage.recorded", account, week(offset, second)),
                feature=next(features),
                quantity=5 if fades else round(rng.randint(3, 7) * level, 2),
                user_id=f"{account.id}-u{next(users)}",
            )


def _level(account: Account, offset: int) -> float:
    """How much is done, against 120 days ago's: it drifts with the mood, or goes as a story has it."""
    if offset > stories.STOPS.get(account.id, offset):
        return 0
    if account.id in stories.QUIET:
        return stories.level(account.id, offset)
    return math.exp((account.mood - 0.7) * 0.014 * (offset + DAYS))


def office_second(rng: random.Random) -> int:
    """A second of the day, most likely before noon."""
    return int(rng.triangular(7.5, 19, 10.5) * 3600)


def _tickets(rng: random.Random, account: Account) -> Iterator[Happening]:
    """The more strained an account is, the more it asks; all of it is closed a week before the demo."""
    rate = TICKETS_A_DAY[account.plan] * (2.2 - 1.5 * account.mood)
    for offset in range(max(-DAYS, account.signed + 2), -10):
        if offset % 7 > 4 or rng.random() > rate:
            continue
        number = f"T-{rng.randint(120, 9_999)}"
        second = office_second(rng)
        opened = week(offset, second)
        closed = week(offset + rng.choice((0, 1, 1, 2)), 19 * 3600 + rng.randint(0, 3 * 3600))
        ticket = {
            "ticket_id": number,
            "priority": rng.choices(("low", "normal", "high", "urgent"), (3, 6, 3, 0.3))[0],
            "opened_at": opened,
            "requester": account.contact(rng.choice(("admin", "champion"))),
            "title": rng.choice(SUBJECTS),
        }
        yield happening("ticket.opened", account, opened, **ticket)
        answered = week(offset, second + rng.randint(600, 7_000))
        yield happening("ticket.closed", account, closed, **ticket, first_response_at=answered, closed_at=closed)
        if rng.random() < 0.4:
            asked = week(offset + 3, office_second(rng))
            yield from _after_ticket(rng, account, asked, str(ticket["requester"]))


def _after_ticket(rng: random.Random, account: Account, time: str, contact: str) -> Iterator[Happening]:
    kind = {"contact_id": contact, "touchpoint": "ticket_closed", "survey_kind": "transactional"}
    good = min(1.0, max(0.0, rng.gauss(account.mood, 0.15)))
    if rng.random() < 0.5:
        yield happening("feedback.ces", account, time, score=1 + round(6 * good), **kind)
    else:
        score = 1 + round(4 * good)
        yield happening("feedback.csat", account, time, score=score, comment=csat(rng, score), **kind)


def _invoices(rng: random.Random, account: Account) -> Iterator[Happening]:
    """One every 30 days, due in 14, paid by habit."""
    for issued in range(max(-DAYS + 1, account.signed + 1) + rng.randint(0, 20), -14, 30):
        invoice = {
            "invoice_id": f"INV-{account.id}-{DAYS + issued}",
            "amount_minor": account.mrr_minor,
            "currency": CURRENCY,
            "due_at": day(issued + 14),
        }
        yield happening("invoice.issued", account, day(issued, 7 * 3600), **invoice)
        paid = issued + 14 + max(-13, account.pays_late + rng.randint(-2, 2))
        if paid < -1:
            at = day(paid, 10 * 3600 + rng.randint(0, 14_000))
            yield happening("invoice.paid", account, at, **invoice, paid_at=at)


def _answers(rng: random.Random, account: Account) -> Iterator[Happening]:
    """The quarterly question, to the three people we know; most answer, by their mood."""
    asked = -rng.randint(20, 80)
    if asked - 1 <= account.signed:
        return
    for role in ("admin", "champion", "finance_lead"):
        if rng.random() > 0.8:
            continue
        score = min(10, max(0, round(rng.gauss(10.6 * account.mood, 1.1))))
        time = week(asked + rng.randint(0, 5), office_second(rng))
        answer = {"contact_id": account.contact(role), "score": score, "touchpoint": "relationship"}
        yield happening("feedback.nps", account, time, **answer, comment=nps(rng, score), survey_id="quarterly")


def _talks(rng: random.Random, account: Account) -> Iterator[Happening]:
    """The owner talks to them every two or three weeks, and now and then writes down how it goes."""
    offset = max(-DAYS, account.signed) + rng.randint(1, 14)
    while offset < -2:
        if offset % 7 < 5:
            at = week(offset, office_second(rng))
            kind = rng.choice(("call", "call", "meeting", "email"))
            role = rng.choice(("admin", "champion"))
            yield happening("interaction.logged", account, at, kind=kind, contact_id=account.contact(role))
            if rng.random() < 0.35:
                pulse = min(10, max(1, round(rng.gauss(10 * account.mood, 1))))
                yield happening("pulse.set", account, at, score=pulse, note=note(pulse), author=account.email)
        offset += rng.randint(10, 20)


def packed() -> bytes:
    """The bytes of the file: the same for the same events."""
    made = io.BytesIO()
    with gzip.GzipFile(fileobj=made, mode="wb", compresslevel=9, mtime=0) as file:
        for event in company(random.Random(SEED)):
            file.write(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return made.getvalue()


if __name__ == "__main__":
    FILE.write_bytes(packed())
