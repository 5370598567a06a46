"""The status page: self-contained, and blind to whatever names may hold."""

import re

from agent.pos.page import HEADERS, PAGE


def test_it_loads_nothing_from_elsewhere() -> None:
    assert not re.search(r"(https?:)?//[a-z]", PAGE)
    assert "default-src 'none'" in HEADERS["Content-Security-Policy"]


def test_it_never_makes_markup_of_what_it_shows() -> None:
    assert "innerHTML" not in PAGE
    assert "document.write" not in PAGE


def test_it_reads_what_anybody_may_read() -> None:
    assert re.findall(r'fetch\("([^"]+)"', PAGE) == ["/v1/health"]
