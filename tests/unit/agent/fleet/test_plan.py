"""The planner: cases as data, and the property that applying a plan leaves nothing to plan."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import documents
from agent.fleet.actions import Action, Plan, shown
from agent.fleet.apply import Executor, Status
from agent.fleet.contents import ContentsError, resolve
from agent.fleet.declaration import declare
from agent.fleet.export import export
from agent.fleet.model import DesiredState, Kind, Leaf, Upload, nest
from agent.fleet.plan import plan
from agent.fleet.plan_file import SavedPlan, load, save
from agent.secret import Secret
from tests.unit.agent.fleet.fake_account import FakeAccount

DIRECTORY = Path(__file__).parents[3] / "cases" / "plan"


class FakeContents:
    """The content of a file is its name; the secret in a file speaks of it."""

    def secret(self, reference: str) -> Secret:
        return Secret(f"secret of {Path(reference.partition(':')[2]).name}")

    def content(self, upload: Upload) -> bytes:
        if "missing" in upload.reference:
            raise ContentsError(f"{upload.reference} cannot be read")
        return Path(upload.reference.partition(":")[2]).name.encode()


CASES = [
    pytest.param(case, id=f"{path.stem}: {case['case']}")
    for path in sorted(DIRECTORY.glob("*.yaml"))
    for case in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]


def desired_of(listed: list[Any]) -> DesiredState:
    text = yaml.safe_dump_all(listed, allow_unicode=True)
    return resolve(declare(documents.parse(text, "/fleet/case.yaml")), FakeContents())


def account_of(case: dict[str, Any], *, merges: bool = True) -> FakeAccount:
    account = FakeAccount(merges=merges)
    observed = case.get("observed", {})
    for kind in Kind:
        for each in observed.get(f"{kind.lower()}s", ()):
            account.put(kind, **each)
    for identifier, name in observed.get("files", {}).items():
        account.files[identifier] = with_hashes(name)
    return account


def with_hashes(name: str) -> str:
    start, found, rest = name.partition("<")
    if not found:
        return name
    inside, _, end = rest.partition(">")
    return f"{start}{hashlib.sha256(inside.encode()).hexdigest()[:32]}{end}"


def told(action: Action) -> dict[str, Any]:
    def said(value: Leaf) -> object:
        if isinstance(value, Upload):
            return f"upload <{Path(value.reference.partition(':')[2]).name}>"
        return shown(value)

    return nest({key: said(value) for key, value in action.params.items()})


def pruning(case: dict[str, Any]) -> dict[str, bool]:
    """What a case says after `prune`: nothing, `here` or `everywhere`."""
    said = case.get("prune", "")
    return {"prune": bool(said), "everywhere": said == "everywhere"}


def headline(action: Action) -> str:
    return f"{action.verb} {action.kind} {action.name}"


@pytest.mark.parametrize("case", CASES)
async def test_case(case: dict[str, Any]) -> None:
    account = account_of(case)
    made = plan(desired_of(case["desired"]), await account.observe(), **pruning(case))
    expected = case["expect"]
    actions = expected.get("actions", [])
    assert [headline(each) for each in made.actions] == [each["do"] for each in actions]
    for action, wanted in zip(made.actions, actions, strict=True):
        changes = [f"{each.path}: {shown(each.old)} -> {shown(each.new)}" for each in action.changes]
        if "changes" in wanted:
            assert changes == wanted["changes"]
        if "params" in wanted:
            assert told(action) == wanted["params"]
        if "reset" in wanted:
            assert list(action.reset) == wanted["reset"]
        assert action.note.startswith(wanted.get("note", ""))
    found = [f"{each.kind} {each.name}: {each.message}" for each in made.obstacles]
    assert len(found) == len(expected.get("obstacles", []))
    for line, beginning in zip(found, expected.get("obstacles", []), strict=True):
        assert line.startswith(beginning)
    assert sorted(each.id for each in made.unmanaged) == expected.get("unmanaged", [])
    assert made.empty == (not actions and not found)


@pytest.mark.parametrize("merges", [True, False])
@pytest.mark.parametrize("case", CASES)
async def test_after_apply_only_obstacles_are_left(case: dict[str, Any], merges: bool) -> None:
    account = account_of(case, merges=merges)
    desired = desired_of(case["desired"])
    made = plan(desired, await account.observe(), **pruning(case))
    report = await Executor(account, FakeContents()).apply(made, "n")
    assert report.count(Status.DONE) == len(report.results)
    again = plan(desired, await account.observe(), **pruning(case))
    assert again.actions == ()
    assert again.obstacles == made.obstacles


@pytest.mark.parametrize("case", CASES)
async def test_a_saved_plan_is_the_plan_and_holds_no_secret(case: dict[str, Any]) -> None:
    account = account_of(case)
    made = plan(desired_of(case["desired"]), await account.observe(), **pruning(case))
    text = save(SavedPlan(made, "n1"))
    assert "secret of" not in text
    loaded = load(text)
    assert loaded.nonce == "n1"
    assert _sent(loaded.plan) == _sent(made)
    assert loaded.plan.obstacles == made.obstacles
    assert loaded.plan.unmanaged == made.unmanaged
    assert loaded.plan.observed == made.observed


def _sent(made: Plan) -> list[object]:
    return [
        (each.verb, each.kind, each.name, each.id, dict(each.params), each.reset, each.note)
        for each in made.actions
    ]


coin = st.booleans()
names = st.sampled_from(["a", "b", "c"])
triples = st.lists(st.integers(1, 50), min_size=3, max_size=3)
tips = st.fixed_dictionaries({}, optional={"percentages": triples, "fixed_amounts": triples}).filter(bool)


@st.composite
def tippings(draw: st.DrawFn) -> dict[str, Any]:
    first = draw(tips)
    currencies = draw(st.sets(st.sampled_from(["eur", "usd", "chf"]), min_size=1))
    return {each: {key: draw(triples) for key in first} for each in sorted(currencies)}


pictures = st.sampled_from(["one.png", "two.png"]).map(lambda name: {"splashscreen": name})
networks = st.one_of(
    st.sampled_from(["p1", "p2"]).map(
        lambda p: {"type": "personal_psk", "personal_psk": {"ssid": "S", "password": {"file": p}}}
    ),
    st.just(
        {
            "type": "enterprise_eap_peap",
            "enterprise_eap_peap": {
                "ssid": "S",
                "username": "u",
                "password": {"file": "p3"},
                "ca_certificate_file": "ca.pem",
            },
        }
    ),
)
configuration_specs = st.fixed_dictionaries(
    {},
    optional={
        "tipping": tippings(),
        "offline": st.booleans().map(lambda on: {"enabled": on}),
        "stripe_s700": pictures,
        "bbpos_wisepos_e": pictures,
        "wifi": networks,
        "reader_security": st.sampled_from(["c1", "c2"]).map(lambda f: {"admin_menu_passcode": {"file": f}}),
    },
)


@st.composite
def fleets(draw: st.DrawFn) -> list[Any]:
    """Documents of a small store; any two of them share names, so that one can follow the other."""
    configurations = {name: draw(configuration_specs) for name in sorted(draw(st.sets(names)))}
    locations: dict[str, dict[str, Any]] = {}
    for name in sorted(draw(st.sets(names, min_size=1))):
        spec: dict[str, Any] = {
            "display_name": draw(st.sampled_from([f"Store {name}", "NO", "01067"])) + name,
            "address": {
                "line1": draw(st.sampled_from(["S 1", "S 2"])),
                "city": "B",
                "postal_code": "1",
                "country": "DE",
            },
        }
        if draw(coin):
            spec["phone"] = draw(st.sampled_from(["1", "1e3"]))
        if bool(configurations) and draw(coin):
            spec["configuration"] = draw(st.sampled_from(sorted(configurations)))
        locations[name] = spec
    readers = {
        f"till-{name}": {
            "location": draw(st.sampled_from(sorted(locations))),
            "driver": "stripe",
            "registration_code": "simulated-s700",
            **draw(
                st.fixed_dictionaries({}, optional={"label": st.sampled_from([f"Till {name}", f"NO{name}"])})
            ),
        }
        for name in sorted(draw(st.sets(names)))
    }
    listed = [("Configuration", configurations), ("Location", locations), ("Reader", readers)]
    return [
        {"apiVersion": "tillgate/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        for kind, objects in listed
        for name, spec in objects.items()
    ]


@given(first=fleets(), second=fleets(), merges=st.booleans(), prune=st.booleans(), everywhere=st.booleans())
@settings(deadline=None, max_examples=60)
def test_applying_leaves_nothing_to_plan_and_an_export_plans_nothing(
    first: list[Any], second: list[Any], merges: bool, prune: bool, everywhere: bool
) -> None:
    async def scenario() -> None:
        account = FakeAccount(merges=merges)
        account.put(Kind.CONFIGURATION, is_account_default=True)
        for listed in (first, second):
            desired = desired_of(listed)
            made = plan(desired, await account.observe(), prune=prune, everywhere=everywhere)
            report = await Executor(account, FakeContents()).apply(made, "n")
            assert report.complete
            again = plan(desired, await account.observe(), prune=prune, everywhere=everywhere)
            assert again.empty
        observed = await account.observe()
        exported = export(observed)
        secrets = {path: secret.reveal() for path, secret in exported.secrets.items()}
        back = declare(documents.parse(exported.text, "/export/fleet.yaml"))
        resolved = resolve(back, ExportedContents(secrets))
        assert plan(resolved, observed).empty

    asyncio.run(scenario())


class ExportedContents(FakeContents):
    """The secrets that an export wrote."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self._secrets = secrets

    def secret(self, reference: str) -> Secret:
        return Secret(self._secrets[reference.removeprefix("file:/export/")])
