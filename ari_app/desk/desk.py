"""The desk: one object, all that a face may ask."""

from __future__ import annotations

from ari_app.desk.acting import Acting
from ari_app.desk.asking import Asking
from ari_app.desk.contacts import Contacts
from ari_app.desk.exporting import Exporting
from ari_app.desk.filing import Filing
from ari_app.desk.house import House
from ari_app.desk.looking import Looking
from ari_app.desk.privacy import Privacy
from ari_app.desk.rules import Rules
from ari_app.desk.staff import Staff
from ari_app.desk.voicemail import Voicemail
from ari_app.desk.writing import Writing

__all__ = ["Desk"]


class Desk(Looking, Writing, Acting, Asking, Contacts, Staff, House, Rules, Exporting, Filing, Voicemail, Privacy):
    """The acts of people, over the store. Every act is committed, and audited, when its call returns.

    ``by`` says who asks. Raises TextbackError alone: ``code`` for faces, ``what`` and ``fix`` in English.
    """
