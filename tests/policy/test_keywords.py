"""STOP, START and HELP as people write them, and what only looks like them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.policy.keywords import Keyword, automatic, meaning, plain

STOP = """
STOP | stop | Stop. | STOP!!! | stop please | Stop s'il vous plaît | "STOP" | « Stop » | “stop” | 'stop' | STOP 🛑
stop 🙏🙏 | StOp | stop stop STOP | STOPALL | stop all | ＳＴＯＰ | S.T.O.P. | s t o p | Bonjour, stop svp, merci
ok stop | stop now | STOP thanks | Hi, please STOP. | ARRET | arret | ARRÊT | arrêt | Arrêt. | ARRÊT!!! | Arrêt svp
arrêt s.v.p. | Arrêt stp merci | ARRE\u0302T | (arrêt) | ARRÊT 😡 | Arrêt SMS | arrêt texto
arrêtez de m'écrire | Arrêtez les textos | arrêtez de m’envoyer des messages svp
Cessez de m'écrire | UNSUBSCRIBE | unsubscribe | Unsubscribe me please | unsub | UNSUB. | Opt out | opt-out
optout | Stop texting me | stop texting me!! | Please stop texting me
don't text me | Do not text me anymore | Don’t text me again | stop these messages | no more texts
No more texts please | remove me | stop sending me messages | I want to unsubscribe | DÉSABONNER | desabonner
Désabonnement | désabonnez-moi | Désabonnez-moi svp | me désabonner | je veux me désabonner | DESABONNEMENT.
désinscription | Je ne veux plus de textos | je ne veux plus recevoir de messages merci | plus de textos svp
ne m'écrivez plus | ne me textez plus | STOP ALL | no texts | pas de textos | stop it | désinscrire
Stop les textos | ARRÊT les textos | stop les messages | Stoppez les textos svp | Stop aux textos | stoppez de m'écrire
STOP ARRET | STOP/ARRET | Arrêt - stop | STOP, UNSUBSCRIBE please | Stop, envoyé depuis mon Galaxy S21
STOP Sent from my Samsung Galaxy S21 Ultra 5G | Arrêt svp. Envoyé à partir de mon Galaxy A54
STOP -- Sent from my iPhone | Arrêt. Envoyé de mon iPhone
"""

START = """
START | start | Start! | start please | UNSTOP | unstop. | subscribe | resume | opt in | REPRENDRE | reprendre
Reprendre svp | « REPRENDRE » | REPRENDRE 🙂 | réabonner | Réabonnez-moi s'il vous plaît | reprendre les textos
start start | Bonjour, reprendre svp
"""

HELP = """
HELP | help | Help! | help please | help me | AIDE | aide | Aide svp | Aidez-moi | à l'aide | INFO | info | Info?
infos svp | Information | ¿INFO? | HELP 🆘 | Bonjour, aide s'il vous plaît
"""

WORDS = """
arrêt de travail | J'ai besoin d'un arrêt de travail | Pouvez-vous prolonger mon arrêt de travail svp?
mon arrêt maladie finit vendredi | je dois arrêter mes médicaments | Dois-je arrêter mes médicaments?
dois-je arrêter l'aspirine avant l'opération | j'ai arrêté de fumer | Est-ce que j'arrête les antibiotiques?
arrêt cardiaque | l'arrêt d'autobus est fermé | je n'arrête pas de tousser | ça n'arrête pas de saigner
arrêtez-vous à midi? | can you stop by at 5 | can I stop by tomorrow? | I'll stop by at noon
the bleeding won't stop | it doesn't stop hurting | should I stop taking ibuprofen? | Stop by the pharmacy first?
when should I stop the antibiotics | bus stop is closed | non stop pain | I can't stop coughing
stop payment on my invoice please | stop the appointment on Tuesday please, I need Friday
please stop my prescription renewal | cancel my appointment | please cancel my appointment tomorrow | Can I cancel?
annuler mon rendez-vous | Annuler | je dois annuler demain | cancel the 3 pm | at the end of the month
The end of the week works | end of day? | à la fin du mois | fin novembre svp | c'est la fin de mon traitement
I quit smoking | I want to quit smoking | quit smoking program?
unsubscribe my son from the newsletter but keep me | désabonner mon conjoint du dossier | info sur vos prix?
info rdv? | Infos pour un nettoyage svp | information about prices | need information on braces
J'aimerais avoir de l'information | aide pour remplir le formulaire | can you help me book?
I need help with my insurance form | pouvez-vous m'aider | besoin d'aide pour mon plâtre
my wisdom tooth hurts, help me find a time | start of treatment? | When do I start? | Can we start Monday?
reprendre rendez-vous | je veux reprendre un rendez-vous | quand puis-je reprendre le travail?
reprendre mes médicaments? | resume medication? | subscribe to your newsletter? | remove me from the waiting list
Remove my stitches? | pouvez-vous enlever mes points | take me off the list for Friday | no more pain thank you
plus de douleur merci | plus de médicaments, il faut renouveler | je n'ai plus de comprimés
pas de rendez-vous demain? | Oui | yes | ok | Merci! | Bonjour | 👍 | 🛑 | ??? | 10h | demain | rappelez-moi
call me back | yes please start | Stop? What do you mean? | qui est-ce? stop ou encore? | I said stop the swelling
STOP the car | arretons-nous mardi | Cancel | CANCEL | cancel please | Cancel. | please cancel, thanks | end | END | quit | Quit!
revoke | fin | Fin. | assez | Assez! | arrêter | Arrêtez | ARRETEZ SVP | arrête | arrêtez tout | cesser | cessez | enough | done
finish | annulé | cancelled | stop calling me | Arrêtez de m'appeler | stop help | aide stop | stop it stop | stop les médicaments
STOP sent from my pharmacy was a mistake, please fill it again | stoppez les antibiotiques? | start stop
"""


def listed(table: str) -> list[str]:
    return [phrase.strip() for line in table.splitlines() for phrase in line.split("|") if phrase.strip()]


def test_the_tables_are_long_enough(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(set(listed(STOP) + listed(START) + listed(HELP))) >= 60
    assert len(set(listed(WORDS))) >= 60
    told = []
    for keyword, table in ((Keyword.STOP, STOP), (Keyword.START, START), (Keyword.HELP, HELP), (None, WORDS)):
        found = [phrase for phrase in listed(table) if (said.keyword if (said := meaning(phrase)) else None) is keyword]
        told.append(f"{keyword.name if keyword else 'words for staff'} {len(found)} of {len(listed(table))}")
    with capsys.disabled():
        print(f"\nkeywords: {', '.join(told)}")  # noqa: T201


@pytest.mark.parametrize(
    ("phrase", "keyword"),
    [
        (phrase, keyword)
        for keyword, table in ((Keyword.STOP, STOP), (Keyword.START, START), (Keyword.HELP, HELP))
        for phrase in listed(table)
    ],
)
def test_keywords(phrase: str, keyword: Keyword) -> None:
    found = meaning(phrase)
    assert found is not None
    assert found.keyword is keyword


@pytest.mark.parametrize("phrase", listed(WORDS))
def test_words_for_staff(phrase: str) -> None:
    assert meaning(phrase) is None
    assert not automatic(phrase)


@pytest.mark.parametrize(
    ("phrase", "language", "sure"),
    [
        ("stop", None, True),
        ("Arrêt", "fr", True),
        ("unsubscribe", "en", True),
        ("Désabonner", "fr", True),
        ("no texts", "en", False),
        ("stop it", "en", False),
        ("pas de textos", "fr", False),
        ("STOP ARRET", "fr", True),
        ("stop stop", None, True),
        ("Unsubscribe / Désabonner", None, True),
        ("Stop\n\nSent from my Galaxy S21 Ultra", None, True),
        ("Arrêt\n\n--\nEnvoyé de mon Galaxy S21", "fr", True),
        ("START", None, True),
        ("reprendre", "fr", True),
        ("help", "en", True),
        ("aide", "fr", True),
        ("info", None, True),
    ],
)
def test_language_and_certainty(phrase: str, language: str | None, sure: bool) -> None:
    found = meaning(phrase)
    assert found is not None
    assert (found.language, found.sure) == (language, sure)


AUTOMATIC = """
Réponse automatique : je suis absent | Réponse automatique: Absent du bureau | Ceci est une réponse automatique.
Ceci est un message automatisé | Auto-reply: I am away | AUTO REPLY | Automatic reply: out of office | Autoreply.
This is an automated message. | Automated response: we got your text | Out of office until Monday
I am out of the office this week | Absent du bureau jusqu'au 3 | Message d'absence: de retour lundi
I'm driving with Driving Focus turned on. I'll see your message when I get where I'm going.
I’m driving with Do Not Disturb While Driving turned on. I’ll see your message when I get where I’m going.
(I’m not receiving notifications. If this is urgent, reply “urgent” to send a notification through with your original message.)
Je conduis avec le mode Conduite activé. Je verrai votre message une fois arrivé. | I'm driving right now
Je suis au volant | (Je ne reçois pas de notifications. En cas d'urgence, répondez « urgent ».)
Please do not reply to this message. | Ne pas répondre à ce message. | Ne répondez pas à ce texto
This number is not monitored. | This phone isn't able to receive texts | Ce numéro n’accepte pas les textos
Boîte non surveillée | Message sent automatically | Message envoyé automatiquement | Message not delivered
Votre message n'a pas pu être livré
"""

TYPED = """
Je conduis, je vous rappelle dans 10 minutes | I'm driving, can you call me at 5?
je suis au volant j'arrive bientôt | I am out of town until Monday | Je suis absente mardi, mercredi ok?
my office is closed | I'm away until the 3rd, any time after? | please reply | répondez-moi svp | réponse: oui
message reçu merci | I work in an office | Le message automatique de votre boîte ne marche pas
your automatic door is broken | do I need to reply? | texto automatique de rappel reçu?
My automatic payment failed | Absente du bureau demain, puis-je venir à 16h? | I am out of the office until 3, call me after
My night guard could not be delivered, can you call me? | Le reçu est-il envoyé automatiquement à mon assurance?
Votre texto n'a pas pu être livré hier, pouvez-vous le renvoyer? J'ai très mal | I am out of the office until 3 call me
Ne pas répondre à ce numéro svp, appelez-moi au 514 555-0177 | Message automatique reçu, oui je confirme mon rdv
Je suis absente du bureau demain | I'm driving right now. Call me in an hour | Réponse automatique: avez-vous de la place?
My insurance form could not be delivered | Message not delivered to the pharmacy, please send it again
Absent du bureau jusqu'à mardi, je peux venir mercredi | Je ne reçois pas de notifications de votre part, rappelez-moi
Automatic reply？
"""


@pytest.mark.parametrize("text", listed(AUTOMATIC))
def test_automatic_replies(text: str) -> None:
    assert automatic(text)
    assert meaning(text) is None


@pytest.mark.parametrize("text", listed(TYPED))
def test_what_a_person_typed(text: str) -> None:
    assert not automatic(text)


def test_plain() -> None:
    assert plain("  “ARRÊT”, s’il vous plaît! 🛑 ") == "arret s il vous plait"
    assert plain("Œ \u200bst\u00adop_me") == "oe stop me"


@given(st.text(max_size=2000))
def test_any_text_at_all(text: str) -> None:
    found = meaning(text)
    assert found is None or found.keyword in Keyword
    assert automatic(text) in (True, False)


@given(
    keyword=st.sampled_from(["stop", "arrêt", "unsubscribe", "désabonner"]),
    before=st.text(alphabet=" .,!?\"'«»()*-🛑🙏\n\t", max_size=6),
    after=st.text(alphabet=" .,!?\"'«»()*-🛑🙏\n\t", max_size=6),
    shout=st.booleans(),
)
def test_punctuation_and_case_never_hide_a_keyword(keyword: str, before: str, after: str, shout: bool) -> None:
    found = meaning(before + (keyword.upper() if shout else keyword) + after)
    assert found is not None
    assert found.keyword is Keyword.STOP
