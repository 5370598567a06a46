"""Our account at the simulated Stripe, in virtual time: what is declared comes about and is read back."""

import asyncio
from pathlib import Path

import pytest

from agent import documents
from agent.fleet.actions import Verb
from agent.fleet.apply import Executor, Status
from agent.fleet.contents import LocalContents, resolve
from agent.fleet.declaration import declare
from agent.fleet.errors import PermanentError, TemporaryError
from agent.fleet.export import export
from agent.fleet.model import DesiredState, Kind, ObservedState, Purpose
from agent.fleet.observed import StripeAccount
from agent.fleet.plan import plan
from agent.fleet.reconciler import Reconciler
from agent.fleet.scope import Scope
from agent.fleet.sources import FileSource
from agent.secret import Secret
from drivers.simulators.stripe_api.core import StripeSimulator
from tests.simulated_exchange import SimulatedStripe

PNG = b"\x89PNG\r\n\x1a\n"
FLEET = """
apiVersion: tillgate/v1
kind: Configuration
metadata: {name: default-de}
spec:
  tipping: {eur: {percentages: [5, 10, 15]}, gbp: {percentages: [5, 10, 15]}}
  reboot_window: {start_hour: 3, end_hour: 5}
  stripe_s700: {splashscreen: logo.png}
  reader_security: {admin_menu_passcode: {file: passcode}}
  wifi: {type: personal_psk, personal_psk: {ssid: Store, password: {file: wifi}}}
---
apiVersion: tillgate/v1
kind: Location
metadata: {name: berlin}
spec:
  display_name: Berlin
  address: {line1: Street 1, city: Berlin, postal_code: "10117", country: DE}
  phone: "+49 30 1"
  configuration: default-de
  metadata: {erp: "17"}
---
apiVersion: tillgate/v1
kind: Location
metadata: {name: oslo}
spec:
  display_name: Oslo
  address: {line1: Gata 1, city: Oslo, postal_code: "0150", country: NO}
---
apiVersion: tillgate/v1
kind: Reader
metadata: {name: till-1}
spec: {location: berlin, driver: stripe, registration_code: simulated-s700, label: Till 1}
"""


class Store:
    """A simulated account and the files of an admin."""

    def __init__(self, directory: Path) -> None:
        loop = asyncio.get_running_loop()
        self.stripe = SimulatedStripe(
            StripeSimulator(now=lambda: 1_800_000_000 + loop.time(), sleep=asyncio.sleep)
        )
        self.account = StripeAccount(self.stripe.api)
        self.file = directory / "fleet.yaml"
        (directory / "logo.png").write_bytes(PNG + b"one")
        for name, secret in (("wifi", "pass phrase"), ("passcode", "12345")):
            (directory / name).write_text(f"{secret}\n")
            (directory / name).chmod(0o600)
        self.file.write_text(FLEET)

    def edit(self, old: str, new: str) -> None:
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new))

    def desired(self) -> DesiredState:
        return resolve(declare(documents.load(self.file)), LocalContents())

    async def apply(self, **options: bool) -> list[str]:
        """Plan, apply, and prove that nothing is left; gives what was done."""
        desired = self.desired()
        made = plan(desired, await self.account.observe(), **options)
        assert made.obstacles == ()
        report = await Executor(self.account, LocalContents()).apply(
            made, f"n{asyncio.get_running_loop().time()}"
        )
        assert [each.message for each in report.results if each.status is not Status.DONE] == []
        await asyncio.sleep(1)
        assert plan(desired, await self.account.observe(), **options).empty
        return [f"{each.verb} {each.kind} {each.name}" for each in made.actions]


@pytest.fixture
async def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


