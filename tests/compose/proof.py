"""`python -m tests.compose.proof`: run docker-compose.yml with the profile demo on a real engine and prove what it promises.

Ends whatever it has started. Exit code 0: everything holds; 1: something does not; 77: no engine can be had, whose own
error is printed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from tests.compose import checks
from tests.compose.derive import derive, refused
from tests.compose.engine import CACHE, EngineError, engine, version
from tests.compose.running import NotProvedError, Stack
from tests.compose.shell import CommandError, run
from tests.compose.stack import FILE, OURS, ROOT, SERVICES
from tests.compose.standins import PYTHON_IMAGE, provide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SKIPPED: Final = 77
PROJECT: Final = "rapidapi-ml-proof"
SECRETS: Final = ROOT / "secrets" / "proof"
"""Within the folder that git and the image's context leave out, so that it is seen whether they do."""
UP: Final = ("up", "--detach")
_PORTS: Final = (
    "COLLECTOR_PORT",
    "SIDECAR_PORT",
    "PROMETHEUS_PORT",
    "ALERTMANAGER_PORT",
    "GRAFANA_PORT",
    "DEMO_PORT",
)


class Report:
    """Prints what is proven and keeps it for the documentation."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.failed = False

    def tell(self, text: str) -> None:
        """Print a line."""
        self.lines.append(text)
        print(text, flush=True)  # noqa: T201 - a command's output

    def prove(self, what: str, check: Callable[[], str]) -> None:
        """Run a check, and tell how it came out."""
        try:
            self.tell(f"ok      {what}: {check()}")
        except (NotProvedError, CommandError) as error:
            self.failed = True
            self.tell(f"FAILED  {what}: {error}")


def compose_command() -> tuple[list[str], tuple[int, ...]]:
    """The compose command of this machine, the newer one where there are two, and its version."""
    chosen = os.environ.get("COMPOSE")
    candidates = [chosen.split()] if chosen else [["docker", "compose"], ["docker-compose"]]
    for command in candidates:
        try:
            text = run(*command, "version")
        except (CommandError, OSError):
            continue
        numbers = re.findall(r"(\d+)\.(\d+)\.(\d+)", text)[0]
        return command, tuple(int(number) for number in numbers)
    raise EngineError("there is an engine, but neither `docker compose` nor `docker-compose`")


def free_ports() -> dict[str, str]:
    """A free port of this machine for each that is published."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in _PORTS]
    ports = [str(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return dict(zip(_PORTS, ports, strict=True))


def prepare(report: Report, folder: Path) -> tuple[Stack, str, set[str]]:
    """Provide images and the file; return the stack, our image and the services that will run."""
    command, compose = compose_command()
    now = version()
    report.tell(f"engine {'.'.join(map(str, now))}, compose {'.'.join(map(str, compose))}")
    report.prove("build", lambda: build(report))
    pulled = {service["image"]: name for name, service in SERVICES.items() if name not in OURS}
    lacking = {image for image in sorted(pulled) if not provide(image, report.tell)}
    absent = {name for name, service in SERVICES.items() if service["image"] in lacking}
    if absent:
        report.tell(f"left out, for no distribution package holds it: {', '.join(sorted(absent))}")
    wanted = refused(compose, now)
    derived, dropped = derive(FILE, wanted, absent, str(SECRETS))
    if dropped != wanted:
        raise NotProvedError(f"keys to drop that are not there: {wanted - dropped}")
    report.tell(f"keys left out for these versions: {', '.join(sorted(dropped)) or 'none'}")
    path = folder / "docker-compose.yml"
    path.write_text(yaml.safe_dump(derived, sort_keys=False), encoding="utf-8")
    options = ["--project-name", PROJECT, "--project-directory", str(ROOT), "--file", str(path)]
    options += ["--env-file", str(ROOT / "demo" / "compose.env"), "--profile", "demo"]
    old = ["--compatibility"] if compose[0] < 2 else []  # limits are for swarms alone without it
    stack = Stack([*command, *old, *options], PROJECT, free_ports())
    return stack, SERVICES["collector"]["image"], SERVICES.keys() - absent


def build(report: Report) -> str:
    """Build our image; return its size."""
    if not provide(PYTHON_IMAGE, report.tell):
        raise NotProvedError(f"there is no {PYTHON_IMAGE}")
    image = SERVICES["collector"]["image"]
    classic = {**os.environ, "DOCKER_BUILDKIT": "0"}
    begun = time.monotonic()
    run("docker", "build", "--network", "host", "--tag", image, str(ROOT), env=classic, timeout=1800)
    size, base = (
        int(run("docker", "image", "inspect", "--format", "{{.Size}}", name)) / 1e6
        for name in (image, PYTHON_IMAGE)
    )
    return f"{image}, {size - base:.0f} MB on top of a base of {base:.0f} MB, in {time.monotonic() - begun:.0f} s"


@contextmanager
def secrets() -> Iterator[None]:
    """Secrets of the test's own, each with the mark to look for."""
    SECRETS.mkdir(parents=True, exist_ok=True)
    for name in FILE["secrets"]:
        (SECRETS / name).write_text(f"{checks.MARK}-{name}\n", encoding="utf-8")
        (SECRETS / name).chmod(0o444)
    try:
        yield
    finally:
        shutil.rmtree(SECRETS)


def prove(report: Report) -> None:
    """Prove everything, and leave nothing behind but images."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with engine() as told, secrets(), tempfile.TemporaryDirectory(dir=CACHE) as folder:
        report.tell(told)
        stack, image, services = prepare(report, Path(folder))
        begun = time.monotonic()
        try:
            checks.start(stack, UP)
            report.prove("everything healthy", lambda: checks.healthy(stack, services))
            report.prove("metrics flow", lambda: checks.metrics_flow(stack))
            report.prove("history", lambda: checks.history(stack))
            report.prove("results in Prometheus", lambda: checks.results(stack, begun))
            report.prove("containers", lambda: checks.hardened(stack))
            report.prove("networks", lambda: checks.on_loopback(stack))
            report.prove("an incident", lambda: checks.incident(stack))
            report.prove("cost", lambda: checks.cost(stack))
            report.prove("limits", lambda: checks.within_limits(stack))
            report.prove("kill -9", lambda: checks.heals(stack))
            report.prove("down and up", lambda: checks.keeps(stack, UP, services))
            report.prove("secrets", lambda: checks.no_secret_leaks(stack, image, Path(folder)))
        finally:
            stack.compose("down", "--volumes", "--remove-orphans")
    report.tell(f"took {time.monotonic() - begun:.0f} s after the images were there; everything was ended")


def page(path: Path, lines: Sequence[str]) -> str:
    """Return the page with this output in place of what the same versions said before."""
    earlier = (
        re.findall(r"^```\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        if path.exists()
        else []
    )
    versions = next(line for line in lines if line.startswith("engine "))
    kept = [block for block in earlier if versions not in block.splitlines()]
    blocks = [*kept, "".join(f"{line}\n" for line in lines)]
    return _PAGE + "".join(f"\n```\n{block}```\n" for block in sorted(blocks))


def main() -> int:
    """Run the proof; with `--write`, keep its output as a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="page to write the output to, if all is well")
    path = parser.parse_args().write
    report = Report()
    try:
        prove(report)
    except EngineError as error:
        report.tell(f"skipped: no container engine can be had here. Its own words: {error}")
        return SKIPPED
    except (NotProvedError, CommandError) as error:
        report.failed = True
        for one in filter(None, (error.__context__, error)):
            report.tell(f"FAILED  {one}")
    print("1 failed" if report.failed else "everything holds")  # noqa: T201 - a command's output
    if path and not report.failed:
        path.write_text(page(path, report.lines), encoding="utf-8")
    return int(report.failed)


_PAGE: Final = """\
# The containers, proven on an engine

Output of the last `make compose-test` with each pair of engine and compose; it writes this page. It runs `docker-compose.yml` with the profile `demo`; an
image that can't be pulled is replaced by a stand-in of the same name, built from distribution packages: what is shown
here then holds for our image, for the compose file, and for Debian's Prometheus and Alertmanager in place of the
official ones.
"""


if __name__ == "__main__":
    sys.exit(main())
