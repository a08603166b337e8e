"""A call that is given up after some seconds."""

import threading

import pytest

from twotrack.shared.base.deadline import within


def test_an_answer_in_time_is_returned():
    assert within(5, lambda: "answer") == "answer"


def test_what_the_call_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0)


def test_a_call_that_takes_longer_is_given_up_while_it_goes_on():
    answered = threading.Event()

    with pytest.raises(TimeoutError, match=r"no answer within 0\.01 s"):
        within(0.01, answered.wait)
    answered.set()
