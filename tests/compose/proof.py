"""`python -m tests.compose.proof`: run docker-compose.yml with the profile demo on a real engine and prove what it promises.

Ends whatever it has started. Exit code 0: everything holds; 1: something does not; 77: no engine can be had, whose own
error is printed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from tests.compose import checks, engine
from tests.compose.derive import derive, refused
from tests.compose.errors import EngineError, NotProvedError
from tests.compose.images import OUR_IMAGE, borrowed, provide_all
from tests.compose.report import Report
from tests.compose.running import Stack
from tests.compose.sandbox import enter, leave_network
from tests.compose.shell import CommandError, run
from tests.compose.stack import FILE, ROOT, SERVICES
from tests.compose.standins import PYTHON_IMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SKIPPED: Final = 77
PROJECT: Final = "rapidapi-ml-proof"
SECRETS: Final = ROOT / "secrets" / "proof"
"""Within the folder that git and the image's context leave out, so that it is seen whether they do."""
UP: Final = ("up", "--detach")
_DOWN: Final = ("down", "--volumes", "--remove-orphans")
_PORTS: Final = (
    "COLLECTOR_PORT",
    "SIDECAR_PORT",
    "PROMETHEUS_PORT",
    "ALERTMANAGER_PORT",
    "GRAFANA_PORT",
    "DEMO_PORT",
)


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


def prepare(report: Report, absent: set[str]) -> Stack:
    """Derive the file that this engine and this compose take; return the stack that it describes."""
    command, compose = compose_command()
    wanted = refused(compose, engine.version())
    derived, dropped = derive(FILE, wanted, absent, str(SECRETS))
    if dropped != wanted:
        raise NotProvedError(f"keys to drop that are not there: {wanted - dropped}")
    report.tell(f"keys left out for these versions: {', '.join(sorted(dropped)) or 'none'}")
    path = engine.SCRATCH / "docker-compose.yml"
    path.write_text(yaml.safe_dump(derived, sort_keys=False), encoding="utf-8")
    options = ["--project-name", PROJECT, "--project-directory", str(ROOT), "--file", str(path)]
    options += ["--env-file", str(ROOT / "demo" / "compose.env"), "--profile", "demo"]
    old = ["--compatibility"] if compose[0] < 2 else []  # limits are for swarms alone without it
    return Stack([*command, *old, *options], PROJECT, free_ports())


@contextmanager
def secrets() -> Iterator[None]:
    """Secrets of the test's own, each with the mark to look for."""
    SECRETS.parent.mkdir(mode=0o700, exist_ok=True)
    SECRETS.mkdir(exist_ok=True)
    for name in FILE["secrets"]:
        (SECRETS / name).write_text(f"{checks.MARK}-{name}\n", encoding="utf-8")
        (SECRETS / name).chmod(0o444)
    try:
        yield
    finally:
        shutil.rmtree(SECRETS, ignore_errors=True)
        with suppress(OSError):  # somebody's own secrets
            SECRETS.parent.rmdir()


def images(report: Report) -> set[str]:
    """Tell the versions and provide the images; return the services that are left without one."""
    compose = compose_command()[1]
    report.tell(f"engine {'.'.join(map(str, engine.version()))}, compose {'.'.join(map(str, compose))}")
    return provide_all(report)


