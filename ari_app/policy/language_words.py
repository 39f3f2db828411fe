"""Words by which ``language`` tells French from English, as callers of a clinic write them; without accents, apostrophes joined."""

from __future__ import annotations

__all__ = ["ENGLISH", "FRENCH", "NAMES", "NEUTRAL", "SAID", "SPELT"]

_NEUTRAL_WORDS = """
    ok okay oki okey k kk merci thanks thank thx tks tx ty bonjour bjr bonsoir hello hi hey allo salut slt bye yo yes no lol mdr
    haha hahaha hehe xd omg wow super cool bravo top pm am h hr hrs min mins km kg mg ml cm dr dre mr mrs ms mme mlle rue av ave
    boul apt app suite montreal quebec laval canada tylenol advil motrin aspirin amoxicilline amoxicillin covid vaccin invisalign
    botox sms email mail message messages photo photos urgent urgence question questions important possible patient patiente date
    information info ramq
"""
NEUTRAL = frozenset(_NEUTRAL_WORDS.split())
"""What people of either language write, or what is of none: a greeting is a courtesy to the clinic as often as one's own language."""

_FRENCH_WORDS = """
    je tu il elle nous vous ils elles le la les un une des du de et ou est suis es sommes etes sont etait etais sera serai ai avons
    avez ont avait avais aurais aurait aura aurai au aux ce ces cet cette ca cela mon ma mes ton ta tes notre nos votre vos leur ne
    pas rien jamais aucun aucune pour par avec sans sous sur dans chez vers que qui quoi quel quelle quels quelles quand pourquoi
    combien si oui non bien tres trop assez encore deja toujours aussi mais donc puis apres avant depuis pendant jusqu aujourdhui
    demain hier matin soir nuit midi apresmidi semaine mois annee heure heures jour jours journee soiree lundi mardi mercredi jeudi
    vendredi samedi dimanche dim janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre peux peut
    peuvent pouvez pourrais pourrait pouvoir pu veux veut voulez voudrais voudrait vouloir dois doit devez devrais devoir faut
    faudrait fais fait faites faire vais va allez aller vont viens vient venez venir prendre pris prends prenez rappel rappeler
    rappelez rappelle rapelez rapeler appeler appelez appelle appel appels ecrire ecrivez annuler annule annulez annulation deplacer
    reporter confirmer confirme confirmez changer cancelle cancele avoir eu ete etre savoir sais savez voir vu dire dit attendre
    attend attends attente arriver arrive repondre repondez repond repondu reponse besoin rendezvous rendez aimerais aime penser
    pense crois desole desolee pardon accord daccord parfait parfaite excusez sil plait stp svp beaucoup peu pres loin tard tot vite
    retard trouve trouver stationnement adresse ladresse ouvert ouverte ouverts ouvrez fermez ferme fermeture ouverture nettoyage
    detartrage dent dents mal douleur douleurs gencive gencives joue enfle enflee enflure saigne saignement couronne plombage carie
    caries appareil dentiste hygieniste medecin docteur infirmiere pharmacie ordonnance renouvellement resultats resultat prise sang
    analyse billet malade fievre toux gorge ventre tete dos genou oeil yeux fille fils enfant enfants bebe mere pere mari femme chum
    blonde conjoint conjointe chien chats fois prix cout coute paiement payer facture recu assurance assurances nouveau nouvelle
    nouveaux cabinet clinique maintenant tantot bientot prochain prochaine dernier derniere libre disponible dispo premier premiere
    autre autres chose jeun finalement vraiment bonne bon bons tomber tombe tombee casse cassee perdu perdue brise brisee sensible
    cest jai quest quil lheure jy nest nai sest dune dun quun lapres toi moi lui eux tout toute tous toutes meme aucunement ici
    labas revenir reviens revient remplir formulaire courriel texto numero telephone dentaire dentaires blanchiment sagesse
    traitement prothese dentier dentiers pont obturation broches gouttiere radio radios radiographie suivi consulter consultation
    grippe enceinte grossesse pilule medicament medicaments antibiotique antibiotiques infecte infectee avaler respirer respire
    etourdi etourdie nausee nausees vomir vomi vomit diarrhee coupure brulure pansement allergique allergie diabete coeur poitrine
    epaule cou hanche cheville pied pieds doigt peau eczema anxiete dors dormir fatigue fatiguee faible chiot chaton secretaire
    accueil reclamation soumission financement comptant carte virement porte barree barre dehors dedans etage ascenseur essayer
    essaye demander demande apporter apporte aider aide bouger bouge verifier verifie cherche chercher garder commencer commence
    arreter arrete finir fini passer passe laisser laisse envoyer envoye envoyez recevoir remettre remis revoir donner donne tenir
    mettre mis mettez sortir sorti sortie partir parti partie entrer rentrer chaque plusieurs certains quelques quelque lorsque
    puisque sinon alors parce afin presque plutot surement probablement exactement gauche droite autour note compris entendu
    interesse interessee idee moyen aprem itou faudra sait savent disponibilite disponibilites disponibles plaisir cours personne
    gens quelquun tellement reprendre souvent parfois ensuite ailleurs bas haut grand grande petit petite vieux vieille jeune homme
    ans an etaient etions aviez avions serez seront serais serait ferai fera ferez viendra viendrai irai ira reponds preferer
    prefere prefererais nom prenom famille frere soeur ami amie copine epouse epoux
"""
FRENCH = frozenset(_FRENCH_WORDS.split())
"""Of French alone."""

