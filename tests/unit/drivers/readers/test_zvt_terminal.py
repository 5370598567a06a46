"""Reaching a terminal: links that come and go, registration, state, and a terminal still at work."""

import asyncio
from datetime import timedelta

import pytest

from drivers.contract import DriverError, LinkError
from drivers.readers.zvt_conversation import TerminalProtocolError, TerminalSilentError
from drivers.readers.zvt_standing import TerminalBusyError, TerminalRefusedError
from drivers.readers.zvt_terminal import Terminal
from drivers.simulators.zvt_terminal.profiles import PROFILES
from drivers.zvt.charset import Charset
from drivers.zvt.commands.payments import Authorisation
from drivers.zvt.commands.reports import StatusInformation
from drivers.zvt.ecr import Told
from drivers.zvt.message import Message
from tests.scripted_pt import CUT, DONE, HANG_UP, OK, SILENT, ScriptedPt
from tests.zvt_store import Session, ZvtStore, now


def terminal(pt: ScriptedPt) -> Terminal:
    made: Terminal = pt.driver._terminal
    return made


def loop_now() -> float:
    return asyncio.get_running_loop().time()


async def test_registration_says_who_we_are_and_what_we_take() -> None:
    async with ScriptedPt() as pt:
        talk = await terminal(pt).ready()
        assert talk.registered
        assert terminal(pt).identity.terminal_id == "52523535"
        assert terminal(pt).needs == ""
        # password, BE, EUR, TLV with 04 01, 06 D1, 06 D3 permitted and 1F73 offered
        assert "000000BE0978" in pt.heard[0]
        assert "260C0A0204010A0206D10A0206D3" in pt.heard[0]
        assert "1F7303000000" in pt.heard[0]
        assert await terminal(pt).ready() is talk
        assert pt.sent("0600") == 1


async def test_a_plain_terminal_is_registered_plainly() -> None:
    async with ScriptedPt(profile="no-tlv") as pt:
        await terminal(pt).ready()
        assert pt.heard[0] == "060006000000BE0978"
        await terminal(pt).standing(await terminal(pt).ready())
        assert "050100" in pt.heard


async def test_what_the_terminal_asks_for_is_kept() -> None:
    async with ScriptedPt({"0600": [OK, "060F021903"]}) as pt:
        await terminal(pt).ready()
        assert terminal(pt).needs == "initialisation, diagnosis"


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        (["841E036F0756"], "wrong_currency", "currency"),
        (["848300"], "zvt_switched_off", "switched off"),
        (["843700"], "wrong_password", "password"),
        ([OK, "061E01C2"], "zvt_c2", "diagnosis"),
    ],
)
async def test_a_refused_registration_says_why(said: list[str], code: str, words: str) -> None:
    async with ScriptedPt({"0600": said}) as pt:
        with pytest.raises(TerminalRefusedError, match=words) as caught:
            await terminal(pt).ready()
        assert caught.value.code == code


async def test_nobody_there() -> None:
    async with ScriptedPt() as pt:
        pt.absent = True
        with pytest.raises(LinkError):
            await terminal(pt).ready()
        pt.absent = False
        await terminal(pt).ready()


async def test_silence_and_strangers_are_named() -> None:
    async with ScriptedPt({"0600": [SILENT]}) as pt:
        with pytest.raises(TerminalSilentError, match="is ZVT enabled"):
            await terminal(pt).ready()
        pt.then("0600", ["150369"])
        with pytest.raises(TerminalProtocolError, match="ECR17"):
            await terminal(pt).ready()


async def test_an_idle_hang_up_is_a_reason_to_call_again() -> None:
    async with ScriptedPt() as pt:
        first = await terminal(pt).ready()
        await asyncio.sleep(60)
        pt.then("0501", [HANG_UP], [OK, "060F0100"])
        second = await terminal(pt).ready()
        assert second is not first
        assert (pt.sent("0600"), pt.sent("0501"), len(pt.links)) == (2, 1, 2)
        await asyncio.sleep(60)
        assert await terminal(pt).ready() is second  # it answered 05 01
        assert pt.sent("0501") == 2