async def test_everything_comes_about_once_and_is_read_back(store: Store) -> None:
    assert await store.apply() == [
        "create Configuration default-de",
        "create Location berlin",
        "create Location oslo",
        "register Reader till-1",
    ]
    assert await store.apply() == []
    observed = await store.account.observe()
    [configuration] = [each for each in observed.configurations if each.name == "default-de"]
    assert configuration.sections["wifi", "personal_psk", "password"] == Secret("pass phrase")
    assert configuration.sections["reader_security", "admin_menu_passcode"] == Secret("12345")
    assert "pass phrase" not in repr(observed)
    [location] = [each for each in observed.locations if each.name == "berlin"]
    assert location.configuration_id == configuration.id
    assert location.metadata["erp"] == "17"
    [reader] = observed.readers
    assert (reader.name, reader.label, reader.location_id) == ("till-1", "Till 1", location.id)


@pytest.mark.parametrize(
    ("old", "new", "done"),
    [
        ("display_name: Berlin", "display_name: Mitte", ["update Location berlin"]),
        ('phone: "+49 30 1"\n', "\n", ["update Location berlin"]),
        ("  configuration: default-de\n", "\n", ["update Location berlin"]),
        (", gbp: {percentages: [5, 10, 15]}", "", ["update Configuration default-de"]),
        (
            "{percentages: [5, 10, 15]}",
            "{fixed_amounts: [50, 100, 150]}",
            ["update Configuration default-de"],
        ),
        ("  reboot_window: {start_hour: 3, end_hour: 5}\n", "\n", ["update Configuration default-de"]),
        ("  stripe_s700: {splashscreen: logo.png}\n", "\n", ["update Configuration default-de"]),
        ("ssid: Store", "ssid: Shop", ["update Configuration default-de"]),
        ("label: Till 1", "label: Bar", ["update Reader till-1"]),
        ("{location: berlin, driver", "{location: oslo, driver", ["move Reader till-1"]),
    ],
)
async def test_each_change_is_carried_over(store: Store, old: str, new: str, done: list[str]) -> None:
    await store.apply()
    store.edit(old, new)
    assert await store.apply() == done


async def test_another_picture_or_password_behind_the_same_name_is_seen(store: Store) -> None:
    await store.apply()
    (store.file.parent / "logo.png").write_bytes(PNG + b"two")
    assert await store.apply() == ["update Configuration default-de"]
    (store.file.parent / "wifi").write_text("other phrase\n")
    assert await store.apply() == ["update Configuration default-de"]
    uploads = [each for each in store.stripe.exchange.sent if each == "POST /v1/files"]
    assert len(uploads) == 2


async def test_a_picture_that_was_there_before_is_not_uploaded_again(store: Store) -> None:
    await store.apply()
    store.edit("stripe_s700: {splashscreen: logo.png}", "stripe_s710: {splashscreen: logo.png}")
    # A new process knows nothing but what Stripe tells it.
    store.account = StripeAccount(store.stripe.api)
    await store.apply()
    assert store.stripe.exchange.sent.count("POST /v1/files") == 1


async def test_prune_takes_away_what_is_no_longer_declared(store: Store) -> None:
    await store.apply()
    start = store.file.read_text().index(
        "---\napiVersion: tillgate/v1\nkind: Location\nmetadata: {name: oslo}"
    )
    store.file.write_text(store.file.read_text()[:start])
    assert await store.apply(prune=True, everywhere=True) == ["remove Reader till-1", "remove Location oslo"]


async def test_an_account_that_others_filled_is_exported_with_an_empty_plan(
    store: Store, tmp_path: Path
) -> None:
    api = store.stripe.api
    picture = await api.upload_file("terminal_reader_splashscreen", "theirs.png", PNG, key="f")
    for name in ("Summer", "Summer", None):
        await api.create_configuration(
            {"name": name, "stripe_s700": {"splashscreen": picture.id}, "cellular": {"enabled": True}},
            key=f"{name}",
        )
    [default] = await api.list_configurations(account_default=True)
    await api.update_configuration(default.id, {"offline": {"enabled": True}}, key="d")
    address = {
        "line1": "1 Main St",
        "city": "Springfield",
        "state": "IL",
        "postal_code": "01067",
        "country": "US",
    }
    for number in range(3):
        location = await api.create_location(
            {"display_name": "NO", "address": address, "metadata": {"k": "1e3"}}, key=f"l{number}"
        )
        await api.register_reader(
            {"registration_code": "simulated-wpe", "location": location.id, "label": "null"}, key=f"r{number}"
        )
    await store.apply()
    observed = await store.account.observe()
    exported = export(observed)
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "fleet.yaml").write_text(exported.text)
    for name, secret in exported.secrets.items():
        path = tmp_path / "back" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(secret.reveal())
        path.chmod(0o600)
    back = resolve(declare(documents.load(tmp_path / "back" / "fleet.yaml")), LocalContents())
    made = plan(back, observed)
    assert made.empty
    assert made.unmanaged == ()
    assert exported.remarks == ()
    assert len(back.readers) == 4


