"""All images of docker-compose.yml, as the engine will run them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.compose.engine import try_out
from tests.compose.errors import NotProvedError
from tests.compose.shell import run
from tests.compose.stack import OURS, ROOT, SERVICES
from tests.compose.standins import LABEL, PYTHON_IMAGE, identity, provide, stands_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.compose.report import Report

OUR_IMAGE: Final[str] = SERVICES["collector"]["image"]
_OTHERS: Final = sorted({service["image"] for name, service in SERVICES.items() if name not in OURS})


def provide_all(report: Report) -> set[str]:
    """Build our image, pull the others or build their stand-ins; return the services that are left without one."""
    report.prove("build", lambda: _build(report))
    lacking = {image for image in _OTHERS if not provide(image, report.tell)}
    absent = {name for name, service in SERVICES.items() if service["image"] in lacking}
    if absent:
        report.tell(f"left out, for no distribution package holds it: {', '.join(sorted(absent))}")
    return absent


def _build(report: Report) -> str:
    """Build our image; return its size."""
    if not provide(PYTHON_IMAGE, report.tell):
        raise NotProvedError(f"there is no {PYTHON_IMAGE}")
    try_out(PYTHON_IMAGE)
    classic = {**os.environ, "DOCKER_BUILDKIT": "0"}
    run("docker", "build", "--network", "host", "--tag", OUR_IMAGE, str(ROOT), env=classic, timeout=1200)
    size, base = (
        int(run("docker", "image", "inspect", "--format", "{{.Size}}", name)) / 1e6
        for name in (OUR_IMAGE, PYTHON_IMAGE)
    )
    return f"{OUR_IMAGE}, {size - base:.0f} MB on top of a base of {base:.0f} MB"


@contextmanager
def borrowed() -> Iterator[None]:
    """Give an engine that others use its names back: no stand-in and no build of the proof's is found under them."""
    names = [OUR_IMAGE, *_OTHERS, PYTHON_IMAGE]  # what is built on another comes before it
    before = {name: identity(name) for name in names}
    try:
        yield
    finally:
        for name, earlier in before.items():
            now = identity(name)
            if now not in {None, earlier} and (name == OUR_IMAGE or stands_in(name)):
                run("docker", "image", "rm", name)
                if earlier:
                    run("docker", "tag", earlier, name)
        run("docker", "image", "prune", "--force", f"--filter=label={LABEL}")  # stages built on a stand-in
