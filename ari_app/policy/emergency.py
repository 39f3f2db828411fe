"""Does a text speak of an emergency: words that are answered with the clinic's safety text at once, and make the thread urgent.

In doubt it is one: a false alarm costs a text, a miss may cost a life. What is denied ("pas de douleur thoracique", "no chest pain") is
none, and neither is what was years ago ("had a stroke in 2015") and is not said to go on. Of whom it is said does not matter: a caller
writes for a child too. A tooth knocked out wants a dentist within the hour and no ambulance, a swollen cheek or a bad toothache likewise:
they are no emergency words, but worth a [[priority]] rule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from ari_app.model import Language
from ari_app.policy.phrases import LIGHT, Phrases, words_of

__all__ = ["WORDS", "Emergencies"]

WORDS: Mapping[Literal["fr", "en"], tuple[str, ...]] = MappingProxyType(
    {
        "fr": (
            # heart
            "douleur* thoracique*", "douleur* ... poitrine", "douleur* ... thorax", "poids poitrine", "poitrine ... serre*",
            "mal ... poitrine", "mal thorax", "serrement poitrine", "pression poitrine", "oppression poitrine", "poitrine serre*",
            "poitrine fait mal", "crise cardiaque", "crise de coeur", "arrêt cardiaque", "infarctus", "douleur* bras gauche",
            "mal bras gauche",
            # breath
            "peux pas respirer", "peut pas respirer", "peux plus respirer", "peut plus respirer", "arrive pas à respirer",
            "arrive plus à respirer", "pas capable de respirer", "plus capable de respirer", "respirer ... difficile", "étouffement",
            "cherche ... souffle", "reprendre souffle", "respire pas", "respire plus", "respire mal", "respire difficilement",
            "difficulté* respirer", "difficulté* respiratoire*", "mal à respirer", "peine à respirer", "misère à respirer",
            "manque d'air", "étouff*", "suffoqu*", "détresse respiratoire", "crise d'asthme", "lèvres bleues", "bleu lèvres",
            "devient bleu*",
            # allergy, swelling
            "anaphyla*", "anafyla*", "choc allergique", "réaction allergique", "épipen", "gorge enfl*", "gorge gonfl*", "gorge ferme",
            "gorge serre*", "enflure gorge", "langue enfl*", "langue gonfl*", "visage enfl*", "visage gonfl*", "enflure visage",
            "enfl* visage", "face enfl*", "face gonfl*", "enflure face", "lèvres enfl*", "lèvres gonfl*", "cou enfl*", "enflure cou",
            "oeil enfl*", "peux pas avaler", "peut pas avaler", "peux plus avaler", "peut plus avaler", "arrive pas à avaler",
            "arrive plus à avaler", "pas capable d'avaler", "plus capable d'avaler", "difficulté* avaler",
            # bleeding
            "saign* ... arrête pas", "saign* ... arrête plus", "saign* ... veut pas arrêter", "sang arrête pas",
            "sang ... veut pas arrêter", "arrête pas de saigner", "arrête plus de saigner", "saign* sans arrêt", "saign* pas arrêter",
            "capable arrêter saign*", "comment arrêter saign*", "pour arrêter saign*", "pas à arrêter saign*", "pas à arrêter sang",
            "sang ... coule*", "continue de saigner", "continue à saigner", "saign* beaucoup", "saign* énormément", "saign* abond*",
            "saign* pas mal", "beaucoup de sang", "plein de sang", "perds du sang", "perd du sang", "perdu du sang", "sang partout",
            "pisse le sang", "hémorragi*", "crach* sang", "vomi* sang",
            # brain, consciousness
            # alone, "avc" is how "avec" is typed
            "fait AVC", "fais AVC", "faire AVC", "avoir AVC", "eu AVC", "pense AVC", "crois AVC", "peur AVC", "signe* AVC",
            "symptôme* AVC", "mini AVC", "paralys*", "visage tomb*", "visage croche", "face croche", "bouche croche", "parle croche",
            "bras engourdi*", "côté engourdi*", "peux plus parler", "peut plus parler", "inconscien*", "pas conscient*",
            "plus conscient*", "perdu connaissance", "perdre connaissance", "sans connaissance", "perd connaissance", "perdre conscience",
            "perdu conscience", "perte de connaissance", "évanoui*", "réveille pas", "réveille plus", "réagit pas", "réagit plus",
            "convulsi*", "crise d'épilepsie",
            # poison, despair
            "surdose", "overdose", "empoisonn*", "trop de pilules", "trop de médicaments", "toutes pilules", "bouteille de pilules",
            "pot de pilules", "suicid*", "envie de mourir", "veux mourir", "veut mourir", "mettre fin à jours", "veux me tuer",
            "vais me tuer", "envie me tuer", "veux plus vivre", "plus envie de vivre",
            # the rest
            "911", "9-1-1", "ambulance", "urgence vitale", "va mourir", "vais mourir", "train de mourir", "perdu eaux", "perdre eaux",
        ),
        "en": (
            "chest pain*", "chest ... hurt*", "pain ... chest", "heavy chest", "chest heav*", "chest ... tight*", "tight* chest",
            "chest pressure", "pressure chest", "heart attack", "cardiac arrest", "pain left arm", "left arm hurt*", "left arm pain",
            "left arm numb", "cant breathe", "cannot breathe", "can not breathe", "couldnt breathe", "not breathing", "isnt breathing",
            "stopped breathing", "barely breathe", "gasping for air", "cant get air", "cant get enough air", "breathing ... hard",
            "wheezing", "barely breathing", "hard to breathe", "hard time breathing", "trouble breathing", "difficulty breathing",
            "struggling to breathe", "unable to breathe", "breathing difficult*", "short of breath", "catch breath",
            "shortness of breath", "choking", "suffocat*", "gasping", "asthma attack", "blue lips", "lips blue", "turning blue",
            "anaphyla*", "anafyla*", "allergic reaction*", "allergic shock", "epipen", "throat ... closing", "throat swell*",
            "throat swollen", "swollen throat", "swelling throat", "throat tight*", "tongue swell*", "tongue swollen", "swollen tongue",
            "swelling tongue", "face swell*", "face swollen", "swollen face", "swelling face", "lips swell*", "lips swollen",
            "swollen lips", "neck swell*", "neck swollen", "swollen neck", "eye swollen shut", "cant swallow", "cannot swallow",
            "unable to swallow", "trouble swallowing", "difficulty swallowing", "bleed* ... wont stop", "blood ... wont stop",
            "blood keeps", "blood pouring", "pouring blood", "gushing", "wont stop bleeding", "bleed* ... doesnt stop",
            "doesnt stop bleeding", "cant stop bleeding", "cannot stop bleeding", "not stop bleeding", "bleeding not stop*",
            "bleed* ... isnt stopping", "soaked ... blood", "stop the bleeding", "hasnt stopped bleeding", "not stopped bleeding",
            "keeps bleeding", "bleeding nonstop", "bleeding non stop", "bleeding a lot", "bleeding heav*", "bleeding badly",
            "bleeding so much", "heavy bleeding", "lot of blood", "lots of blood", "much blood", "blood everywhere", "losing blood",
            "hemorrhag*", "haemorrhag*", "coughing up blood", "coughing blood", "vomiting blood", "throwing up blood", "stroke",
            "face droop*", "drooping face", "slurred speech", "slurring", "cant speak", "cant move arm", "cant move leg*", "paralys*",
            "paralyz*", "unconscious", "passed out", "passing out", "blacked out", "blacking out", "lost consciousness",
            "losing consciousness", "fainted", "fainting", "unresponsive", "wont wake up", "cant wake up", "not waking up",
            "not responding", "collapsed", "seizure*", "convuls*", "overdos*", "poisoned", "too many pills", "bottle of pills",
            "all the pills", "suicid*", "self harm", "kill myself", "killing myself", "want to die", "wanna die", "end my life",
            "going to hurt myself", "dont want to live", "911", "9-1-1", "ambulance", "im dying", "hes dying", "shes dying",
            "going to die", "gonna die", "water broke",
        ),
    }
)  # fmt: skip
"""Built in, as ``[emergency].words`` is written."""

_LONGEST = 4000
"""Characters that are looked at."""
_CLAUSE = re.compile(r"[.,;:!?…\n()]+|\s[-–—]+\s|\b(?:mais|but|et|and|pis|puis|however|par contre|cependant|sauf)\b", re.IGNORECASE)
_DENIED_WORDS = """
    no not never without nor none dont doesnt didnt havent hasnt isnt arent wasnt denies aucun aucune aucuns sans ni jamais pas plus
