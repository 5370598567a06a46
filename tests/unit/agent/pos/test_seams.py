"""What is handed to the door fits the shapes it asks for."""

from pathlib import Path

from agent.pos.seams import Desk, Tills, TokenIssuer
from agent.pos.tills import TillRegistry
from tests.unit.agent.pos.conftest import FakeIssuer
from tests.unit.agent.pos.fake_desk import FakeDesk


def test_our_parts_have_the_shapes_the_door_asks_for(tmp_path: Path) -> None:
    tills: Tills = TillRegistry(tmp_path / "tills.json")
    desk: Desk = FakeDesk()
    issuer: TokenIssuer = FakeIssuer()

    assert tills.authenticate("tg_x") is None
    assert [reader.name for reader in desk.readers()] == ["till-1"]
    assert issuer.issue is not None
