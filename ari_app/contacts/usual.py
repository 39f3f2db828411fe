"""The usual words: names of columns in French and English and in common software of clinics, and what stands in them. All plain
(``columns.plain``): small letters, no accents, a blank between words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ari_app.model import Kind, Language

__all__ = [
    "COLUMNS",
    "KINDS",
    "LANGUAGES",
    "NOTHING",
    "NO_NUMBERS",
    "NO_TAGS",
    "NO_TEXTS",
    "NUMBER_COLUMNS",
    "NUMBER_PLACES",
    "NUMBER_WORDS",
    "SAYS_NOTHING",
]


def _words(text: str) -> tuple[str, ...]:
    return tuple(" ".join(each.split()) for each in text.split(","))


COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "external": _words(
            """external, external id,
            no dossier, no de dossier, no du dossier, numero dossier, numero de dossier, numero du dossier, num dossier, dossier,
            no patient, no de patient, numero patient, numero de patient, numero du patient, num patient, id patient, code patient,
            no client, no de client, numero client, numero de client, numero du client, num client, id client, code client,
            patient number, patient no, patient num, pat num, patient id, pat id, patient code, client number, client no, client num,
            client id, client code, customer id, customer number, customer no, chart, chart number, chart no, chart num, chart id,
            file number, file no, mrn, medical record number, contact id, person id, account number, account no, identifiant,
            identifiant client, identifiant patient, matricule, employee number, employee id, reference, ref, uuid, guid, entry uuid,
            object guid, uid, id, no, code"""
        ),
        "first": _words(
            """first name, first, given name, given, prenom, prenoms, f name, prenom du patient, prenom patient, prenom du client,
            prenom client, patient first name, client first name, name first"""
        ),
        "last": _words(
            """last name, last, surname, family name, nom de famille, nom famille, l name, sn, patient last name, client last name,
            name last, nom usuel, nom de naissance"""
        ),
        "name": _words(
            """full name, display name, nom complet, nom et prenom, prenom et nom, nom prenom, prenom nom, patient name, client name,
            contact name, customer name, nom du patient, nom patient, nom du client, nom client, fn, name, nom, patient, client, contact,
            customer, cn, formatted name, file as"""
        ),
        "company": _words(
            """company, company name, organization, organisation, organization name, organization 1 name, societe, entreprise, compagnie,
            nom de l entreprise, raison sociale, business name, org, o"""
        ),
        "language": _words(
            """language, langue, lang, preferred language, langue preferee, langue de correspondance, langue parlee,
            correspondence language, langue usuelle, langue du patient, langue du client, patient language, client language, locale,
            code langue, language code"""
        ),
        "kind": _words(
            """kind, type, contact type, type de contact, type contact, client type, type de client, patient type, type de patient,
            type client, type patient, employee type"""
        ),
        "tags": _words(
            """tags, tag, etiquettes, etiquette, mots cles, keywords, labels, groups, groupes, group, groupe, group membership,
            categories, category, categorie"""
        ),
    }
)
"""By field, the likeliest first: a file has a number of its own beside the database's. ``company`` is the name of who has none."""

NUMBER_COLUMNS = frozenset(_words("number, numbers, numero, numeros, numero sms, sms number, msisdn"))
NUMBER_WORDS = frozenset(
    _words(
        """phone, phones, telephone, telephones, tel, tels, mobile, mob, cell, cel, cells, cellphone, cellular, cellulaire, portable, gsm,
        wireless, homephone, workphone, mobilephone, cellphones, telno, telnum, numtel, notel"""
    )
)
"""With one of these in its name a column holds numbers,"""
NUMBER_PLACES = frozenset(
    _words(
        "maison, domicile, residence, res, home, house, work, travail, bureau, office, business, principal, main, other, autre, mere, pere"
    )
)
"""so named a column holds numbers where its cells do,"""
NO_NUMBERS = frozenset(
    _words(
        """fax, telecopieur, telecopie, facsimile, pager, pagette, type, label, libelle, ext, extension, poste, note, notes, remarque,
        remarques, comment, comments, commentaire, carrier, fournisseur, provider, ok, consent, consentement, date, valid, valide, verified,
        verifie, country, pays, code, indicatif, emergency, urgence, insurance, insurer, assurance, assureur, assistant, assistante, doctor,
        physician, medecin, docteur, referring, referent, pharmacy, pharmacie, employer, employeur, school, ecole, telex, ip,
        email, courriel, texto, sms, opt, status, statut"""
    )
)
"""unless one of these says that it is something about a number, or the number of somebody else."""
SAYS_NOTHING = frozenset(
    _words(
        """phone, phones, telephone, telephones, tel, tels, gsm, homephone, workphone, mobilephone, cellphone, cellphones, telno, telnum,
        numtel, notel, number, numbers, numero, numeros, num, no, nb, value, valeur, patient, client, de, du, le, la, au, a, of, the,
        primary, principal"""
    )
)
"""Of no use as a label of a number."""
NOTHING = frozenset(("", *_words("na, n a, none, aucun, aucune, null, nil, s o, so, nd, inconnu, unknown, x, xx, xxx")))
"""What people write where they have no number."""

LANGUAGES: Mapping[str, Language] = MappingProxyType(
    dict.fromkeys(_words("fr, fra, fre, francais, francaise, french, francophone, f, fr ca, fr fr, frc"), "fr")
    | dict.fromkeys(_words("en, eng, ang, anglais, anglaise, english, anglophone, a, e, an, en ca, en us, en gb"), "en")
)
KINDS: Mapping[str, Kind] = MappingProxyType(
    dict.fromkeys(_words("client, cliente, clients, patient, patiente, patients, customer, pt"), Kind.CLIENT)
    | dict.fromkeys(_words("prospect, lead, prospective, prospectif"), Kind.PROSPECT)
    | dict.fromkeys(
        _words("staff, employe, employee, employes, employees, personnel, equipe, team, interne, dentiste, dentist"), Kind.STAFF
    )
    | dict.fromkeys(_words("supplier, suppliers, fournisseur, fournisseurs, vendor, laboratoire, laboratory, labo, lab"), Kind.SUPPLIER)
)
NO_TEXTS = frozenset(
    _words(
        """no text, no texts, no texting, no sms, no texto, notext, nosms, do not text, dont text, don t text, ne pas texter, pas de texto,
        pas de textos, pas de sms, sans texto, sans textos, sans sms, aucun texto, aucun sms"""
    )
)
"""Tags that mean ``model.NO_TEXT``."""
NO_TAGS = frozenset(_words("mycontacts, starred, my contacts"))
"""Groups everybody is in (Google)."""
