"""C14 to C24: settings of docker-compose.yml, and whether it agrees with what stands beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from demo.containers import apis_text
from tests.compose.stack import (
    LONG_RUNNING,
    OURS,
    ROOT,
    SERVICES,
    TEXT,
    commands,
    default,
    mounts,
)
from tests.conventions.exemptions import hold

if TYPE_CHECKING:
    from collections.abc import Iterator

ENV_EXAMPLE: Final = (ROOT / ".env.example").read_text(encoding="utf-8")
DOCKERFILE: Final = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def variables() -> dict[str, str]:
    """Variables of docker-compose.yml with their defaults."""
    return dict(re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT))


def test_c14_no_variable_is_needed_without_saying_so() -> None:
    """A variable has a default that works, or the start fails with the reason."""
    bare = re.findall(r"\$\{?\w+(?!\w*:[-?])\}?", re.sub(r"\$\{\w+:[-?][^}]*\}", "", TEXT))
    hold("C14", [(name, "has neither a default nor a message") for name in bare])


def test_c14_every_variable_is_explained() -> None:
    """.env.example names each variable with the default that docker-compose.yml has, and no other."""
    explained = dict(re.findall(r"^#([A-Z_]+)=(.*)$", ENV_EXAMPLE, re.MULTILINE))
    assert explained == variables()
    demo = dict(
        re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / "demo" / "compose.env").read_text("utf-8"), re.MULTILINE)
    )
    assert demo.keys() <= explained.keys()


def test_c15_prometheus_keeps_what_the_models_learn_from() -> None:
    """History is kept for longer than the weekly profile reads, within a size, and rules are read-only."""
    flags = dict(flag.removeprefix("--").partition("=")[::2] for flag in commands(SERVICES["prometheus"]))
    wanted = {
        "config.file": "/etc/prometheus/prometheus.yml",
        "storage.tsdb.path": "/prometheus",
        "storage.tsdb.retention.time": "45d",
        "storage.tsdb.retention.size": "8GB",
        "web.enable-lifecycle": "",
    }
    hold(
        "C15",
        [(name, f"is {flags.get(name)!r}") for name, value in wanted.items() if flags.get(name) != value],
    )
    (files,) = mounts(SERVICES["prometheus"], "bind")
    assert (files["target"], files["read_only"]) == ("/etc/prometheus", True)


def test_c16_grafana_talks_to_nobody_and_lets_nobody_in() -> None:
    """No sign-up, no anonymous access outside the demo, no calls home, no plugins from outside."""
    environment = {name: default(value) for name, value in SERVICES["grafana"]["environment"].items()}
    off = [
        "GF_USERS_ALLOW_SIGN_UP",
        "GF_AUTH_ANONYMOUS_ENABLED",
        "GF_ANALYTICS_REPORTING_ENABLED",
        "GF_ANALYTICS_CHECK_FOR_UPDATES",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES",
        "GF_NEWS_NEWS_FEED_ENABLED",
    ]
    hold("C16", [(name, "is not off") for name in off if environment[name] != "false"])
    assert environment["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    home = environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    (boards,) = [mount for mount in mounts(SERVICES["grafana"], "bind") if home.startswith(mount["target"])]
    assert (ROOT / default(boards["source"]) / home.removeprefix(boards["target"] + "/")).exists()


def test_c17_the_demo_is_a_profile() -> None:
    """Plain `up` starts the stack; simulated APIs and their past come only when asked for."""
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["demo"]} == {
        "simulator",
        "history",
        "backfill",
    }
    hold(
        "C17",
        [
            (name, "is in another profile")
            for name, s in SERVICES.items()
            if s.get("profiles") not in (None, ["demo"])
        ],
    )


def test_c17_the_demo_s_collector_probes_the_simulated_apis() -> None:
    """The committed file is what the demo's fleet gives; `python -m demo.containers apis` renews it."""
    assert (ROOT / "demo" / "apis.yml").read_text(encoding="utf-8") == apis_text()


def test_c18_everything_has_time_to_end() -> None:
    """A server is given the seconds it needs to write what it knows before it is killed."""
    graces = {
        name: int(service["stop_grace_period"].removesuffix("s")) for name, service in LONG_RUNNING.items()
    }
    least = {"ml_sidecar": 30, "prometheus": 60}
    hold("C18", [(name, f"has {grace} s") for name, grace in graces.items() if grace < least.get(name, 5)])


