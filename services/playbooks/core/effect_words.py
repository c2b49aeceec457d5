"""What one must know to read what a playbook achieved: for whom it says something, and for whom not."""

from collections.abc import Iterator, Mapping
from typing import Any

from services.playbooks.core.comparing import MARGIN
from shared.words import counted, number, signed
from shared.words.means import LEAST


def notes(effect: Mapping[str, Any]) -> list[str]:
    """Sentences about the figures of one playbook, as its effect tells them."""
    said = [*_scores(effect), *_holdout(effect["holdout"])]
    if effect["kept"]:
        said.append(
            "Revenue kept is what contracts bring a month that renewed within 180 days of a firing, where the account "
            "was red or leaving and somebody had done something about it: the lower of before and after, once a "
            "contract, shared by all episodes that helped. Some of them would have renewed anyway."
        )
    if effect["episodes"]["in_shadow"]:
        said.append(f"{counted(effect['episodes']['in_shadow'], 'firing')} in shadow: nobody was told.")
    return said


def _scores(effect: Mapping[str, Any]) -> Iterator[str]:
    told = [one for one in effect["score"] if one["of"] or one["waiting"]]
    for one in told:
        days = one["days"]
        if one["difference"] is None and one["of"]:
            few = f"{counted(one['n'], 'account')} compared {days} days after"
            yield f"{few}: under {LEAST} there are counts alone, for one more could turn any figure round."
        if one["waiting"]:
            yield f"Of {counted(one['waiting'], 'firing')} the {days} days after are not over."
        if one["unknown"]:
            yield f"{counted(one['unknown'], 'account')} had no score {days} days after: most of these left."
    if any(one["of"] for one in told):
        yield (
            "Scores are compared with accounts of the same day, band and stage, at most "
            f"{counted(MARGIN, 'point')} off, that nobody touched. This is a biased comparison: people choose whom "
            "they touch, and those that they leave alone differ. It is no proof that the playbook did it."
        )


def _holdout(held: Mapping[str, Any] | None) -> Iterator[str]:
    if held is None:
        return
    for days, apart in held["score"].items():
        if apart is not None:
            low, high = (signed(round(apart[name])) for name in ("low", "high"))
            yield (
                f"{days} days after, scores of who was reached moved by {number(apart['value'], 1)} points more than "
                f"of who was held out by chance ({low} to {high})."
            )
    for name, said in (("left", "left within 90 days"), ("renewed", "renewed within 180 days")):
        if (apart := held[name]) is not None:
            low, high = (signed(round(apart[bound])) for bound in ("low", "high"))
            points = round(apart["value"])
            more = f"{abs(points)} percent points {'fewer' if points < 0 else 'more'}" if points else "as many"
            yield f"Of who was reached {more} {said} than of who was held out ({low} to {high})."
    if all(one is None for one in (*held["score"].values(), held["left"], held["renewed"])):
        yield f"Too few accounts to compare with those held out: it takes {LEAST} in both groups."
    yield (
        "Who is held out is chosen by chance: this is the honest comparison. Each account counts by its first firing."
    )
