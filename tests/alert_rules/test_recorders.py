"""The servers that stand in for receivers: what a client does to them does not keep the tests from ending."""

from __future__ import annotations

import smtplib
import threading

import pytest

from tests.alert_rules.recorders import recorded_mails

pytestmark = pytest.mark.integration


def test_a_client_that_is_killed_within_a_mail() -> None:
    """Its half of a mail is not taken for one, and nothing goes on waiting for the rest."""
    before = set(threading.enumerate())
    with recorded_mails() as (address, mails):
        client = smtplib.SMTP(address)
        client.docmd("DATA")
        client.send(b"Subject: half\r\n")
        client.close()
        for thread in set(threading.enumerate()) - before:
            if "process_request" in thread.name:
                thread.join(20)
                assert not thread.is_alive()
        assert mails == []
