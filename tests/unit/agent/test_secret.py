"""Nothing but `reveal` shows a secret."""

import copy
import pickle

import pytest
from pydantic import BaseModel

from agent.secret import Secret

VALUE = "sk_test_do_not_show"


def test_reveal_gives_the_value() -> None:
    assert Secret(VALUE).reveal() == VALUE


@pytest.mark.parametrize(
    "shown",
    [
        repr(Secret(VALUE)),
        str(Secret(VALUE)),
        f"{Secret(VALUE)}",
        f"{Secret(VALUE):>20}",
        f"{Secret(VALUE)!r}",
        "%s %r" % (Secret(VALUE), Secret(VALUE)),  # noqa: UP031 -- the old operator is what logging uses
        repr([Secret(VALUE)]),
    ],
)
def test_no_way_of_printing_shows_it(shown: str) -> None:
    assert VALUE not in shown
    assert "***" in shown


def test_pickling_is_refused() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret(VALUE))


def test_it_has_no_dict_to_look_into() -> None:
    assert not hasattr(Secret(VALUE), "__dict__")


def test_equal_values_are_equal_and_hash_alike() -> None:
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret("other")
    assert Secret(VALUE) != VALUE
    assert len({Secret(VALUE), Secret(VALUE)}) == 1


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret(VALUE)


def test_a_copy_is_the_same_object() -> None:
    secret = Secret(VALUE)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_hide_covers_the_value_in_a_text() -> None:
    assert Secret(VALUE).hide(f"refused {VALUE}, {VALUE}") == "refused ***, ***"
    assert Secret("").hide("nothing to hide") == "nothing to hide"


def test_a_model_reads_a_secret_and_writes_stars() -> None:
    class Holder(BaseModel):
        key: Secret

    held = Holder.model_validate({"key": VALUE})
    assert held.key.reveal() == VALUE
    assert VALUE not in repr(held)
    assert held.model_dump_json() == '{"key":"***"}'