_ENGLISH_WORDS = """
    i you he she we they it the and or is are am was were be been being my your our his her their its this that these those there
    here not dont doesnt didnt cant couldnt wont wouldnt isnt arent im ive ill id youre theyre thats whats hows lets can could will
    would should might must shall have has had having do does did done for with without from at to of in by about after before until
    since when how why what where which who because but if then than just also still again already ever never always today tomorrow
    tonight yesterday morning afternoon evening night noon week weeks month months year years hour hours day days weekend monday
    tuesday wednesday thursday friday saturday sunday january february march april june july august september october november
    december please sorry sure yeah nope maybe call called calling back text texted need needed want wanted like book booked booking
    appointment appointments cancel cancelled canceled reschedule confirm confirmed come coming came go going went get getting got
    make made take took taking give send sent see know think thought hope wait waiting leave left running late early soon later now
    open closed close opening address parking located work works working fine good great sounds perfect nice well worries problem
    mind any some anything something someone anyone everything much many more less lot tooth teeth toothache cleaning filling crown
    cavity gum gums jaw swollen swelling bleeding bleeds hurt hurts hurting painful ache sore numb broke broken chipped fell lost
    loose dentist hygienist doctor nurse checkup refill pharmacy results blood shot sick fever cough throat stomach headache knee
    eye eyes ear rash daughter kid kids child children baby mother father mom dad husband wife boyfriend girlfriend dog cat cats
    time times price cost pay payment bill receipt insurance cover covered new first last next available availability spot forms out
    up down off over under too very really so let us them him bad better worse fast eat bit asap forgot forget missed miss return
    returning hear heard talk speak soonest root dental emergency idea wrong number wisdom whitening braces retainer bridge veneers
    denture dentures xray xrays exam consult followup referral flu vaccine shots pregnant pregnancy pills pill meds medication
    medications antibiotics infected swallow breathing breathe dizzy nauseous vomiting bruise cut burn stitches bandage allergic
    diabetes pressure heart chest shoulder neck hip ankle foot feet hand hands finger skin mole sleep tired weak puppy kitten spay
    neuter receptionist office desk coverage claim quote estimate cash credit debit card etransfer directions door locked outside
    inside floor building elevator try tried trying ask asked asking tell told show bring brought help move moved change changed
    check checked look looking find found keep keeps kept start started starting stop stopped finish finished happen happened
    happening ready busy free hungry each every other another same different few several though although while whether either
    neither almost enough quite pretty probably definitely absolutely exactly right away around through during into way chance
    wondering interested seeing seen saw said says say saying using used use understand understood people person somebody nobody
    nothing family brother sister friend
"""
ENGLISH = frozenset(_ENGLISH_WORDS.split())
"""Of English alone."""