async def test_idle_hang_ups_are_no_losses_on_a_network_and_losses_on_a_port() -> None:
    async with ScriptedPt() as pt:
        for _ in range(5):
            await pt.driver.status()
            assert pt.driver.link_health.up
            pt.then("0501", [HANG_UP], [OK, "060F0100"])
        assert (pt.driver.link_health.losses_total, pt.driver.link_health.flapping) == (0, False)
    async with ScriptedPt(link="serial:///dev/ttyUSB0", framing="bare") as pt:
        for _ in range(4):
            await pt.driver.status()
            pt.then("0501", [CUT], [OK, "060F0100"])
        health = pt.driver.link_health
        assert (health.up, health.losses_total, health.flapping) == (True, 3, True)


async def test_a_terminal_that_says_nothing_has_no_link_and_does_not_flap() -> None:
    async with ScriptedPt({"0600": [SILENT]}) as pt:
        for _ in range(4):
            with pytest.raises(TerminalSilentError):
                await pt.driver.status()
        health = pt.driver.link_health
        assert (health.up, health.tries, health.losses_total, health.flapping) == (False, 4, 0, False)
        assert "did not answer" in health.cause
        pt.then("0600", [OK, DONE])
        await pt.driver.status()
        assert pt.driver.link_health.up


async def test_a_link_that_has_just_ended_takes_no_payment_however_fresh_it_is() -> None:
    async with ScriptedPt() as pt:
        first = await terminal(pt).ready()
        assert await terminal(pt).ready() is first
        pt.links[-1]._inbox.end()
        assert await terminal(pt).ready() is not first
        assert (len(pt.links), pt.driver.link_health.losses_total) == (2, 0)


async def test_a_look_tells_a_loss_and_leaves_it_to_others_to_mend_it() -> None:
    async with ScriptedPt(link="serial:///dev/ttyUSB0", framing="bare") as pt:
        await pt.driver.check()
        for _ in range(3):
            pt.links[-1].abort()
            with pytest.raises(LinkError):
                await pt.driver.check()
            assert len(pt.links) == 1, "however often somebody looks"
        assert pt.driver.link_health.rest_s > 0
        await pt.driver.open()
        assert len(pt.links) == 2, "who needs it now does not wait"


async def test_a_connection_for_each_transaction_is_idle_between_them() -> None:
    async with ScriptedPt(profile="vx820") as pt:
        await pt.driver.check()
        health = pt.driver.link_health
        assert (health.up, health.cause, health.losses_total) == (False, "", 0)


async def test_a_connection_for_each_transaction() -> None:
    async with ScriptedPt(profile="vx820") as pt:
        await pt.driver.open()
        await pt.driver.status()
        assert len(pt.links) == 2


async def test_the_state_of_a_terminal() -> None:
    async with ZvtStore() as store:
        known: Terminal = store.driver._terminal
        standing = await known.standing(await known.ready())
        assert standing.usable
        assert (standing.identity.terminal_id, standing.identity.serial_number) == ("52523535", "00004711")
        assert known.skew == timedelta(hours=1)
        store.terminal.device.lock(0xC2)
        standing = await known.standing(await known.ready())
        assert (standing.code, standing.usable) == (0xC2, False)


async def test_a_terminal_id_told_only_by_its_state() -> None:
    async with ScriptedPt({"0600": [OK, DONE], "0501": [OK, "060F0A0006071F440452523535"]}) as pt:
        await terminal(pt).standing(await terminal(pt).ready())
        assert terminal(pt).identity.terminal_id == "52523535"


@pytest.mark.parametrize(
    ("said", "error"), [(["84A000"], TerminalBusyError), (["848300"], TerminalRefusedError)]
)
async def test_a_state_that_is_not_told(said: list[str], error: type[DriverError]) -> None:
    async with ScriptedPt({"0501": said}) as pt:
        talk = await terminal(pt).ready()
        with pytest.raises(error):
            await terminal(pt).standing(talk)


async def test_a_locked_terminal_may_answer_by_an_abort() -> None:
    async with ScriptedPt({"0501": [OK, "061E01F0"]}) as pt:
        standing = await terminal(pt).standing(await terminal(pt).ready())
        assert (standing.code, standing.usable) == (0xF0, False)