"""
_DENIED = frozenset(_DENIED_WORDS.split())
_CARRIES_WORDS = """
    eu avoir ressens ressent ressenti fait fais ai signe signes symptome symptomes have had having got get feel feeling any sign signs
    symptom symptoms experiencing more
"""
_CARRIES = LIGHT | frozenset(_CARRIES_WORDS.split())
"""Words across which a denial reaches what it denies."""
_SUBJECTS = frozenset(("j", "c", "ca", "sa", "qui", "que"))
"""Begin a sentence of its own."""
_OR = frozenset(("or", "ou"))
_REACH = 6
_PAST = re.compile(
    r"\b(?:il y a|ya|y a) (?:\w+ ){1,2}(?:ans?|annees?|mois)\b|\b(?:an|annee) (?:derniere?|passee?)\b|\ben (?:19|20)\d\d\b|\bantecedents?\b"
    r"|\bdans le passe\b|\bquand j etais\b|\bdeja (?:eu|fait)\b|\bil y a longtemps\b"
    r"|\b(?:years?|months?) ago\b|\blast year\b|\bin (?:19|20)\d\d\b|\bhistory of\b|\bin the past\b|\bwhen i was\b|\bas a (?:child|kid)\b"
    r"|\balready had\b|\bpreviously\b|\blong time ago\b"
)
_PRESENT = re.compile(
    r"\b(?:depuis|maintenant|aujourd hui|ce (?:matin|soir)|cette nuit|encore|toujours|en ce moment|actuellement|pire"
    r"|since|now|today|tonight|this morning|again|still|currently|worse)\b"
)
_QUOTED = re.compile(r"^(\s*>.*)\b9-?1-?1\b", re.MULTILINE)
_THEN = r"(?:[^\w.!?\n]+\w+)"
_APART = r"[^\w.!?\n]+"
_ADVICE = re.compile(
    rf"(\b(?:if|in|for|si|en|pour){_THEN}{{0,6}}?{_APART}(?:urgen|emergen)\w*{_THEN}{{0,8}}?{_APART}"
    rf"(?:call|dial|contact|appelez|composez|contactez|faites|veuillez{_APART}(?:appeler|composer|contacter|faire)){_THEN}{{0,2}}?{_APART})"
    r"9-?1-?1\b",
    re.IGNORECASE,
)
"""How clinics and their robots, we among them, write of it: "en cas d'urgence, composez le 911"."""

_OUR_END = re.compile(r"\b(?:Urgence|Emergency): 911\b")
"""As our notices say it (``wording.NOTICES``)."""


class Emergencies:
    """The emergency words of a clinic. ``words``: by language, in place of the built-in ones of each that is given.

    ``clinic``: its name. The 911 of another's advice that is quoted, ours too, is no call for help.
    """

    def __init__(self, words: Mapping[Literal["fr", "en"], tuple[str, ...]], clinic: str = "") -> None:
        self._phrases = {language: Phrases(words.get(language, built_in), near=True) for language, built_in in WORDS.items()}
        self._ours = re.compile(rf"{re.escape(clinic)}\s*[(:]") if clinic else None

    def found(self, text: str) -> frozenset[Language]:
        """The languages of emergency words in the text: none where it has none, or denies them, or tells of years ago.

        Both where they are the same in both ("911", "ambulance").
        """
        clauses = [words_of(clause) for clause in _CLAUSE.split(self._own(text[:_LONGEST]))]
        words = [word for clause in clauses for word in clause]
        begins = [start for start, clause in _starts(clauses) for _ in clause]
        ends = [start + len(clause) for start, clause in _starts(clauses) for _ in clause]
        return frozenset(language for language, phrases in self._phrases.items() if _meant(phrases, words, begins, ends))

    def _own(self, text: str) -> str:
        """Without the 911 of what they quote."""
        own = _ADVICE.sub(r"\1", _QUOTED.sub(r"\1", text))
        return own if self._ours is None or not self._ours.search(own) else _OUR_END.sub(" ", own)


def _meant(phrases: Phrases, words: list[str], begins: list[int], ends: list[int]) -> bool:
    denied: set[int] = set()
    for start, end in phrases.spans(words):
        before = words[begins[start] : start]
        if _denied(before) or (before[-1:] and before[-1] in _OR and start - 1 in denied):
            denied.add(end)
            continue
        clause = " ".join(words[begins[start] : ends[end - 1]])
        if not _PAST.search(clause) or _PRESENT.search(clause):
            return True
    return False


def _starts(clauses: list[list[str]]) -> list[tuple[int, list[str]]]:
    starts, at = [], 0
    for clause in clauses:
        starts.append((at, clause))
        at += len(clause)
    return starts


def _denied(before: list[str]) -> bool:
    """``before``: the words of the clause before the phrase."""
    listed = False
    for back, word in enumerate(reversed(before[-_REACH:]), 1):
        at = len(before) - back
        if word in ("pas", "plus"):
            # "pas de douleur", "n'ai plus mal"; but "plus de douleur" may mean more of it, and "ça passe pas j'ai mal…" denies nothing
            carried = word == "pas" and before[at + 1 : at + 2] in (["de"], ["d"], ["eu"])
            said = not {"n", "ne"}.isdisjoint(before[max(at - 4, 0) : at])
            return (carried or said) and _SUBJECTS.isdisjoint(before[at + 1 :])
        if word in _DENIED:
            return True
        if word in _OR:
            listed = True
        elif word not in _CARRIES:
            if not listed:
                return False
            listed = False  # "no fever or …": one thing named before it
    return False
