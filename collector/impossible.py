"""Finds what a configuration expects although no answer can be so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collector.errors import Problem
from collector.request import REDIRECTS
from collector.values import statuses_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.api import Api
    from collector.yaml_file import Document

_WITHOUT_BODY: Final = {204, 304}


def wrong_expectations(apis: tuple[Api, ...], document: Document) -> Iterator[Problem]:
    """Yield a problem for each API that would fail whatever it answers."""
    for index, api in enumerate(apis):
        for key, what, remedy in contradictions(api):
            yield Problem(f"apis[{index}].{key}", what, remedy, document.line(("apis", index, key)))


def contradictions(api: Api) -> Iterator[tuple[str, str, str]]:
    """Yield the key, what is wrong, and what to write instead, for each reason for which the API would always fail."""
    statuses = api.expected_status or frozenset({200})
    if api.expected_body and api.method == "HEAD":
        remedy = "write `method: GET`, or leave out `expected_body`"
        yield "expected_body", "an answer to HEAD has no body", remedy
    if api.expected_body and statuses <= _WITHOUT_BODY:
        what = f"an answer of status {statuses_text(statuses)} has no body"
        yield "expected_body", what, "leave it out, or expect another status"
    if api.follow_redirects and statuses <= REDIRECTS:
        remedy = "leave out `follow_redirects`, or expect the status of what the redirect leads to"
        yield "expected_status", "a redirect that is followed is not the answer", remedy