async def test_a_japanese_location_is_read_back(store: Store) -> None:
    store.file.write_text(
        "{apiVersion: tillgate/v1, kind: Location, metadata: {name: tokyo}, spec: "
        "{display_name_kanji: 東京, address_kanji: "
        "{country: JP, postal_code: '1500001', state: Tokyo, city: Shibuya, "
        "town: A, line1: B}}}"
    )
    assert await store.apply() == ["create Location tokyo"]


async def test_a_reader_with_an_action_is_not_moved(store: Store) -> None:
    await store.apply()
    [reader] = (await store.account.observe()).readers
    assert not await store.account.acting(reader.id)
    intent = await store.stripe.client.call(
        "POST",
        "/v1/payment_intents",
        {"amount": 100, "currency": "eur", "allowed_payment_method_types": ["card_present"]},
    )
    await store.stripe.api.process_payment_intent(reader.id, str(intent.data["id"]), key="p")
    assert await store.account.acting(reader.id)
    [reader] = (await store.account.observe()).readers
    assert reader.acting
    store.edit("{location: berlin, driver", "{location: oslo, driver")
    made = plan(store.desired(), await store.account.observe())
    assert [each.verb for each in made.actions] == [Verb.MOVE]
    report = await Executor(store.account, LocalContents()).apply(made, "n")
    assert [each.status for each in report.results] == [Status.PUT_OFF]


async def test_what_is_gone_is_neither_acting_nor_an_error_to_delete(store: Store) -> None:
    assert not await store.account.acting("tmr_none")
    for kind, identifier in (
        (Kind.READER, "tmr_none"),
        (Kind.LOCATION, "tml_none"),
        (Kind.CONFIGURATION, "tmc_none"),
    ):
        await store.account.delete(kind, identifier)


async def test_configurations_can_be_deleted(store: Store) -> None:
    identifier = await store.account.create(Kind.CONFIGURATION, {"name": "x"}, "k")
    await store.account.delete(Kind.CONFIGURATION, identifier)
    assert [each for each in (await store.account.observe()).configurations if each.id == identifier] == []


async def test_refusals_are_permanent_and_say_what_was_tried(store: Store) -> None:
    with pytest.raises(PermanentError, match="could not create the Location: ") as caught:
        await store.account.create(Kind.LOCATION, {"display_name": "x"}, "k")
    assert caught.value.code
    with pytest.raises(PermanentError, match="could not update tmr_none"):
        await store.account.update(Kind.READER, "tmr_none", {"label": "x"}, "k2")
    await store.apply()
    [location] = [each for each in (await store.account.observe()).locations if each.name == "berlin"]
    with pytest.raises(PermanentError, match="could not delete tml_"):
        await store.account.delete(Kind.LOCATION, location.id)


async def test_a_refused_question_about_a_reader_is_an_error(store: Store) -> None:
    await store.stripe.fault("status:403", times=None)
    with pytest.raises(PermanentError, match="could not read reader tmr_1"):
        await store.account.acting("tmr_1")


async def test_a_cut_line_is_temporary(store: Store) -> None:
    store.stripe.exchange.down = True
    with pytest.raises(TemporaryError, match="could not read the account"):
        await store.account.observe()


