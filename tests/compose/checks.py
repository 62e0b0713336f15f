"""What is proven of the running stack: each check returns the figures it saw, or raises NotProvedError."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from demo.fleet import FLEET
from tests.compose.errors import NotProvedError
from tests.compose.running import until
from tests.compose.shell import CommandError, run
from tests.compose.stack import LONG_RUNNING, SERVICES, default

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tests.compose.running import Stack

MARK: Final = "k3y-that-must-not-be-seen"
"""The secrets of the test: whoever finds it somewhere has found a leak."""
VICTIM: Final = "email-validator"
_HEALTHY_SECONDS: Final = 300.0
_MOST_SERIES: Final = 160
"""Of one API in Prometheus: 80 of the sidecar, the rest raw and recorded."""
_UNITS: Final = {"M": 2**20, "G": 2**30}


def healthy(stack: Stack, services: Collection[str]) -> str:
    """Every server is healthy and every check has ended well."""
    begun = time.monotonic()

    def well() -> bool:
        states = stack.containers()
        return states.keys() >= set(services) and not stack.unhealthy(LONG_RUNNING)

    try:
        until("everything is healthy", well, _HEALTHY_SECONDS)
    except NotProvedError as error:
        raise NotProvedError(f"{error}; {_troubles(stack)}") from None
    return f"{len(services)} containers, {time.monotonic() - begun:.0f} s after `up` returned"


def start(stack: Stack, arguments: tuple[str, ...]) -> None:
    """Start the stack; where that fails, the containers that are not well say why."""
    try:
        stack.compose(*arguments)
    except CommandError as error:
        raise NotProvedError(f"{error}; {_troubles(stack)}") from error


def _troubles(stack: Stack) -> str:
    unhealthy = stack.unhealthy(LONG_RUNNING)
    return "; ".join(f"{name} {state}, said: {stack.logs(name)[-500:]}" for name, state in unhealthy.items())


def metrics_flow(stack: Stack) -> str:
    """Prometheus scrapes everybody, and the collector counts requests of every API."""
    until(
        "all targets are up", lambda: stack.value("count(up == 1)") == 4 and stack.value("count(up)") == 4, 90
    )
    counted = "count(sum by (api_name) (increase(rapidapi_api_requests_total[5m])) > 0)"
    until("requests of every API", lambda: stack.value(counted) == len(FLEET), 180)
    return f"4 targets up, requests of {len(FLEET)} APIs"


def history(stack: Stack) -> str:
    """The simulated past is there from the start."""
    days = "(time() - min(min_over_time(timestamp(rapidapi_api_success_rate)[30d:1h]))) / 86400"
    found = stack.value(days)
    if not found > 27:
        raise NotProvedError(f"the history reaches back {found} days")
    return f"{found:.1f} days"


def results(stack: Stack, since: float) -> str:
    """Score, forecast and threshold of every API are in Prometheus."""
    told = []
    for name in ("rapidapi_ml_anomaly_score", "rapidapi_ml_predicted", "rapidapi_ml_threshold"):
        count = f"count(count by (api_name) ({name}))"
        until(f"{name} of every API", lambda count=count: stack.value(count) == len(FLEET), 420)
        told.append(f"{name} {time.monotonic() - since:.0f} s")
    return "after `up` began: " + ", ".join(told)


def reloads(stack: Stack, config: Path) -> str:
    """A configuration of the collector that an editor has replaced by a new file is in service by itself."""
    loaded = "max(rapidapi_collector_config_reload_timestamp_seconds)"
    before, begun = stack.value(loaded), time.monotonic()
    successor = config.with_name(f"{config.name}.new")
    shutil.copy(config, successor)
    successor.replace(config)
    until("the collector has loaded the new file", lambda: stack.value(loaded) > before, 90)
    return f"a replaced apis.yml is in service after {time.monotonic() - begun:.0f} s, a scrape included"


def break_down(stack: Stack) -> float:
    """Start an outage in the simulator's container; return the moment."""
    container = stack.containers()["simulator"]["Id"]
    command = ("python", "-m", "demo", "incident", VICTIM, "--kind", "outage", "--minutes", "8")
    run("docker", "exec", container, *command)
    return time.monotonic()


def incident(stack: Stack, begun: float) -> str:
    """The outage that began then reaches Alertmanager and the receiver's log."""

    def alerts() -> set[str]:
        found = stack.json("alertmanager", 9093, "/api/v2/alerts") or []
        return {alert["labels"]["alertname"] for alert in found if alert["labels"].get("api_name") == VICTIM}

    until(
        "a score above 0.7",
        lambda: stack.value(f'rapidapi_ml_anomaly_score{{api_name="{VICTIM}"}}') > 0.7,
        300,
    )
    scored = time.monotonic() - begun
    until("an alert in Alertmanager", lambda: "RapidAPIDown" in alerts(), 420)
    alerted = time.monotonic() - begun
    until("the alert in the log of alert_log", lambda: "RapidAPIDown" in stack.logs("alert_log"), 120)
    told = time.monotonic() - begun
    return (
        f"score above 0.7 after {scored:.0f} s, {', '.join(sorted(alerts()))} after {alerted:.0f} s, "
        f"told to alert_log after {told:.0f} s"
    )


