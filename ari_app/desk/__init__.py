"""What any face may do: see, write, note, tick off, call back; who may, and who is there. Each face asks here, and here are the rules."""

from ari_app.desk.base import SHELL, Dialler, Marked, Written
from ari_app.desk.checks import check_text, is_utf8, known_modem, number_or_thread, shown
from ari_app.desk.cost import Cost
from ari_app.desk.desk import Desk
from ari_app.desk.doors import Doors
from ari_app.desk.house import CANNED_PLACEHOLDERS
from ari_app.desk.rules import EmergencyWords, Stands, Wording
from ari_app.desk.staff import MadeKey, check_extension, check_login, check_name

__all__ = [
    "CANNED_PLACEHOLDERS",
    "SHELL",
    "Cost",
    "Desk",
    "Dialler",
    "Doors",
    "EmergencyWords",
    "MadeKey",
    "Marked",
    "Stands",
    "Wording",
    "Written",
    "check_extension",
    "check_login",
    "check_name",
    "check_text",
    "is_utf8",
    "known_modem",
    "number_or_thread",
    "shown",
]
