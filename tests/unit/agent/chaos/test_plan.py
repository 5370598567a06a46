"""A plan is a pure function of its seed, within bounds, and can be cut."""

from agent.chaos.faults import FAULTS, KINDS, Group
from agent.chaos.plan import STRIPE_READERS, plan_of

MANY = [plan_of(seed) for seed in range(200)]


def test_the_same_seed_is_the_same_world_and_another_is_another() -> None:
    assert plan_of(7) == plan_of(7)
    assert len({plan.sales for plan in MANY}) == len(MANY)


def test_no_two_sales_of_a_world_are_about_the_same_amount() -> None:
    for plan in MANY:
        assert len({sale.amount // 100 for sale in plan.sales}) == len(plan.sales)


def test_worlds_have_tens_of_sales_several_tills_and_readers_of_both_kinds() -> None:
    for plan in MANY:
        assert 10 <= len(plan.sales) <= 30
        assert 2 <= plan.tills <= 4
        assert set(plan.readers) == {*STRIPE_READERS, *plan.terminals}
        assert all(sale.till < plan.tills for sale in plan.sales)


def test_every_kind_of_fault_is_planned_where_it_can_happen() -> None:
    faults = [(plan, fault) for plan in MANY for fault in plan.faults]
    assert {fault.kind for _, fault in faults} == set(KINDS)
    for plan, fault in faults:
        assert FAULTS[fault.kind].fits(fault.reader in plan.terminals), fault


def test_only_the_faults_asked_for_are_planned() -> None:
    assert all(plan_of(seed, kinds=()).faults == () for seed in range(20))
    crashes = [fault.kind for seed in range(20) for fault in plan_of(seed, kinds=("crash",)).faults]
    assert set(crashes) == {"crash"}
    assert not any(each.bad_line for each in plan_of(3, kinds=("crash",)).terminals.values())


def test_holds_are_forgotten_only_where_somebody_sweeps() -> None:
    def forgotten(*, forgetful: bool) -> int:
        plans = [plan_of(seed, forgetful=forgetful) for seed in range(50)]
        return sum(sale.after == "forget" for plan in plans for sale in plan.sales)

    assert forgotten(forgetful=False) == 0
    assert forgotten(forgetful=True) > 0
    assert [plan.seed for plan in MANY if plan.forgetful] == list(range(0, 200, 10))


def test_faults_say_what_they_are() -> None:
    fault = next(fault for plan in MANY for fault in plan.faults if fault.step)
    assert fault.kind in str(fault)
    assert fault.step in str(fault)
    assert "at " in str(next(fault for plan in MANY for fault in plan.faults if not fault.step))
    assert FAULTS["silence"].group is Group.LINE
