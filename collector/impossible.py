"""Finds what a configuration expects although no answer can be so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collector.errors import Problem
from collector.request import REDIRECTS
from collector.values import field_path, statuses_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.api import Api, Step
    from collector.yaml_file import Document

_WITHOUT_BODY: Final = {204, 304}


def wrong_expectations(apis: tuple[Api, ...], document: Document) -> Iterator[Problem]:
    """Yield a problem for each request that would fail whatever is answered."""
    for index, api in enumerate(apis):
        for location, step in api.located():
            for key, what, remedy in contradictions(api, step):
                place = ("apis", index, *location, key)
                yield Problem(field_path(place), what, remedy, document.line(place))


def contradictions(api: Api, step: Step) -> Iterator[tuple[str, str, str]]:
    """Yield the key, what is wrong, and what to write instead, for each reason for which a request would always fail."""
    statuses = step.expected_status or frozenset({200})
    if step.needs_body:
        key = "expected_body" if step.expected_body else "take"
        if step.method == "HEAD":
            yield key, "an answer to HEAD has no body", f"write `method: GET`, or leave out `{key}`"
        if statuses <= _WITHOUT_BODY:
            what = f"an answer of status {statuses_text(statuses)} has no body"
            yield key, what, "leave it out, or expect another status"
    if api.follow_redirects and statuses <= REDIRECTS:
        remedy = "leave out `follow_redirects`, or expect the status of what the redirect leads to"
        yield "expected_status", "a redirect that is followed is not the answer", remedy
