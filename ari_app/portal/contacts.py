"""Contacts: who they are, found as one types; each on a page of its own, and from there to the conversation."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from ari_app.errors import NotFoundError, RefusedError, TextbackError
from ari_app.model import Kind
from ari_app.person import FIELDS, Person
from ari_app.portal.acts import number_in
from ari_app.portal.api_frame import status_of
from ari_app.portal.contact_forms import ContactForm, given_in_words, kind_in, of_fields, of_person, values_of
from ari_app.portal.entry import form
from ari_app.portal.frame import DESK, actor, page, say, see_other, wants_fragment
from ari_app.portal.inbox import said_in
from ari_app.portal.rows import view
from ari_app.portal.writing import new_page

__all__ = ["add_routes"]

_PAGE = 30
"""Contacts at once."""
_FURTHEST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """A page of contacts."""

    words: str
    kind: str
    people: tuple[Person, ...]
    offset: int
    more: bool

    @property
    def before(self) -> int:
        return max(self.offset - _PAGE, 0)

    @property
    def next(self) -> int:
        return self.offset + _PAGE


def add_routes(app: web.Application) -> None:
    """GET and POST /contacts, /contacts/new and /contacts/ID; POST /contacts/ID/release and …/delete; GET /contacts/ID/write."""
    app.router.add_get("/contacts", _list)
    # by POST: what is searched for is a patient's name, and addresses stand in logs of proxies and histories of browsers
    app.router.add_post("/contacts", _list)
    app.router.add_get("/contacts/new", _ask_new)
    app.router.add_post("/contacts/new", _new)
    app.router.add_get(r"/contacts/{contact:\d{1,15}}", _show)
    app.router.add_post(r"/contacts/{contact:\d{1,15}}", _save)
    app.router.add_post(r"/contacts/{contact:\d{1,15}}/release", _release)
    app.router.add_post(r"/contacts/{contact:\d{1,15}}/delete", _delete)
    app.router.add_get(r"/contacts/{contact:\d{1,15}}/write", _write)


def _contact_of(request: web.Request) -> int:
    return int(request.match_info["contact"])


# -- all of them


async def _list(request: web.Request) -> web.StreamResponse:
    asked = await form(request) if request.method == "POST" else dict(request.query)
    words, kind = asked.get("q", "").strip()[:200], kind_in(asked.get("kind", ""))
    offset = min(number_in(asked, "offset"), _FURTHEST) if asked.get("offset") else 0
    desk, by = request.app[DESK], actor(request)
    found = await desk.contacts(by, words, kind=kind, limit=_PAGE + 1, offset=max(offset, 0))
    shown = _Listed(words=words, kind=kind or "", people=found[:_PAGE], offset=max(offset, 0), more=len(found) > _PAGE)
    template = "_contacts.html" if wants_fragment(request) else "contacts.html"
    files = {one.id: link for one in shown.people if (link := desk.link_of(one)) is not None}
    return page(request, template, shown=shown, kinds=tuple(Kind), files=files, said=said_in(request))


# -- one of them


async def _page(
    request: web.Request, person: Person, refused: TextbackError | None = None, written: ContactForm | None = None
) -> web.Response:
    """``written``: what was sent and refused; it stays in the fields."""
    desk, by, t = request.app[DESK], actor(request), say(request)
    given = await desk.contact_given(by, person.id) if person.edited else None
    return page(
        request,
        "contact.html",
        status=200 if refused is None else status_of(refused),
        person=person,
        form=written or of_person(person, t),
        kinds=tuple(Kind),
        wrong=None if refused is None else t.refusal(refused),
        said=said_in(request),
        given=given_in_words(person, given, t),
        link=desk.link_of(person),
        rows=[view(row, t) for row in await desk.contact_threads(by, person.id)],
        thread=None,
    )


async def _show(request: web.Request) -> web.StreamResponse:
    return await _page(request, await request.app[DESK].contact(actor(request), _contact_of(request)))


async def _save(request: web.Request) -> web.StreamResponse:
    desk, by, contact = request.app[DESK], actor(request), _contact_of(request)
    written = of_fields(await form(request))
    try:
        await desk.save_contact(contact, **values_of(written), by=by)
    except NotFoundError:
        raise
    except TextbackError as error:
        return await _page(request, await desk.contact(by, contact), error, written)
    return see_other(f"/contacts/{contact}?said=contact_kept")


async def _release(request: web.Request) -> web.StreamResponse:
    """Fields that staff changed, given back to the source: one by its button, or all."""
    contact, name = _contact_of(request), (await form(request)).get("field", "")
    if name and name not in FIELDS:
        raise RefusedError("there is no such field", "reload the page and try again", code="bad_form")
    await request.app[DESK].release_contact(contact, (name,) if name else None, by=actor(request))
    return see_other(f"/contacts/{contact}?said=changed")


async def _delete(request: web.Request) -> web.StreamResponse:
    desk, by, contact = request.app[DESK], actor(request), _contact_of(request)
    try:
        await desk.delete_contact(contact, by=by)
    except NotFoundError:
        raise
    except TextbackError as error:
        return await _page(request, await desk.contact(by, contact), error)
    return see_other("/contacts?said=contact_deleted")


async def _write(request: web.Request) -> web.StreamResponse:
    """From a contact's number to its conversation, the newest of several; to the form of a first text where there is none."""
    desk, by, contact = request.app[DESK], actor(request), _contact_of(request)
    person = await desk.contact(by, contact)
    place = number_in(dict(request.query), "n")
    if not 0 <= place < len(person.numbers):
        raise NotFoundError("this contact has no such number", "go back to its page", code="no_contact")
    number = person.numbers[place].number
    there = next((row for row in await desk.contact_threads(by, contact) if row.number == number), None)
    if there is not None:
        return see_other(f"/thread/{there.thread}")
    return new_page(request, {"number": say(request).number(number)})


# -- a new one


def _new_page(request: web.Request, written: ContactForm, thread: str, refused: TextbackError | None = None) -> web.Response:
    return page(
        request,
        "contact.html",
        status=200 if refused is None else status_of(refused),
        person=None,
        form=written,
        kinds=tuple(Kind),
        wrong=None if refused is None else say(request).refusal(refused),
        said=None,
        given={},
        link=None,
        rows=[],
        thread=thread,
    )


async def _ask_new(request: web.Request) -> web.StreamResponse:
    """A new contact; of a thread, with its number, and the name the caller gave."""
    if "thread" not in request.query:
        return _new_page(request, ContactForm(), "")
    thread = number_in(dict(request.query), "thread")
    rows = await request.app[DESK].rows((thread,))
    if not rows:
        raise NotFoundError(f"there is no thread {thread}", "go back to the inbox", code="no_thread")
    number = say(request).number(rows[0].number)
    return _new_page(request, ContactForm(name=rows[0].offered or "", numbers=((number, ""),) if number else ()), str(thread))


async def _new(request: web.Request) -> web.StreamResponse:
    fields = await form(request)
    written, thread = of_fields(fields), fields.get("thread", "")
    back = f"/thread/{number_in(fields, 'thread')}" if thread else ""
    try:
        contact = await request.app[DESK].save_contact(None, **values_of(written), by=actor(request))
    except TextbackError as error:
        return _new_page(request, written, thread, error)
    return see_other(f"{back or f'/contacts/{contact}'}?said=contact_kept")