async def test_the_clock_is_learnt_from_a_transaction_where_nothing_else_tells_it() -> None:
    async with ScriptedPt() as pt:
        known = terminal(pt)
        known.learn_clock(StatusInformation())
        assert known.skew is None
        local = now() + timedelta(hours=2)
        known.learn_clock(StatusInformation(date=f"{local:%m%d}", time=f"{local:%H%M%S}"))
        known.learn_clock(StatusInformation(date="0101", time="000000"))
        assert known.skew == timedelta(hours=2)


async def test_a_busy_terminal_is_stopped_once_and_waited_for() -> None:
    async with ScriptedPt({"06B0": [OK]}) as pt:
        pt.then("0600", ["84A000"], ["849C00"], [OK, DONE])
        pt.then("0501", [OK, "060F019C"], [OK, "060F0100"])
        talk = await terminal(pt).idle()
        assert talk.registered
        assert pt.sent("06B0") == 1


async def test_a_terminal_that_stays_busy_is_asked_later() -> None:
    async with ScriptedPt({"0501": [OK, "060F019C"]}) as pt:  # and 06 B0 is answered 84 83
        with pytest.raises(TerminalBusyError):
            await terminal(pt).idle()
        assert 45 <= loop_now() <= 47
        assert pt.sent("06B0") == 1


async def test_a_stop_that_breaks_the_link_is_said_again() -> None:
    async with ScriptedPt({"0600": ["84A000"]}) as pt:
        pt.then("06B0", [CUT], [SILENT], [OK])
        with pytest.raises(TerminalBusyError):
            await terminal(pt).idle()
        assert pt.sent("06B0") == 3


async def test_a_terminal_that_is_away_for_a_while_comes_back() -> None:
    async with ScriptedPt({"0600": [CUT]}) as pt:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(terminal(pt).idle())
            await asyncio.sleep(20)
            pt.then("0600", [OK, DONE])
        assert waiting.result().registered
        assert await terminal(pt)._stop()  # answered 84 83: said all the same
        await terminal(pt).close()
        assert not await terminal(pt)._stop()  # nobody there to be stopped


async def test_errors_of_who_listens_break_the_connection() -> None:
    async def full(told: Told) -> Message | None:
        raise RuntimeError(f"the disk is full at {told.topic}")

    async with ScriptedPt({"0601": [OK, "04FF010A", DONE]}) as pt:
        talk = await terminal(pt).ready()
        with pytest.raises(RuntimeError):
            await terminal(pt).run(talk, Authorisation(5).to_message(), full)
        assert await terminal(pt).ready() is not talk
        terminal(pt).interrupt()
        await terminal(pt).close()
        terminal(pt).interrupt()


@pytest.mark.parametrize(
    ("model", "asked", "agreed"),
    [
        ("standard", "utf-8", Charset.UTF_8),
        ("standard", "iso8859-1", Charset.LATIN_1),
        ("standard", "iso8859-2", None),
        ("valina", "utf-8", None),
        ("standard", "", None),
    ],
)
async def test_a_character_set_is_agreed_on_where_both_want_it(
    model: str, asked: str, agreed: Charset | None
) -> None:
    options = {"ask_charset": asked} if asked else {}
    async with ZvtStore(model, options={"password": PROFILES[model].password or "", **options}) as store:
        known: Terminal = store.driver._terminal
        await known.ready()
        assert known.charset is agreed
        session = Session()
        outcome = await store.pay(session)
        assert "Händler" in outcome.receipt["merchant_text"] or "HÄNDLER" in outcome.receipt["merchant_text"]
        closing = await store.driver.end_of_day()
        assert "\ufffd" not in closing.text + outcome.receipt["customer_text"]


async def test_a_terminal_without_tlv_is_not_asked() -> None:
    async with ScriptedPt(profile="no-tlv", ask_charset="utf-8", charset="iso8859-1") as pt:
        await terminal(pt).ready()
        assert pt.heard[0] == "060006000000BE0978"
        assert terminal(pt).charset is Charset.LATIN_1