def hardened(stack: Stack) -> str:
    """User, read-only root, capabilities and privileges are those of the file, as the kernel sees them."""
    for service in _running(stack):
        process = stack.process(service)
        fields = dict(line.split(":", 1) for line in (process / "status").read_text("utf-8").splitlines())
        user = SERVICES[service]["user"].split(":")
        seen = {
            "user": fields["Uid"].split()[1] == user[0] and fields["Gid"].split()[1] == user[1],
            "capabilities": all(
                int(fields[name], 16) == 0 for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")
            ),
            "no new privileges": fields["NoNewPrivs"].strip() == "1",
            "seccomp": fields["Seccomp"].strip() == "2",
            "read-only root": "ro" in _root_options(process),
        }
        if missing := [what for what, holds in seen.items() if not holds]:
            raise NotProvedError(f"{service}: {', '.join(missing)} not effective")
        try:
            (process / "root" / "written-by-test").touch()
        except OSError:
            continue
        raise NotProvedError(f"{service}: its root can be written")
    return f"in {len(_running(stack))} containers: numeric user, no capability, no new privileges, seccomp, read-only root"


def _running(stack: Stack) -> list[str]:
    return [service for service in stack.containers() if service in LONG_RUNNING]


def _root_options(process: Path) -> list[str]:
    for line in (process / "mountinfo").read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if fields[4] == "/":
            return fields[5].split(",")
    return []


def on_loopback(stack: Stack) -> str:
    """Ports are bound to 127.0.0.1, and what is only in the inner network is not given an address of the outside."""
    bound = {
        (row["HostIp"], port)
        for one in stack.containers().values()
        for port, rows in (one["NetworkSettings"]["Ports"] or {}).items()
        for row in rows or []
    }
    if not bound or {host for host, _ in bound} != {"127.0.0.1"}:
        raise NotProvedError(f"bound to {bound}")
    gateways = {}
    for service in _running(stack):
        networks = stack.containers()[service]["NetworkSettings"]["Networks"]
        out = {name.rpartition("_")[2]: network["Gateway"] for name, network in networks.items()}
        way = _default_gateway(stack.process(service))
        gateways[service] = next(name for name, gateway in out.items() if gateway == way)
    wrong = {s: n for s, n in gateways.items() if (n == "egress") != ("egress" in SERVICES[s]["networks"])}
    if wrong:
        raise NotProvedError(f"way out of {wrong}")
    ways = sorted(service for service, network in gateways.items() if network == "egress")
    return f"{len(bound)} ports, all on 127.0.0.1; a way out have {', '.join(ways)} alone"


def _default_gateway(process: Path) -> str:
    for line in (process / "net" / "route").read_text(encoding="utf-8").splitlines()[1:]:
        fields = line.split()
        if fields[1] == "00000000":
            return ".".join(str(byte) for byte in reversed(bytes.fromhex(fields[2])))
    return ""


def within_limits(stack: Stack) -> str:
    """Memory and processors are limited as the file says, and the peak so far is below."""
    told = []
    for service in sorted(_running(stack)):
        one = stack.containers()[service]
        limits = SERVICES[service]["deploy"]["resources"]["limits"]
        memory, cpus = default(limits["memory"]), float(default(limits["cpus"]))
        allowed = int(memory[:-1]) * _UNITS[memory[-1]]
        host = one["HostConfig"]
        if host["Memory"] != allowed or host["NanoCpus"] != cpus * 1e9:
            raise NotProvedError(
                f"{service}: {host['Memory']} bytes and {host['NanoCpus'] / 1e9} processors allowed"
            )
        if one["State"]["OOMKilled"]:
            raise NotProvedError(f"{service}: killed for want of memory")
        peak = _peak(stack.process(service))
        told.append(f"{service} {peak / 2**20:.0f} of {allowed / 2**20:.0f} MiB")
    return "peak memory, with files read: " + ", ".join(told)


def cost(stack: Stack) -> str:
    """What an API costs in series, and the servers in processor time; a size to plan by, not a limit."""
    series = stack.value('count({api_name!=""})') / len(FLEET)
    if not series <= _MOST_SERIES:
        raise NotProvedError(f"{series} series for each API")
    samples = stack.value("rate(prometheus_tsdb_head_samples_appended_total[2m])")
    rows = stack.query("sum by (job) (rate(process_cpu_seconds_total[3m])) * 100")
    rows += stack.query("sum by (job) (avg_over_time(rapidapi_system_cpu_percent[3m]))")
    shares = ", ".join(f"{row['metric']['job']} {float(row['value'][1]):.1f} %" for row in rows)
    return f"{series:.0f} series for each API, {samples:.0f} samples a second; of one processor: {shares}"