def targets() -> Iterator[tuple[str, str]]:
    """Every host:port that a generated file of Prometheus or Alertmanager names, with the file's name."""
    prometheus = yaml.safe_load((ROOT / "provisioning/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    jobs: list[dict[str, Any]] = [*prometheus["scrape_configs"], *prometheus["alerting"]["alertmanagers"]]
    for job in jobs:
        for config in job["static_configs"]:
            for target in config["targets"]:
                yield "prometheus.yml", target
    alertmanager = (ROOT / "provisioning/alertmanager/alertmanager.yml").read_text(encoding="utf-8")
    for target in re.findall(r"url: http://([^/\s]+)", alertmanager):
        yield "alertmanager.yml", target


def listening() -> set[str]:
    """`service:port` of everything that listens inside."""
    published = {
        f"{name}:{port.rsplit(':', 1)[1]}"
        for name, service in SERVICES.items()
        for port in service.get("ports", [])
    }
    return published | {"alert_log:9095"}


def test_c19_whom_the_configuration_names_is_there() -> None:
    """Every host and port that is scraped, alerted or told is a service that listens there, in the same network."""
    own = {"localhost:9090"}
    hold(
        "C19",
        [(target, f"{file} names nobody") for file, target in targets() if target not in listening() | own],
    )
    assert {target for _, target in targets()} >= {"collector:9101", "ml_sidecar:8080", "alertmanager:9093"}
    assert all(
        "inside" in SERVICES[target.split(":")[0]]["networks"] for _, target in targets() if target not in own
    )


def test_c19_a_scrape_ends_before_the_next_begins() -> None:
    """The timeout is below the interval."""
    settings = yaml.safe_load((ROOT / "provisioning/prometheus/prometheus.yml").read_text("utf-8"))["global"]
    assert int(settings["scrape_timeout"][:-1]) < int(settings["scrape_interval"][:-1])


def test_c20_the_image_is_lean_and_not_root_s() -> None:
    """Built in a stage of its own, from locked versions, run as a numeric user, nothing written beside the volumes."""
    stages = re.findall(r"^FROM (.+)$", DOCKERFILE, re.MULTILINE)
    assert stages == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]
    build, final = DOCKERFILE.split("\nFROM ${PYTHON_IMAGE}\n")
    assert "--require-hashes -r requirements-run.lock" in build
    assert "pip wheel" in build
    for line in ("USER 10001:10001", "HEALTHCHECK NONE", "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1"):
        assert line in final
    hold(
        "C20", [(found, "is a tool to build with") for found in re.findall(r"\b(?:pip|apt-get|gcc)\b", final)]
    )
    assert "--mount" not in DOCKERFILE
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        name for line in re.findall(r"^COPY (?!--)(.+) \S+$", build, re.MULTILINE) for name in line.split()
    }
    assert "*" in ignored
    assert sent == copied


def test_c20_what_runs_is_what_was_tested() -> None:
    """The image's versions are those of the development environment, and nothing else than it needs to run."""

    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[a-z].*==.*$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))

    run, everything = pins("requirements-run.lock"), pins("requirements.lock")
    assert run <= everything
    assert not [pin for pin in run if pin.startswith(("pytest", "mypy", "ruff", "hypothesis", "nodejs"))]


def test_c21_up_waits_and_says_where() -> None:
    """`make up` returns when everything is healthy and prints the URLs; so does `make up-demo`, with scores."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("up", "up-demo", "down", "logs"):
        assert f"\t@deploy/compose.sh {target}\n" in makefile
    script = (ROOT / "deploy" / "compose.sh").read_text(encoding="utf-8")
    assert script.count("up --detach --build --wait") == 2
    assert script.count("\n    urls\n") == 2


def test_c22_the_image_says_what_it_is() -> None:
    """Title, description, licence, version and revision are labels."""
    labels = set(re.findall(r"org\.opencontainers\.image\.(\w+)=", DOCKERFILE))
    assert labels >= {"title", "description", "licenses", "version", "revision"}
    version = re.findall(
        r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE
    )[0]
    assert f"ARG VERSION={version}\n" in DOCKERFILE
    assert {SERVICES[name]["image"] for name in OURS} == {f"rapidapi-ml:{version}"}


def test_c23_configuration_is_checked_before_anything_starts() -> None:
    """Prometheus', Alertmanager's, the collector's and the sidecar's mistakes stop the start with their own words."""
    checked = {
        "collector": ["rapidapi-collector", "check"],
        "prometheus": ["check", "config"],
        "alertmanager": ["check-config"],
        "ml_sidecar": ["rapidapi-ml", "check-config"],
    }
    for name, command in checked.items():
        check = "check_" + name.removeprefix("ml_")
        assert check in SERVICES[name]["depends_on"]
        assert commands(SERVICES[check])[: len(command)] == command
        assert mounts(SERVICES[check], "bind") == mounts(SERVICES[name], "bind")


def test_c24_what_is_proven_offline_is_also_run() -> None:
    """`make compose-test` starts this very file on an engine, and its last output is in the documentation."""
    assert "tests.compose.proof" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert (ROOT / "docs" / "compose_test.md").exists()