async def test_a_file_that_nobody_knows_has_no_name(store: Store) -> None:
    await store.apply()
    [file] = (await store.account.observe()).files
    fresh = StripeAccount(store.stripe.api)
    await store.stripe.fault("status:404", method="GET", path="/v1/files/**", times=1)
    with pytest.raises(PermanentError):
        # A 404 of a proxy is not Stripe's word that the file is gone.
        await fresh.observe()
    assert (await fresh.observe()).files[file].startswith("tillgate-")


async def test_a_file_is_uploaded_under_its_name(store: Store) -> None:
    identifier = await store.account.upload(Purpose.SPLASHSCREEN, "a.png", PNG, "k")
    assert (await store.stripe.api.retrieve_file(identifier)).filename == "a.png"


async def test_a_lost_answer_makes_no_twin(store: Store) -> None:
    await store.stripe.fault("drop_after", method="POST", path="/v1/terminal/locations", times=1)
    await store.apply()
    assert len((await store.account.observe()).locations) == 2


async def test_the_daemon_heals_what_somebody_changed(store: Store) -> None:
    source = FileSource([store.file], LocalContents())
    reconciler = Reconciler(
        source,
        store.account,
        LocalContents(),
        path=store.file.parent / "bindings.json",
        heal=True,
        clock=asyncio.get_running_loop().time,
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reconciler.run(), name="fleet")
        await asyncio.sleep(1)
        assert reconciler.status.in_sync
        binding = reconciler.bindings["till-1"]
        await store.stripe.api.update_reader(binding.reader_id, {"label": "Theirs"}, key="x")
        await asyncio.sleep(200)
        observed: ObservedState = await store.account.observe()
        assert [each.label for each in observed.readers] == ["Till 1"]
        assert reconciler.bindings["till-1"] == binding
        task.cancel()


STORE = """
apiVersion: tillgate/v1
kind: Location
metadata: {{name: {0}}}
spec:
  display_name: {0}
  address: {{line1: Street 1, city: Berlin, postal_code: "10117", country: DE}}
"""
TILL = """---
apiVersion: tillgate/v1
kind: Reader
metadata: {{name: till-{1}}}
spec: {{location: {0}, driver: stripe, registration_code: simulated-s700, label: Till {1}}}
"""


@pytest.mark.parametrize(("stores", "tills", "whole", "regular"), [(3, 10, 3, 2), (101, 1, 5, 2)])
async def test_what_a_look_of_one_store_costs(
    store: Store, stores: int, tills: int, whole: int, regular: int
) -> None:
    for number in range(stores):
        name = f"store-{number}"
        store.file.write_text(STORE.format(name) + "".join(TILL.format(name, till) for till in range(tills)))
        await store.apply()
    reconciler = Reconciler(
        FileSource([store.file], LocalContents()),
        store.account,
        LocalContents(),
        path=store.file.parent / "bindings.json",
        clock=asyncio.get_running_loop().time,
    )
    costs: list[int] = []
    for _ in range(3):
        store.stripe.exchange.sent.clear()
        await reconciler.look()
        assert reconciler.status.in_sync
        costs.append(len(store.stripe.exchange.sent))
    assert costs == [whole, regular, regular]


async def test_a_location_that_is_gone_is_not_seen(store: Store) -> None:
    await store.apply()
    berlin, oslo = sorted((each.id, each.name) for each in (await store.account.observe()).locations)
    gone, left = (oslo, berlin) if oslo[1] == "oslo" else (berlin, oslo)
    await store.account.delete(Kind.LOCATION, gone[0])
    scope = Scope(locations=(gone[0], left[0], "tml_none"), readers_at=(gone[0], left[0]))
    seen = await store.account.observe_at(scope)
    assert [each.name for each in seen.locations] == ["berlin"]
    assert [each.name for each in seen.readers] == ["till-1"]
    await store.stripe.fault("status:403", path="/v1/terminal/locations/*")
    with pytest.raises(PermanentError, match="could not read the account"):
        await store.account.observe_at(scope)
