"""Decides what an answer is: a success, from which later steps take what they need, or which kind of error."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.body import BodyError, unpacked
from collector.contents import Contents
from collector.outcome import reason_for_status
from collector.values import statuses_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.answer import Answer
    from collector.api import Step
    from collector.body_judge import BodyJudge


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer is.

    Attributes:
        reason: One of `contract.ERROR_REASONS`; None for a success.
        detail: A few words for the log, free of secrets.
        taken: The values that the step takes, by name.
        lifetime: Seconds from now for which they may be used again.
    """

    reason: str | None
    detail: str = ""
    taken: Mapping[str, str] = field(default_factory=dict, repr=False)
    lifetime: float = 0.0


async def judge(step: Step, answer: Answer, max_body: int, bodies: BodyJudge) -> Verdict:
    """Return what an answer is.

    Args:
        step: What the answer has to be.
        answer: The answer.
        max_body: Bytes that are unpacked of its body at most.
        bodies: Who looks at bodies.
    """
    status = answer.status
    if not step.expects(status):
        detail = f"status {status}, expected {statuses_text(step.expected_status)}"
        return Verdict(reason_for_status(status), detail)
    if answer.problem:
        return Verdict("body", answer.problem)
    return await _content(step, answer, max_body, bodies) if step.needs_body or step.take else Verdict(None)


async def _content(step: Step, answer: Answer, max_body: int, bodies: BodyJudge) -> Verdict:
    headers, charset = answer.headers, answer.charset or "utf-8"
    packed = (
        headers.get("Content-Encoding", "") if step.needs_body else ""
    )  # which HEAD says of a body it lacks
    try:
        plain = await unpacked(answer.body, packed, max_body)
    except BodyError as error:
        return Verdict("body", str(error))
    wanted = [source.header for source in step.take.values() if source.header]
    found = {name.lower(): headers[name] for name in wanted if name in headers}
    contents = Contents(step.expected_body, step.take, step.cache, found)
    findings = await bodies.look(contents, plain, charset, time.time())
    if findings.problem:
        return Verdict("body", findings.problem)
    return Verdict(None, "", findings.taken, findings.lifetime)
