"""The words on desk phones, in French and English: short, for 16 to 40 characters a line. Soft keys have at most ten characters."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ari_app.model import Language

__all__ = ["DIAL_IN", "WORDS", "Words"]

DIAL_IN = "Composez *767\nDial *767\n"
"""What a phone whose screens nobody knows is told: the voice menu works on any."""

_WORDS: dict[str, tuple[str, str]] = {
    # soft keys
    "open": ("Ouvrir", "Open"),
    "call": ("Appeler", "Call"),
    "next": ("Suite", "Next"),
    "exit": ("Quitter", "Exit"),
    "back": ("Retour", "Back"),
    "reply": ("Répondre", "Reply"),
    "done": ("Réglé", "Done"),
    "send": ("Envoyer", "Send"),
    "change": ("Modifier", "Change"),
    "erase": ("Effacer", "Erase"),
    "mode": ("Abc", "Abc"),
    "cancel": ("Annuler", "Cancel"),
    "list": ("Liste", "List"),
    "decline": ("Refuser", "Decline"),
    "keep": ("Garder", "Keep"),
    "ok": ("OK", "OK"),
    # the inbox
    "box_i": ("À répondre ({count})", "To answer ({count})"),
    "inbox_note": ("Non lus: {unopened}, échecs: {trouble}", "Unread: {unopened}, failed: {trouble}"),
    "box_a": ("Tous les fils", "All threads"),
    "box_x": ("Envois ratés ({count})", "Failed texts ({count})"),
    "to_answer": ("À répondre", "To answer"),
    "more": ("Suite de la liste", "Rest of the list"),
    "nothing_i": ("Rien à répondre", "Nothing to answer"),
    "nothing_a": ("Aucun fil", "No threads"),
    "nothing_x": ("Aucun envoi raté", "No failed texts"),
    "hidden": ("Numéro masqué", "Hidden number"),
    "by": ("par {name}", "by {name}"),
    # who it is
    "new": ("nouveau", "new"),
    "kind_client": ("client", "client"),
    "kind_prospect": ("prospect", "prospect"),
    "kind_staff": ("personnel", "staff"),
    "kind_supplier": ("fournisseur", "supplier"),
    "level_1": ("prioritaire", "priority"),
    "level_2": ("urgent", "urgent"),
    "why_emergency": ("mots d'urgence", "emergency words"),
    "offered_short": ("se nomme {name}", "says {name}"),
    # a call that rings
    "ringing": ("Refuser+texto: {name}", "Decline+text: {name}"),
    "ringing_more": ("sonne depuis {time}", "rings since {time}"),
    "declined_title": ("Refusé: {name}", "Declined: {name}"),
    "declined_text": (
        "{name} entend que vous écrirez, et reçoit le texto. Le fil est à vous.",
        "{name} hears that you will text, and gets the text. The thread is yours.",
    ),
    # a thread
    "keep_name": ("Garder le nom: {name}", "Keep the name: {name}"),
    "kept_title": ("Nom gardé", "Name kept"),
    "kept_text": ("{name} est au carnet, à ce numéro.", "{name} is among the contacts, with this number."),
    "canned": ("Réponses prêtes", "Ready replies"),
    "canned_more": ("Autres réponses", "More replies"),
    "write": ("Écrire un texto", "Write a text"),
    "call_back": ("Rappeler", "Call back"),
    "mark_done": ("C'est réglé", "It is settled"),
    "held_note": ("{name} répond", "{name} is answering"),
    "opted_out_note": ("sans textos", "no texts"),
    "not_textable_note": ("ne reçoit rien", "takes no texts"),
    "empty_thread": ("Rien ici", "Nothing here"),
    "page": ("{title} ({page}/{pages})", "{title} ({page}/{pages})"),
    "older": ("(Plus ancien: sur la page web)", "(Older: on the web page)"),
    # entries
    "missed": ("appel manqué", "missed call"),
    "answered": ("appel répondu", "answered call"),
    "unseen": ("appel non suivi", "call not watched"),
    "voicemail": ("message vocal", "voicemail"),
    "left": ("message vocal de {length}", "voicemail of {length}"),
    "length": ("{minutes} min {seconds} s", "{minutes} min {seconds} s"),
    "length_short": ("{seconds} s", "{seconds} s"),
    "unheard": ("non écouté", "not heard"),
    "heard_by": ("écouté par {name}", "heard by {name}"),
    "heard": ("écouté", "heard"),
    "machine": ("(transcrit par machine) {text}", "(machine-made) {text}"),
    "outgoing": ("rappelé", "called back"),
    "outgoing_by": ("rappelé par {name}", "called back by {name}"),
    "talked": ("{minutes} min {seconds} s", "{minutes} min {seconds} s"),
    "not_taken": ("sans réponse", "no answer"),
    "unplaced": ("rappel de {name} non passé", "{name}'s call back not placed"),
    "unplaced_not_picked_up": ("poste non décroché", "not picked up here"),
    "unplaced_busy": ("poste occupé", "phone here busy"),
    "unplaced_declined": ("refusé au poste", "refused here"),
    "unplaced_dialled_nobody": ("rien de composé", "nobody dialled"),
    "unplaced_not_seen": ("fin non vue", "end not seen"),
    "unplaced_phone_offline": ("poste non branché", "phone not connected"),
    "unplaced_no_phone": ("poste inconnu", "phone not known"),
    "unplaced_not_rung": ("poste non sonné", "phone not rung"),
    "unplaced_no_route": ("numéro sans sortie", "no way out"),
    "unplaced_pbx_unavailable": ("PBX muet", "no PBX"),
    "note": ("Note de {name}", "Note by {name}"),
    "auto": ("Automatique", "Automatic"),
    "clinic": ("Clinique", "Clinic"),
    "queued": ("en attente", "waiting"),
    "scheduled": ("prévu {time}", "due {time}"),
    "sending": ("en envoi", "being sent"),
    "sent": ("envoyé", "sent"),
    "delivered": ("livré", "delivered"),
    "failed": ("échec", "failed"),
    "unknown": ("incertain", "uncertain"),
    "cancelled": ("annulé", "cancelled"),
    "expired": ("expiré", "expired"),
    "partial": ("incomplet", "incomplete"),
    # writing and what came of it
    "write_prompt": ("Texte", "Text"),
    "confirm": ("Envoyer? ({parts} SMS)", "Send? ({parts} SMS)"),
    "sent_title": ("Envoyé à {name}", "Sent to {name}"),
    "queued_title": ("Part vers {name}", "Going to {name}"),
    "calling_title": ("Appel de {name}", "Calling {name}"),
    "calling": ("Votre téléphone sonne. Décrochez: {name} sera appelé.", "Your phone rings. Pick it up: {name} will be called."),
    "done_title": ("Réglé", "Settled"),
    "done_text": ("Le fil de {name} est réglé.", "The thread of {name} is settled."),
    "changed_title": ("Du nouveau", "Something new"),
    "changed_text": ("{name} a du nouveau depuis: lisez-le d'abord.", "{name} has something new since: read it first."),
    "again": ("Le fil", "Thread"),
    # the PIN
    "pin_title": ("NIP de {name}", "PIN of {name}"),
    "pin_wrong": ("NIP refusé. Encore:", "Wrong PIN. Again:"),
    "pin_prompt": ("NIP", "PIN"),
    "pin_keyed": ("{count} chiffres", "{count} digits"),
    # refusals and errors
    "held": ("{name} répond jusqu'à {time}", "{name} answers until {time}"),
    "take_over": ("Prendre et envoyer", "Take over and send"),
    "answered_meanwhile": ("{name} a répondu: lire", "{name} answered: read"),
    "send_anyway": ("Envoyer quand même", "Send all the same"),
    "somebody": ("Un collègue", "A colleague"),
    "refused_title": ("Pas envoyé", "Not sent"),
    "error_title": ("Impossible", "Not possible"),
    "opted_out": (
        "{name} a demandé de ne plus recevoir de textos. Appelez plutôt.",
        "{name} asked for no more texts. Call instead.",
    ),
    "no_number": ("Pas de numéro à qui écrire ou téléphoner.", "There is no number to write to or to call."),
    "no_text": ("Le texte est vide.", "The text is empty."),
    "not_ringing": ("Cet appel ne sonne plus.", "This call rings no more."),
    "no_text_goes": (
        "Aucun texto ne peut partir vers cette personne: l'appel sonne toujours.",
        "No text may go to this caller: the call rings on.",
    ),
    "no_modem": ("Pas de modem pour envoyer un texto.", "No modem to send a text."),
    "no_dialplan": ("Refus pas installé au PBX: voyez l'administrateur.", "Declining is not set up at the PBX: see the administrator."),
    "no_ami": ("On ne peut refuser d'appels d'ici: voyez l'administrateur.", "Calls cannot be declined here: see the administrator."),
    "no_offer": ("Ce nom n'est plus offert.", "That name is offered no more."),
    "taken": ("Un collègue a pris cet appel.", "A colleague took this call."),
    "too_long": ("Le texte est trop long: {most} SMS au plus.", "The text is too long: {most} SMS at most."),
    "unsendable": ("Ce texte ne peut pas être envoyé: récrivez-le.", "This text cannot be sent: write it again."),
    "id_used": ("Ce lien a déjà servi: reprenez depuis le fil.", "This link was used before: begin again from the thread."),
    "no_extension": (
        "Aucun poste n'est inscrit à votre nom: demandez à l'administrateur.",
        "No extension is written beside your name: ask the administrator.",
    ),
    "phone_offline": ("Votre poste n'est pas branché au PBX.", "Your phone is not registered at the PBX."),
    "not_rung": ("Le PBX n'a pas pu faire sonner votre poste.", "The PBX could not ring your phone."),
    "not_running": ("Le service d'appel est arrêté.", "The service that calls is not running."),
    "no_phone": ("Le PBX ne connaît pas votre poste.", "The PBX does not know your phone."),
    "no_route": ("Le PBX ne sait pas où appeler ce numéro.", "The PBX has no way to call that number."),
    "pbx_auth": ("Le PBX ne nous laisse pas appeler.", "The PBX does not let us call."),
    "pbx_request": ("Le PBX a refusé l'appel.", "The PBX refused the call."),
    "pbx_unavailable": ("Le PBX ne répond pas. Réessayez.", "The PBX does not answer. Try again."),
    "forbidden": ("Votre rôle ne le permet pas.", "Your role does not allow it."),
    "throttled": ("Trop d'essais. Attendez {seconds} s.", "Too many tries. Wait {seconds} s."),
    "not_found": ("Ce fil ou cette réponse n'existe plus.", "That thread or reply is no longer there."),
    "draft_gone": ("Le texte n'a pas été gardé: récrivez-le.", "The text was not kept: write it again."),
    "stale": ("Ce lien a vieilli: reprenez depuis le fil.", "This link is old: begin again from the thread."),
    "refused": ("Refusé.", "Refused."),
    "trouble": ("Le service a un problème. Réessayez, ou composez *767.", "The service has a problem. Try again, or dial *767."),
    "unknown_key": (
        "Ce téléphone n'a pas ou plus accès. Demandez une clé à l'administrateur.",
        "This phone has no access, or no more. Ask the administrator for a key.",
    ),
    "not_from_here": ("Réseau non permis.", "Network not allowed."),
    "flood": ("Trop d'essais. Attendez.", "Too many tries. Wait."),
    "no_page": ("Cette page n'existe pas.", "There is no such page."),
    # times
    "days": ("lu ma me je ve sa di", "Mo Tu We Th Fr Sa Su"),
}

WORDS: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {
        "fr": MappingProxyType({key: pair[0] for key, pair in _WORDS.items()}),
        "en": MappingProxyType({key: pair[1] for key, pair in _WORDS.items()}),
    }
)


class Words:
    """The words of one language. Any other than French is English."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language if language in WORDS else "en"
        self._words = WORDS[self.language]

    def __call__(self, key: str, **values: object) -> str:
        """The words of ``key``, filled. Raises KeyError for a key or a value that is not there."""
        return self._words[key].format(**values)

    def __contains__(self, key: str) -> bool:
        return key in self._words
