"""The conformance report: complete, true to the code, and in the docs as it is."""

import ast
from pathlib import Path

from agent.pos.register.conformance import PROOFS, TESTS, Support, report, table
from agent.pos.register.terminal import HANDLERS
from drivers.zvt.commands.table import ROWS

ROOT = Path(__file__).parents[5]


def named_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_command_of_the_standard_has_a_line() -> None:
    lines = report()
    assert {line.command for line in lines} == set(ROWS)
    for line in lines:
        sent = line.proof.support in {Support.SENT, Support.NEVER_SENT}
        assert sent != line.from_register or line.command in {0x06D1, 0x06D3}, hex(line.command)


def test_every_proof_is_a_test_that_exists() -> None:
    known = {path.name: named_in(path) for path in (ROOT / TESTS).glob("test_*.py")}
    for line in report():
        name, _, test = line.proof.test.partition("::")
        assert test in known[name], line


def test_the_report_says_what_the_code_does() -> None:
    served = {command for command, proof in PROOFS.items() if proof.support is not Support.SENT}
    assert served == set(HANDLERS) | {0x06B0}


def test_the_docs_have_the_table_as_it_is() -> None:
    page = (ROOT / "docs" / "zvt.md").read_text(encoding="utf-8")
    assert table() in page, "docs/zvt.md: put `tillgate zvt conformance --markdown` in its place"
