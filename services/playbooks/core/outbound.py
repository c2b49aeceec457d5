"""What episodes ask for that nobody works through.

The notifier is asked for surveys, messages to contacts and webhooks. Traits and owners an `account.updated` sets, as
anybody's event would: how the account stands is scoring's to say.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from services.playbooks.core.assignment import Assignment, Load, assign
from services.playbooks.core.books import booking, promised, value_of
from services.playbooks.core.changes import Changes
from services.playbooks.core.directory import Csm, Directory
from services.playbooks.core.episode import Move
from services.playbooks.core.message import Errand, request
from services.playbooks.core.playbook import Playbook, Step
from services.playbooks.core.readable import readable
from services.playbooks.core.rules import Rules
from services.playbooks.core.standing import owner, set_too_often, stand_already
from shared.messages.actions import SENDINGS, ContactCard, SurveyCard, WebhookCard

OUTBOUND: Final = frozenset({*SENDINGS, "trait", "assign_owner"})


def carry_out(errand: Errand, changes: Changes, loads: dict[str, Load], rules: Rules) -> None:
    """Ask for it, and say so in the episode's history."""
    asked, playbook, _, visit = errand
    chosen, now = playbook.every_step[asked.step], visit.look.now
    held_out = changes.episodes[asked.episode].held_out
    only_decides = playbook.shadow or held_out
    if asked.kind in SENDINGS:
        words = _words(chosen, playbook)
        if chosen.to_contact and _contact(errand) is None:
            _note(errand, changes, f"did not {words}: the event names nobody, or they were erased")
            return
        if not only_decides:
            message = request(errand, Assignment(None, ""), rules.render)
            card = _card(chosen, errand, rules.directory)
            changes.tell(msgspec.structs.replace(message, title=words, **card), now, visit.headers)
            changes.note_sent(asked.episode, asked.id, now)
    else:
        traits, words, to = _traits(errand, chosen, loads, rules)
        stands = changes.standings[visit.stands.account]
        if traits and stand_already(stands, traits):
            _note(errand, changes, _already(traits, to))
            return
        if (often := set_too_often(stands, traits, now)) is not None and not only_decides:
            said = f"did not {words}: playbooks set {often} so often within a day that they may undo each other's work"
            changes.circling.append(_note(errand, changes, said))
            return
        if traits and not only_decides:
            changes.update_account(stands.account, traits, asked.id, now, visit.headers)
            changes.outward.traits_set(stands, traits, playbook.name, asked.episode, now)
            if to is not None:
                _count(changes, stands.account, to, loads, rules, now)
    said = f"held out: would {words}" if held_out else f"would {words}"
    _note(errand, changes, said if only_decides else f"asked to {words}")


def _note(errand: Errand, changes: Changes, said: str) -> Move:
    """Say so in the episode's history."""
    episode = changes.episodes[errand.ask.episode]
    move = Move(episode.id, errand.visit.look.now, episode.state, episode.state, said, "keepwell")
    changes.moves.append(move)
    return move


def _already(traits: Mapping[str, Any], to: Csm | None) -> str:
    """That there is nothing to set."""
    if to is not None:
        return f"the account is {to.name}'s already"
    return "; ".join(f"{name} is {value} already" for name, value in traits.items())


def _words(chosen: Step, playbook: Playbook) -> str:
    to = " and ".join(role.replace("_", " ") for role in chosen.roles)
    if chosen.to_contact:
        answered = (playbook.on_event or "").startswith("feedback.")
        to = "whoever answered" if answered else "whom it is about"
    match chosen.kind:
        case "survey":
            return f"ask {to} by the survey {chosen.name}"
        case "message":
            return f"write to {to} by the template {chosen.name}"
        case _:
            return f"call the webhook {chosen.name}"


def _card(chosen: Step, errand: Errand, directory: Directory) -> dict[str, Any]:
    roles = list(chosen.roles)
    match chosen.kind:
        case "survey":
            return {"survey": SurveyCard(survey=chosen.name, roles=roles)}
        case "message":
            whose = directory.owner(owner(errand.visit.stands))
            card = ContactCard(
                template=chosen.name,
                roles=roles,
                consent=chosen.consent,
                contact_id=_contact(errand) if chosen.to_contact else None,
                facts=readable(errand.visit.stands, errand.episode.event, to_contact=chosen.to_contact),
                sender=whose.recipient if whose is not None else None,
            )
            return {"message": card}
        case _:
            return {"webhook": WebhookCard(endpoint=chosen.name)}


def _contact(errand: Errand) -> str | None:
    """Whom the event names that fired."""
    named = errand.episode.event.data.get("contact_id") if errand.episode.event is not None else None
    return named if isinstance(named, str) else None


def _count(changes: Changes, account: str, to: Csm, loads: dict[str, Load], rules: Rules, now: datetime) -> None:
    """Whoever gets an account is looked after by that, before an assessment tells so: the next may be somebody
    else's."""
    before = changes.standings[account]
    stands = changes.standings[account] = promised(before, to.email or to.id, now)
    turn = max((load.turn for load in loads.values()), default=0) + 1
    for sign, one in ((-1, booking(before)), (1, booking(stands))):
        whose = rules.directory.owner(one.owner) if one is not None else None
        if one is not None and whose is not None and whose.id in loads:
            had, worth = loads[whose.id], value_of(one.mrr_minor, one.currency, rules.declared.rates)
            loads[whose.id] = had._replace(accounts=had.accounts + sign, mrr=had.mrr + sign * worth)
    if to.id in loads:
        loads[to.id] = loads[to.id]._replace(turn=turn)


def _traits(
    errand: Errand, chosen: Step, loads: Mapping[str, Load], rules: Rules
) -> tuple[dict[str, Any], str, Csm | None]:
    """What is to be set, if anything, the same in words, and who is the owner now."""
    if chosen.kind == "trait":
        said = ", ".join(f"{name} to {value}" for name, value in chosen.traits.items())
        return dict(chosen.traits), f"set {said}", None
    look = errand.visit.look
    found = assign(chosen.assign, owner(errand.visit.stands), rules.directory, loads, look.now, needs_room=False)
    if found.to is None or found.last_resort or found.to.email is None:
        # Who takes what nobody else can is no owner.
        return {}, f"give the account an owner, and found none: {found.because}", None
    return {"owner": found.to.email}, f"give the account to {found.to.name}: {found.because}", found.to
