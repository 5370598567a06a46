"""One vocabulary for every door."""

import pytest

from agent.pos.prompts import LANGUAGES, prompt
from drivers.contract import Progress

WIDTH = 40
"""What fits into a register's line of status."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_words_for_every_step_in_every_language(language: str) -> None:
    words = {prompt(step, language) for step in Progress}
    assert all(0 < len(word) <= WIDTH for word in words)
    assert len(words) == len(Progress), "no two steps read the same"


def test_other_languages_get_english() -> None:
    assert prompt(Progress.WRONG_PIN, "fi") == prompt(Progress.WRONG_PIN, "en") == "Wrong PIN"
