"""What is written to the administrator, in French and English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Literal

from ari_app.threads.alarms import Alarm

__all__ = ["WORDS", "Telling", "Words", "fix", "letter", "what"]

Telling = Literal["raised", "over", "test"]


@dataclass(frozen=True, slots=True)
class Words:
    """Of one alarm in one language, with {subject} and its facts: what is wrong (begins a sentence), the fix."""

    what: str
    fix: str


WORDS: Mapping[str, Mapping[str, Words]] = {
    "fr": {
        "modem_down": Words(
            "Le modem {subject} n’est pas inscrit au réseau ({says})",
            "Regardez son voyant, sa prise USB et sa carte SIM; puis\N{NO-BREAK SPACE}: textback modem status {subject}",
        ),
        "texts_fail": Words(
            "Plus d’un dixième des textos du modem {subject} échouent ({failed} sur {tried})",
            "Voyez auprès de l’opérateur si la ligne ou le forfait de cette carte SIM est bloqué; "
            "puis\N{NO-BREAK SPACE}: textback modem send-test {subject} NUMÉRO",
        ),
        "budget_near": Words(
            "Le modem {subject} a presque épuisé son budget\N{NO-BREAK SPACE}: {carried} SMS sur {budget} en 24 heures",
            "Augmentez modem.daily_budget si le forfait le permet, ou ajoutez un modem",
        ),
        "queue_old": Words(
            "Des textos attendent depuis {minutes} minutes ({queued} dans la file)",
            "Voyez les modems et le PBX\N{NO-BREAK SPACE}: textback doctor",
        ),
        "pbx_lost": Words(
            "Asterisk n’est pas joint\N{NO-BREAK SPACE}: les appels manqués ne sont pas vus ({error})",
            "Voyez s’il tourne\N{NO-BREAK SPACE}: textback doctor",
        ),
        "store_unwritable": Words(
            "La base de textback ne peut pas être écrite\N{NO-BREAK SPACE}: aucun texto ne part ({error})",
            "Libérez de la place sur son disque, ou réparez-le; puis\N{NO-BREAK SPACE}: textback doctor",
        ),
        "disk_low": Words("Il reste {free} Mio libres dans {subject} (il en faut {needed})", "Libérez de la place sur ce disque"),
        "backup_old": Words(
            "La dernière sauvegarde a {hours} heures",
            "Voyez pourquoi\N{NO-BREAK SPACE}: journalctl -u textback-backup; puis\N{NO-BREAK SPACE}: textback backup",
        ),
        "clocks_apart": Words(
            "L’horloge de cette machine et celle d’Asterisk ont {seconds} secondes d’écart", "Tenez les deux à l’heure par NTP"
        ),
        "contacts_stale": Words(
            "Les contacts ne suivent plus la base de la clinique depuis {hours} heures ({sync_code})",
            "Voyez pourquoi\N{NO-BREAK SPACE}: textback doctor",
        ),
        "history_stale": Words(
            "Les registres d’appels du PBX ne sont pas lus depuis {hours} heures\N{NO-BREAK SPACE}: "
            "ce qui est manqué pendant un arrêt n’y serait pas retrouvé ({history_code})",
            "Voyez pourquoi\N{NO-BREAK SPACE}: textback doctor",
        ),
        "certificate_ends": Words(
            "Le certificat du portail est bon jusqu’au {until}", "Renouvelez-le, puis\N{NO-BREAK SPACE}: systemctl restart textback"
        ),
        "service_failed": Words(
            "Le service textback s’est arrêté et ne revient pas ({result})",
            "Voyez son journal\N{NO-BREAK SPACE}: journalctl -u textback; puis\N{NO-BREAK SPACE}: textback doctor",
        ),
    },
    "en": {
        "modem_down": Words(
            "The modem {subject} is not registered with the network ({says})",
            "look at its light, its USB plug and its SIM; then: textback modem status {subject}",
        ),
        "texts_fail": Words(
            "More than a tenth of the texts of the modem {subject} fail ({failed} of {tried})",
            "ask the carrier whether this SIM's line or plan is barred; then: textback modem send-test {subject} NUMBER",
        ),
        "budget_near": Words(
            "The modem {subject} has nearly spent its budget: {carried} of {budget} SMS in 24 hours",
            "raise modem.daily_budget if the plan allows it, or add a modem",
        ),
        "queue_old": Words("Texts wait for {minutes} minutes ({queued} in the queue)", "see modems and PBX: textback doctor"),
        "pbx_lost": Words("Asterisk is not reached: missed calls are not seen ({error})", "see that it runs: textback doctor"),
        "store_unwritable": Words(
            "The store cannot be written: no text goes ({error})", "free space on its disk, or mend it; then: textback doctor"
        ),
        "disk_low": Words("{free} MiB are free in {subject} ({needed} are needed)", "free space on that disk"),
        "backup_old": Words("The last backup is {hours} hours old", "see why: journalctl -u textback-backup; then: textback backup"),
        "clocks_apart": Words("This machine's clock and Asterisk's are {seconds} seconds apart", "keep both right by NTP"),
        "contacts_stale": Words(
            "Contacts are out of step with the clinic's own database for {hours} hours ({sync_code})", "see why: textback doctor"
        ),
        "history_stale": Words(
            "The PBX's own records are not read for {hours} hours: what is missed during a stop would not be found there ({history_code})",
            "see why: textback doctor",
        ),
        "certificate_ends": Words("The portal's certificate is good until {until}", "renew it, then: systemctl restart textback"),
        "service_failed": Words(
            "The service textback ended and does not come back ({result})", "see its log: journalctl -u textback; then: textback doctor"
        ),
    },
}

_FRAME = {
    "fr": {
        "raised": "Alarme",
        "over": "Fini",
        "test": "Essai",
        "since": "Depuis\N{NO-BREAK SPACE}: {since}",
        "until": "Fini depuis\N{NO-BREAK SPACE}: {over}",
        "do": "À faire\N{NO-BREAK SPACE}: {fix}.",
        "tried": "Ceci est un essai\N{NO-BREAK SPACE}: les alarmes de textback arrivent ici. Rien n’est à faire.",
        "is_over": "Ceci est réglé\N{NO-BREAK SPACE}: {what}.",
        "from": "Écrit par textback sur {host}, sans que personne ne l’ait envoyé. Personne ne lit les réponses.",
    },
    "en": {
        "raised": "Alarm",
        "over": "Over",
        "test": "Test",
        "since": "Since: {since}",
        "until": "Over since: {over}",
        "do": "To do: {fix}.",
        "tried": "This is a test: textback's alarms arrive here. Nothing is to be done.",
        "is_over": "This is over: {what}.",
        "from": "Written by textback on {host}, sent by nobody. Nobody reads answers.",
    },
}


class _Known(dict[str, object]):
    """Facts of an alarm; one written by another version may lack some."""

    def __missing__(self, key: str) -> str:
        return "–"


def what(code: str, subject: str, facts: Mapping[str, str | int], language: str = "en") -> str:
    """What is wrong, without a full stop. A code of another version says itself."""
    words = WORDS[language].get(code)
    return f"{code} {subject}".strip() if words is None else words.what.format_map(_Known(facts, subject=subject))


def fix(code: str, subject: str, language: str = "en") -> str:
    words = WORDS[language].get(code)
    return "textback doctor" if words is None else words.fix.format(subject=subject)


def letter(telling: Telling, alarm: Alarm | None, *, language: str, clinic: str, host: str, zone: tzinfo) -> tuple[str, str]:
    """Subject and body of a message. ``alarm`` None: a test."""
    frame = _FRAME[language]
    if alarm is None:
        return f"[textback] {clinic} – {frame['test']}", f"{frame['tried']}\n\n{clinic}\n\n-- \n{frame['from'].format(host=host)}\n"
    said = what(alarm.code, alarm.subject, alarm.facts, language)
    lines = [clinic, ""]
    if telling == "over":
        lines += [frame["is_over"].format(what=said), frame["since"].format(since=_time(alarm.since, zone))]
        lines += [frame["until"].format(over=_time(alarm.over, zone))] if alarm.over else []
    else:
        lines += [f"{said}.", frame["since"].format(since=_time(alarm.since, zone))]
        lines += ["", frame["do"].format(fix=fix(alarm.code, alarm.subject, language))]
    lines += ["", "-- ", frame["from"].format(host=host), ""]
    return f"[textback] {clinic} – {frame[telling]} – {said}", "\n".join(lines)


def _time(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}"
