"""How patient payments are unless somebody says otherwise."""

from agent.payments.policy import DeskPolicy, LanePolicy


def test_a_till_hears_of_a_slow_capture_before_its_own_http_client_gives_up() -> None:
    assert DeskPolicy().settle_wait_s < 30


def test_what_never_began_is_not_given_up_while_its_customer_may_stand_there() -> None:
    assert DeskPolicy().stray_s > LanePolicy().payment_timeout_s


def test_nothing_is_taken_away_before_it_is_too_late_to_try_again() -> None:
    assert DeskPolicy().retry_window_s > DeskPolicy().chores_interval_s
