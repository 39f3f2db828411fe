"""A clinic's morning, so that pages show what they are for: who waits, who was answered, what went wrong, what callers write."""

from __future__ import annotations

from ari_app.board import Role
from ari_app.model import Reached, Reason
from tests.portal.world import ALICE, BOB, FAILS, GOOD, Stage
from tests.threads.world import answered, silence, until

__all__ = ["HOSTILE", "morning"]

HOSTILE = (
    '<script>document.title="owned"</script><img src=x onerror=alert(1)>',
    "]]> &lt;b&gt; {{ 7*7 }} ' \" \\ %s \u202egnitirw desrever\u202c \u0007\u0000",
)
CLARA, DENIS, EMMA, FELIX, GUY, HELEN = (f"+1514555016{n}" for n in range(6))


async def morning(where: Stage) -> dict[str, int]:
    """Fills the store; ids of threads by name. Members: anne (staff, French), bob (staff), chief (administrator); one password."""
    anne = await where.member("Anne", extension="101", password=GOOD)
    bob = await where.member("Bob", extension="102", password=GOOD, language="en")
    await where.member("Chief", Role.ADMINISTRATOR, password=GOOD)
    ids: dict[str, int] = {}
    move = where.clock.move

    async def went(count: int) -> None:
        where.outbox.wake()
        await until(lambda: len(where.carrier.left) >= count)

    ids["guy"] = (await where.store.record_call(answered(GUY, ended=where.clock.at), silence(Reason.ANSWERED), line="main")).thread
    move(minutes=7)
    ids["helen"] = await where.missed(HELEN, Reason.SHORT_RING)
    await where.desk.done(ids["helen"], by=anne)
    move(minutes=5)
    ids["denis"] = await where.answered_by_machine(
        DENIS, "Clinique Rivard (514 555-0199): nous avons manqué votre appel. Que vous faut-il? Répondez à ce texto. Pour cesser: ARRET"
    )
    await went(1)
    move(minutes=3)
    await where.text(DENIS, "Bonjour, j'aimerais déplacer mon rendez-vous de jeudi 14 h. Auriez-vous une place lundi matin?")
    move(minutes=4)
    await where.desk.rename(ids["denis"], "Denis Lévesque", by=anne)
    await where.desk.speak(ids["denis"], "fr", by=anne)
    await where.desk.reply(ids["denis"], "Bonjour M. Lévesque, lundi 9 h 30 vous convient-il?", by=anne, act="seed-1")
    await went(2)
    move(minutes=6)
    await where.text(DENIS, "Parfait, merci beaucoup!")
    move(minutes=9)
    ids["fails"] = await where.missed(FAILS, reached=Reached.QUEUE)
    await where.desk.reply(ids["fails"], "We are back at one o'clock. Shall we call you then?", by=bob, act="seed-2")
    await went(3)
    move(minutes=8)
    ids["emma"] = await where.missed(EMMA, Reason.VOICEMAIL, voicemail_left=True, reached=Reached.VOICEMAIL)
    await where.desk.rename(ids["emma"], "Emma Tremblay-Beauchamp de la Chevrotière", by=anne)
    await where.desk.snooze(ids["emma"], where.clock.at.replace(hour=18, minute=0), by=anne)
    move(minutes=2)
    ids["anonymous"] = await where.missed(None, Reason.ANONYMOUS)
    move(minutes=11)
    ids["felix"] = await where.missed(FELIX)
    await where.text(FELIX, "STOP", opts_out=True)
    move(minutes=4)
    ids["hostile"] = await where.missed(CLARA, Reason.CLOSED)
    for words in HOSTILE:
        await where.text(CLARA, words)
    move(minutes=6)
    ids["bob"] = await where.missed(BOB)
    await where.text(BOB, "Hi, my daughter broke a tooth this morning, she is in pain. Can you see her today? 🙏")
    await where.desk.urgent(ids["bob"], True, by=bob)
    await where.desk.note(ids["bob"], "Dr Roy has an opening at 15:30, ask her first.", by=bob, act="seed-3")
    await where.desk.claim(ids["bob"], by=bob)
    move(minutes=2)
    ids["alice"] = await where.missed(ALICE)
    await where.text(ALICE, "Hello, do you take new patients? My number is 514 555-0101.")
    move(minutes=1)
    return ids
