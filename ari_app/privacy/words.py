"""The words of one person's record, French and English; what states, reasons and accesses are called, the page of staff says."""

from __future__ import annotations

from collections.abc import Mapping

from ari_app.model import Language

__all__ = ["said"]

_WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("Dossier de communications", "Record of communications"),
    "of": ("Numéro {number}", "Number {number}"),
    "made": ("Établi le {when} par {clinic}, {phone}", "Made on {when} by {clinic}, {phone}"),
    "about": (
        "Tout ce que le système de rappel par texto de la clinique conserve sur ce numéro. Votre dossier de santé n’en fait pas partie.",
        "All that the clinic’s text-back system keeps of this number. Your health record is no part of it.",
    ),
    "rights": (
        "Vous pouvez demander à la clinique de corriger ou d’effacer ce qui suit, et ne plus recevoir de textos en répondant ARRET.",
        "You may ask the clinic to correct or erase what follows, and get no more texts by answering STOP.",
    ),
    "person": ("La personne", "The person"),
    "name": ("Nom", "Name"),
    "offered": ("Nom donné par texto", "Name given by text"),
    "language": ("Langue", "Language"),
    "wrote": ("Langue des textos reçus", "Language of texts received"),
    "kind": ("Genre", "Kind"),
    "tags": ("Mots-clés", "Tags"),
    "numbers": ("Numéros", "Numbers"),
    "source": ("D’où vient la fiche", "Where the entry comes from"),
    "source.here": ("saisie à la clinique", "entered at the clinic"),
    "source.import": ("fichier importé", "imported file"),
    "source.sync": ("logiciel de la clinique", "the clinic’s software"),
    "kind.client": ("client", "client"),
    "kind.prospect": ("client possible", "prospect"),
    "kind.staff": ("personnel", "staff"),
    "kind.supplier": ("fournisseur", "supplier"),
    "language.fr": ("français", "French"),
    "language.en": ("anglais", "English"),
    "opted_out": ("Ne veut plus de textos depuis", "Wants no texts since"),
    "not_textable": ("Ne reçoit pas de textos", "Takes no texts"),
    "known_since": ("Connu depuis", "Known since"),
    "nobody": ("Aucune fiche ne porte ce numéro.", "No entry has this number."),
    "consent": ("Consentement aux textos", "Consent to texts"),
    "consent.opt_out": ("N’en veut plus", "Wants none"),
    "consent.opt_in": ("En veut de nouveau", "Wants them again"),
    "consent.text": ("par texto", "by text"),
    "consent.verbal": ("dit à {who}", "told to {who}"),
    "no_consent": ("Aucun changement n’a été demandé.", "No change was asked for."),
    "line": ("Échanges", "Communications"),
    "nothing": ("Rien.", "Nothing."),
    "call": ("Appel", "Call"),
    "call.answered": ("répondu", "answered"),
    "call.missed": ("manqué", "missed"),
    "call.unseen": ("dont la fin n’a pas été vue", "whose end was not seen"),
    "call.withheld": ("numéro masqué", "number withheld"),
    "rang": ("sonnerie de {seconds} s", "rang {seconds} s"),
    "reply": ("Un texto automatique a été décidé: {why}", "An automatic text was decided: {why}"),
    "silence": ("Aucun texto automatique: {why}", "No automatic text: {why}"),
    "pending": ("Texto automatique en attente: {why}", "Automatic text pending: {why}"),
    "out": ("Appel de la clinique", "Call from the clinic"),
    "out.by": ("Rappel par {who}", "Called back by {who}"),
    "out.joined": ("en ligne", "connected"),
    "out.none": ("sans réponse", "no answer"),
    "from_you": ("Texto reçu", "Text received"),
    "from_us": ("Texto de {who}", "Text from {who}"),
    "auto": ("Texto automatique", "Automatic text"),
    "clinic": ("la clinique", "the clinic"),
    "administrator": ("l’administrateur", "the administrator"),
    "parts": ("{n} SMS", "{n} SMS"),
    "note": ("Note de {who}", "Note by {who}"),
    "voicemail": ("Message vocal, {seconds} s", "Voicemail, {seconds} s"),
    "heard": ("écouté par {who}", "heard by {who}"),
    "sound": ("Écouter le son", "Play the sound"),
    "transcript": ("Transcrit par une machine, peut se tromper:", "Written down by a machine, may be wrong:"),
    "accesses": ("Qui a consulté ou modifié", "Who looked or changed"),
    "when": ("Quand", "When"),
    "who": ("Qui", "Who"),
    "what": ("Quoi", "What"),
    "where": ("D’où", "From where"),
    "kept": ("Durée de conservation", "How long it is kept"),
    "kept.texts": ("Textos, notes, transcriptions", "Texts, notes, transcripts"),
    "kept.calls": ("Appels", "Calls"),
    "kept.recordings": ("Son des messages vocaux", "Sound of voicemails"),
    "kept.audit": ("Registre des accès, consentements", "Register of accesses, consent"),
    "days": ("{n} jours", "{n} days"),
    "forever": ("sans limite", "without limit"),
}


def said(key: str, language: Language, **values: object) -> str:
    """A few words, filled in. Raises KeyError for a key that has none."""
    french, english = _WORDS[key]
    return (french if language == "fr" else english).format(**values)