def checked(report: Report, absent: set[str], *, short: bool) -> None:
    """Start the stack, check everything, end it."""
    services = SERVICES.keys() - absent
    stack = prepare(report, absent)
    begun = time.monotonic()
    stack.compose(*_DOWN)  # what a run that was killed has left
    engine.try_out(PYTHON_IMAGE, f"{PROJECT}-trial")
    try:
        checks.start(stack, UP)
        report.prove("everything healthy", lambda: checks.healthy(stack, services))
        report.prove("metrics flow", lambda: checks.metrics_flow(stack))
        report.prove("history", lambda: checks.history(stack))
        # Its alert takes minutes by design; what it does not disturb is looked at meanwhile.
        broken = checks.break_down(stack)
        report.prove("results in Prometheus", lambda: checks.results(stack, begun))
        report.prove("reload", lambda: checks.reloads(stack, ROOT / "demo" / "apis.yml"))
        report.prove("containers", lambda: checks.hardened(stack))
        report.prove("networks", lambda: checks.on_loopback(stack))
        report.prove("image", lambda: checks.no_secret_in(OUR_IMAGE, engine.SCRATCH))
        report.prove("an incident", lambda: checks.incident(stack, broken))
        report.prove("cost", lambda: checks.cost(stack))
        report.prove("limits", lambda: checks.within_limits(stack))
        report.prove("kill -9", lambda: checks.heals(stack, at_once=short))
        report.prove("down and up", lambda: checks.keeps(stack, UP, services))
        report.prove("secrets", lambda: checks.no_secret_leaks(stack))
    finally:
        stack.compose(*_DOWN)
    report.tell(f"took {time.monotonic() - begun:.0f} s after the images were there; everything was ended")
    if short:
        report.tell("the short form: containers were killed all at once, not one after the other")


def prove(report: Report, *, images_only: bool, short: bool) -> None:
    """Prove everything, on the engine that runs or on one of the proof's own; leave nothing behind but images of that."""
    lent = engine.answers()
    if lent and os.geteuid() != 0:
        raise EngineError("there is one, but only root may look at the processes in its containers")
    if not lent:
        engine.install(*engine.PACKAGES)
        enter("tests.compose.proof")
    with engine.alone(), secrets():  # they lie there, for a leak to be seen, when the image is built
        if lent and images_only:
            report.tell("an engine runs on this machine: nothing is made ahead on it")
        elif lent:
            report.tell("the engine that runs on this machine")
            with borrowed():
                checked(report, images(report), short=short)
        else:
            report.tell("dockerd, started by hand")
            with engine.started("--iptables=false", "--ip-forward=false"):
                absent = images(report)
            if not images_only:
                leave_network()
                with engine.started():
                    checked(report, absent, short=short)


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
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--write", type=Path, help="page to write the output to, if all is well")
    form.add_argument("--images", action="store_true", help="only make the images, for a later run")
    form.add_argument(
        "--short", action="store_true", help="kill containers all at once, not one after the other"
    )
    options = parser.parse_args()
    path = options.write
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that everything is ended
    report = Report()
    try:
        prove(report, images_only=options.images, short=options.short)
    except EngineError as error:
        report.tell(f"skipped: no container engine can be had here. Its own words: {error}")
        return SKIPPED
    except (NotProvedError, CommandError) as error:
        report.failed = True
        earlier = error.__context__  # ending the stack may fail after something else has
        if earlier is not None and str(earlier) not in str(error):
            report.tell(f"FAILED  {earlier}")
        report.tell(f"FAILED  {error}")
    if report.failed or not options.images:
        print("not everything holds" if report.failed else "everything holds")  # noqa: T201 - a command's output
    if path and not report.failed:
        path.write_text(page(path, report.lines), encoding="utf-8")
    return int(report.failed)


_PAGE: Final = """\
# The containers, proven on an engine

Output of the last `make compose-test` with each pair of engine and compose; it writes this page. It runs `docker-compose.yml` with the profile `demo`; an
image that can't be pulled is replaced by a stand-in of the same name, built from distribution packages: what is shown
here then holds for our image, for the compose file, and for Debian's Prometheus and Alertmanager in place of the
official ones.

Where no engine answers, it installs Debian's and starts it as root in namespaces of its own, so that its processes, mounts,
networks and packet filters end with it, even if it is killed; images stay in `~/.cache/rapidapi-ml/compose`
(`COMPOSE_TEST_CACHE` names another folder). An engine that runs already is used as it is, and has its own images
and nothing else afterwards. Where no engine can be had, its own error is printed and the exit code is 77.

`.ci/run` makes the images while the tests run, then does all this in the short form (`--short`), in which one thing
differs: the containers are killed all at once, not one after the other, because before engine 25 each waits
15 seconds for Docker to look at its health. Durations are the real ones: rules wait their two minutes, Alertmanager its
half.
"""


if __name__ == "__main__":
    sys.exit(main())
