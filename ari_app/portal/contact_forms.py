"""A contact as the fields of a form, both ways, and what its source says of them, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ari_app.errors import RefusedError
from ari_app.model import NO_TEXT, Kind
from ari_app.person import FIELDS, Person, PersonNumber, Record
from ari_app.portal.speech import Speech
from ari_app.portal.words import LANGUAGES

__all__ = ["ContactForm", "given_in_words", "kind_in", "of_fields", "of_person", "values_of"]

_SPARE = 2
"""Fields for further numbers, beyond those there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactForm:
    """What stands in the fields, as it was written."""

    name: str = ""
    kind: str = Kind.CLIENT.value
    language: str = ""
    tags: str = ""
    """Without ``NO_TEXT``, which has a box of its own."""
    no_text: bool = False
    numbers: tuple[tuple[str, str], ...] = ()
    """Each with its label."""

    @property
    def number_fields(self) -> tuple[tuple[str, str], ...]:
        """Those, and empty ones for more."""
        return self.numbers + (("", ""),) * _SPARE


def of_person(person: Person, t: Speech) -> ContactForm:
    """The form of a contact, numbers as people write them."""
    return ContactForm(
        name=person.name,
        kind=person.kind.value,
        language=person.language or "",
        tags=" ".join(tag for tag in person.tags if tag != NO_TEXT),
        no_text=NO_TEXT in person.tags,
        numbers=tuple((t.number(each.number), each.label or "") for each in person.numbers),
    )


def of_fields(fields: dict[str, str]) -> ContactForm:
    """What was written in the form."""
    rows = [(fields.get(f"number-{n}", "").strip(), fields.get(f"label-{n}", "").strip()) for n in range(len(fields))]
    return ContactForm(
        name=fields.get("name", "").strip(),
        kind=fields.get("kind", ""),
        language=fields.get("language", ""),
        tags=fields.get("tags", "").strip(),
        no_text=fields.get("no_text") == "1",
        numbers=tuple((number, label) for number, label in rows if number or label),
    )


def values_of(form: ContactForm) -> dict[str, Any]:
    """The form as ``desk.save_contact`` takes it. Raises RefusedError, code ``bad_form``."""
    kind = kind_in(form.kind)
    if kind is None or form.language not in ("", *LANGUAGES):
        raise RefusedError("the form holds something it does not offer", "reload the page and try again", code="bad_form")
    return {
        "name": form.name,
        "kind": kind,
        "language": form.language or None,
        "tags": (*form.tags.split(), *([NO_TEXT] if form.no_text else [])),
        "numbers": tuple(PersonNumber(number=number, label=label or None) for number, label in form.numbers),
    }


def kind_in(written: str) -> Kind | None:
    """The kind a form or an address names; None for none. Raises RefusedError, code ``bad_form``."""
    try:
        return Kind(written) if written else None
    except ValueError as error:
        raise RefusedError("there is no such kind of contact", "choose one that is offered", code="bad_form") from error


def given_in_words(person: Person, given: Record | None, t: Speech) -> dict[str, str]:
    """What the source says of each field that staff changed here; "" where it says nothing."""
    if given is None:
        return {}
    said = {
        "name": given.name,
        "kind": t(f"kind.{given.kind}"),
        "language": t(f"language.{given.language}") if given.language in LANGUAGES else "",
        "tags": " ".join(given.tags),
        "numbers": ", ".join(" ".join((t.number(each.number), each.label or "")).strip() for each in given.numbers),
    }
    return {name: said[name] for name in FIELDS if name in person.edited}