def _peak(process: Path) -> int:
    """Most memory that the container's group has held, in bytes."""
    groups = [line.split(":", 2) for line in (process / "cgroup").read_text(encoding="utf-8").splitlines()]
    for _, controllers, path in groups:
        if controllers == "memory":
            return int(
                Path(f"/sys/fs/cgroup/memory{path}/memory.max_usage_in_bytes").read_text(encoding="utf-8")
            )
    return int(Path(f"/sys/fs/cgroup{groups[-1][2]}/memory.peak").read_text(encoding="utf-8"))


def heals(stack: Stack, *, at_once: bool) -> str:
    """Whichever container is killed, one after the other or all at once, it is back and healthy, and so is the rest."""
    services = sorted(_running(stack))
    told = []
    for killed in [services] if at_once else [[service] for service in services]:
        begun = time.monotonic()
        before = {service: stack.containers()[service]["State"] for service in killed}
        for state in before.values():
            # From outside: what `docker kill` ends, Docker takes for meant.
            os.kill(state["Pid"], signal.SIGKILL)
        until(f"{killed} are back", lambda before=before: _back(stack, before), 120)
        told.append(f"{' and '.join(killed)} {time.monotonic() - begun:.0f} s")
    until("everything is healthy", lambda: not stack.unhealthy(LONG_RUNNING), 120)
    until("the sidecar scores", lambda: (stack.json("ml_sidecar", 8080, "/ready") or {}).get("ready"), 180)
    return f"{'all at once, ' if at_once else ''}healthy again after {', '.join(told)}"


def _back(stack: Stack, before: Mapping[str, Mapping[str, str]]) -> bool:
    now = {service: stack.containers()[service]["State"] for service in before}
    return all(
        state["StartedAt"] != before[service]["StartedAt"]
        and state.get("Health", {}).get("Status") == "healthy"
        for service, state in now.items()
    )


def keeps(stack: Stack, arguments: tuple[str, ...], services: Collection[str]) -> str:
    """After `down` and `up` the history and the models are those of before."""
    versions = _versions(stack)
    since = time.time()
    stack.compose("down")
    if left := stack.containers():
        raise NotProvedError(f"left after down: {sorted(left)}")
    start(stack, arguments)
    healthy(stack, services)
    until("the sidecar scores", lambda: (stack.json("ml_sidecar", 8080, "/ready") or {}).get("ready"), 180)
    now = _versions(stack)
    if now != versions:
        raise NotProvedError(f"models {now} instead of {versions}")
    if "has data already" not in stack.logs("history"):
        raise NotProvedError("the past was written a second time")
    history(stack)
    gap = stack.value(f"count_over_time(sum(rapidapi_api_success_rate)[1h:15s] @ {since:.0f})")
    if not gap > 0:
        raise NotProvedError("what was scraped before `down` is gone")
    return f"models {', '.join(sorted(now))} in service again {time.time() - since:.0f} s after `down` began, history kept"


def _versions(stack: Stack) -> set[str]:
    status = stack.json("ml_sidecar", 8080, "/status")
    return {model["version"] for model in status["models"].values()}


def no_secret_leaks(stack: Stack) -> str:
    """No secret stands in what Docker tells of containers or in logs, and yet the collector has its own."""
    ids = [one["Id"] for one in stack.containers().values()]
    searched = {
        "inspect": run("docker", "inspect", *ids),
        "logs": "".join(stack.logs(service) for service in stack.containers()),
        "status": str(stack.json("ml_sidecar", 8080, "/status")),
    }
    if leaks := [where for where, text in searched.items() if MARK in text]:
        raise NotProvedError(f"a secret stands in {leaks}")
    reached = run("docker", "exec", stack.containers()["collector"]["Id"], "cat", "/run/secrets/rapidapi_key")
    if MARK not in reached:
        raise NotProvedError("the collector does not get its secret")
    return "none in inspect, logs or status; the collector reads its own as a file"


def no_secret_in(image: str, folder: Path) -> str:
    """No secret stands in the image's history or in its layers."""
    if MARK in run("docker", "history", "--no-trunc", image):
        raise NotProvedError("a secret stands in the image's history")
    archive = folder / "image.tar"
    run("docker", "save", "--output", str(archive), image)
    try:
        run("grep", "--quiet", "--text", "--fixed-strings", MARK, str(archive))
    except CommandError:
        return f"no secret in {archive.stat().st_size / 1e6:.0f} MB of layers, nor in the history"
    else:
        raise NotProvedError("a secret stands in a layer")
    finally:
        archive.unlink()
