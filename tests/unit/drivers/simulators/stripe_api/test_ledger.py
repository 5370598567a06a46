"""The bank's books."""

from tests.unit.drivers.simulators.stripe_api.caller import Caller


async def test_the_books_show_every_cent(api: Caller) -> None:
    reader = await api.reader()
    paid = await api.paid(reader, metadata={"session": "s"})
    await api.post("/v1/refunds", payment_intent=paid["id"], amount=300)
    held = await api.paid(reader, capture_method="manual")
    await api.post(f"/v1/payment_intents/{held['id']}/capture", amount_to_capture=600)
    released = await api.paid(reader, capture_method="manual")
    await api.post(f"/v1/payment_intents/{released['id']}/cancel")
    declined = await api.paid(reader, "4000000000000002")
    await api.process(reader, declined["id"])
    books = await api.control("/ledger", method="GET")
    assert books["totals"] == {
        "eur": {"authorized": 3000, "captured": 1600, "refunded": 300, "released": 1400}
    }
    row = books["payment_intents"][0]
    assert row.pop("presented_at") == api.simulator.world.now()
    assert row == {
        "id": paid["id"],
        "account": api.simulator.world.account("one").id,
        "amount": 1000,
        "currency": "eur",
        "status": "succeeded",
        "authorized": 1000,
        "captured": 1000,
        "refunded": 300,
        "released": 0,
        "prompts_shown": 1,
        "prompts_replaced": 0,
        "payable_now": False,
        "reader": reader.rpartition("/")[2],
        "charges": 1,
        "metadata": {"session": "s"},
    }
    again = books["payment_intents"][3]
    assert (again["payable_now"], again["charges"], again["prompts_shown"]) == (True, 1, 2)


async def test_the_books_of_one_account(api: Caller) -> None:
    await api.intent()
    other = Caller(api.simulator, "sk_test_two")
    mine = await other.intent()
    account = api.simulator.world.account("two").id
    books = await api.control(f"/ledger?account={account}", method="GET")
    assert [row["id"] for row in books["payment_intents"]] == [mine]
    everything = await api.control("/ledger", method="GET")
    assert len(everything["payment_intents"]) == 2


async def test_a_display_is_not_payable(api: Caller) -> None:
    reader = await api.reader()
    await api.post(reader + "/collect_inputs", inputs=[{"type": "email", "custom_text": {"title": "A"}}])
    assert (await api.control("/ledger", method="GET"))["payment_intents"] == []
