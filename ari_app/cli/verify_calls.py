"""``verify --calls``: every inbound call of the PBX's own records beside the calls filed here, both ways."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from ari_app.cli.access import as_owner, reading
from ari_app.cli.render import Screen
from ari_app.errors import SettingsError
from ari_app.model import Call, Outcome, Reached
from ari_app.pbx.history import Found, PbxRecords
from ari_app.settings import Settings
from ari_app.sim_calls import CONTEXT
from ari_app.threads.history import Beside

__all__ = ["Compared", "Difference", "compare", "draw_compared", "verify_calls"]

Kind = Literal["missing", "unrecorded", "otherwise"]

_USUAL = timedelta(days=7)
_YOUNG = timedelta(minutes=1)
"""A call that ended so lately may be on its way into either."""
_MARGIN = timedelta(minutes=2)
"""Records tell whole seconds: who stands at the edge is looked for beyond it."""
_FIXES = {
    "missing": "the running service files it within pbx.cdr.every; where it does not, see the item history of `textback doctor`",
    "unrecorded": "see that pbx.cdr names what this Asterisk writes to, and that cdr.conf has unanswered = yes; a call that a stop of "
    "Asterisk cut off leaves no record, and with batch = yes a record comes some minutes later",
    "unseen": "the running service settles it within pbx.cdr.every; where it does not, see the item history of `textback doctor`",
    "otherwise": "what was watched live stands; report it with `textback why ID` and its rows in the records",
}
_WORDS = {"missing": "missing here", "unrecorded": "not in the records", "otherwise": "told otherwise"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One call that the two sides do not tell alike. ``here``, ``records``: its outcome on either side, None where it is not there."""

    kind: Kind
    id: str
    started: datetime
    ended: datetime
    caller: str | None
    did: str
    here: str | None
    records: str | None
    source: str | None
    """Which records tell it: "cel" or "cdr"."""
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Inbound calls that ended from ``since`` to ``until``."""

    since: datetime
    until: datetime
    records: int
    here: int
    agree: int
    undecided: int
    """Of ``agree``: of which the records cannot tell whether somebody was reached."""
    erased: int
    """Of ``records``: whose number was erased here since. They are no difference."""
    sims: int
    """Calls to the SIMs, which no record of the PBX can have; not among ``here``."""
    cut: bool
    """The records have more rows than are read at once: the oldest are left out."""
    differences: tuple[Difference, ...]

    def document(self) -> dict[str, Any]:
        """``verify --calls --json``."""
        told = [{**asdict(each), "started": _iso(each.started), "ended": _iso(each.ended)} for each in self.differences]
        fields = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return {**fields, "since": _iso(self.since), "until": _iso(self.until), "differences": told}


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def verify_calls(settings: Settings, since: datetime | None, now: datetime) -> Compared:
    """Read both sides. ``since``: a week ago where None; never before the store's beginning, nor what is kept no longer.

    Raises SettingsError (``no_cdr``), SourceError when the records cannot be read, StoreError.
    """
    records = PbxRecords(settings)
    if not records.configured:
        raise SettingsError(
            "there are no records of the PBX to compare with", 'write [pbx.cdr] csv = "/var/log/asterisk/cdr-csv/Master.csv"', code="no_cdr"
        )
    return asyncio.run(_verified(settings, records, since or now - _USUAL, now))


async def _verified(settings: Settings, records: PbxRecords, since: datetime, now: datetime) -> Compared:
    async with reading(settings) as store:
        since = max(since, (await store.history.marks()).began)
        if settings.store.retention.calls is not None:
            since = max(since, now - settings.store.retention.calls)
        with as_owner(settings.store.path):  # as the service reads them: what root may read is no proof
            found = await asyncio.to_thread(records.read, since - _MARGIN, now)
        beside = await store.history.beside(found.calls, since - _MARGIN)
    return compare(found, beside, since, now - _YOUNG)


def compare(found: Found, beside: Beside, since: datetime, until: datetime) -> Compared:
    """What both sides say of the calls that ended in that time, by the records where they have a call."""
    told = [call for call in found.calls if since <= call.ended <= until]
    paired = {call.id for call in beside.pairs.values()}
    own = [call for call in beside.ours if call.id not in paired and since <= call.ended <= until]
    unrecorded = [call for call in own if call.context != CONTEXT]
    known = [call for call in told if call.id in beside.pairs]
    agreeing = [call for call in known if _agree(call, beside.pairs[call.id], found.source.get(call.id))]
    differences = [*_differing(found, beside, told), *(_difference("unrecorded", None, call, None) for call in unrecorded)]
    return Compared(
        since=since,
        until=until,
        records=len(told),
        here=len(known) + len(unrecorded),
        agree=len(agreeing),
        undecided=sum(call.outcome is Outcome.UNSEEN for call in agreeing),
        erased=sum(call.id in beside.erased for call in told),
        sims=len(own) - len(unrecorded),
        cut=found.cut,
        differences=tuple(sorted(differences, key=lambda each: (each.ended, each.id), reverse=True)),
    )


def _differing(found: Found, beside: Beside, told: list[Call]) -> Iterator[Difference]:
    for call in told:
        mine, source = beside.pairs.get(call.id), found.source.get(call.id)
        if mine is None and call.id not in beside.erased:
            yield _difference("missing", call, None, source)
        elif mine is not None and not _agree(call, mine, source):
            yield _difference("otherwise", call, mine, source)


def _agree(told: Call, mine: Call, source: str | None) -> bool:
    """Records that cannot tell say nothing else; of a caller who talked and was then lost they tell the talk alone.

    That is so of holding in all of them, of transfers in call detail records.
    """
    if told.outcome in (Outcome.UNSEEN, mine.outcome):
        return True
    lost = mine.handed_on and (source == "cdr" or mine.reached is Reached.HOLD)
    return lost and mine.outcome is Outcome.MISSED and told.outcome is Outcome.ANSWERED


def _difference(kind: Kind, told: Call | None, mine: Call | None, source: str | None) -> Difference:
    call = mine or told
    assert call is not None  # noqa: S101  (one of them is there)
    fix = "unseen" if kind == "otherwise" and mine is not None and mine.outcome is Outcome.UNSEEN else kind
    return Difference(
        kind,
        call.id,
        call.started,
        call.ended,
        call.caller,
        call.did,
        None if mine is None else mine.outcome.value,
        None if told is None else told.outcome.value,
        source,
        _FIXES[fix],
    )


def draw_compared(screen: Screen, found: Compared) -> None:
    """For people: the differences, each kind's fix once, and the counts."""
    if found.differences:
        screen.table(
            ("ended", "caller", "", "here", "records", "call"),
            [
                (
                    screen.time(each.ended, seconds=True),
                    screen.number(each.caller),
                    _WORDS[each.kind],
                    each.here or "–",
                    f"{each.records} ({each.source})" if each.records else "–",
                    each.id,
                )
                for each in found.differences
            ],
            whole=("ended", "caller"),
        )
        for fix in dict.fromkeys(each.fix for each in found.differences):
            kinds = dict.fromkeys(_WORDS[each.kind] for each in found.differences if each.fix == fix)
            screen.say(f"→ {', '.join(kinds)}: {fix}.")
    span = f"From {screen.time(found.since)} to {screen.time(found.until)}"
    screen.say(f"{span}: {found.records} inbound calls in the PBX's records, {found.here} here, {found.agree} told alike.")
    for count, words in (
        (found.undecided, "of which the records cannot tell whether somebody was reached"),
        (found.erased, "whose number was erased here"),
        (found.sims, "to a modem's SIM, which the PBX knows nothing of"),
    ):
        if count:
            screen.say(f"{count} {words}.")
    if found.cut:
        screen.say("The records have more rows than are read at once: take a later --since.", style="yellow")
    if not found.differences:
        screen.say("No difference.", style="green")