_NAMES_WORDS = """
    will hope april june may bill mark grace joy dawn rose rich young art mai avril aime bon bonne le la du de des tu my van so than
    an
"""
NAMES = frozenset(_NAMES_WORDS.split())
"""Names of people as well: they tell nothing."""

# fmt: off
SPELT: dict[str, str] = {
    **dict.fromkeys(("c", "ces", "cest"), "c'est"),
    "koi": "quoi", "kwa": "quoi", "keski": "qu'est-ce qui", "pk": "pourquoi", "pkoi": "pourquoi", "pq": "pourquoi", "kan": "quand",
    "qd": "quand", "ki": "qui", "ke": "que", "kel": "quel", "jpeux": "je peux", "jpeu": "je peux", "jvais": "je vais",
    "jva": "je vais", "jvas": "je vais", "jvoudrais": "je voudrais", "jveux": "je veux", "jve": "je veux", "jsuis": "je suis",
    "chui": "je suis", "chu": "je suis", "jai": "j'ai", "jattend": "j'attends", "jattends": "j'attends", "jarrive": "j'arrive",
    "jaimerais": "j'aimerais", "dm1": "demain", "2m1": "demain", "dem1": "demain", "bi1": "bien", "b1": "bien", "ri1": "rien",
    "qq1": "quelqu'un", "auj": "aujourd'hui", "ajd": "aujourd'hui", "stp": "s'il te plaît", "svp": "s'il vous plaît",
    "rdv": "rendez-vous", "rv": "rendez-vous", "dsl": "désolé", "tjrs": "toujours", "tjs": "toujours", "tt": "tout",
    "pcq": "parce que", "ya": "il y a", "yé": "il est", "ye": "il est", "fo": "faut", "vs": "vous", "ns": "nous", "pr": "pour",
    "ds": "dans", "ac": "avec", "bcp": "beaucoup", "mtn": "maintenant", "dac": "d'accord", "dacc": "d'accord", "bsr": "bonsoir",
    "es": "est-ce", "sa": "ça", "cb": "combien", "jms": "jamais", "pis": "puis", "ouin": "oui", "ouais": "oui", "ui": "oui",
    "u": "you", "r": "are", "ur": "your", "pls": "please", "plz": "please", "tmrw": "tomorrow", "tmr": "tomorrow", "2moro": "tomorrow",
    "tmw": "tomorrow", "2day": "today", "2nite": "tonight", "b4": "before", "appt": "appointment", "appts": "appointments",
    "rly": "really", "srry": "sorry", "sry": "sorry", "wut": "what", "wat": "what", "wht": "what", "gonna": "going to",
    "wanna": "want to", "gotta": "got to", "cuz": "because", "bc": "because", "asap": "asap", "idk": "I don't know",
    "lmk": "let me know", "np": "no problem", "im": "I'm", "ive": "I've", "cant": "can't", "wont": "won't", "didnt": "didn't",
    "doesnt": "doesn't", "whats": "what's", "hows": "how's", "thats": "that's", "gd": "good", "nite": "night", "l8": "late",
    "l8r": "later", "2nd": "second", "msg": "message", "yeah": "yeah", "yea": "yeah", "yep": "yeah", "yup": "yeah", "nope": "nope",
}
# fmt: on
SAID = {"c u": "see you", "c ya": "see you", "es tu": "es-tu", "sa va": "ça va"}
"""The same of two words, which one alone does not tell."""
