"""C1 to C13: what docker-compose.yml says of each container, held to the best of the field; `make compose-test` runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from tests.compose.stack import (
    COMPOSE,
    FILE,
    LONG_RUNNING,
    ONE_SHOT,
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
    from pathlib import Path

HEALTH: Final = {
    "collector": ":9101/health",
    "ml_sidecar": ":8080/health",
    "prometheus": ":9090/-/ready",
    "alertmanager": ":9093/-/ready",
    "grafana": ":3000/api/health",
    "alert_log": ":9095/",
    "simulator": ":9199/_demo/health",
}
USERS: Final = {
    "prom/prometheus": "65534:65534",
    "prom/alertmanager": "65534:65534",
    "grafana/grafana": "472:0",
}
ENV_EXAMPLE: Final = (ROOT / ".env.example").read_text(encoding="utf-8")
DOCKERFILE: Final = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def schema_errors(path: Path) -> str:
    """What the published schema of compose files has against a file; nothing if it is valid."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_c1_the_file_is_valid_compose() -> None:
    """The published schema knows every key."""
    assert schema_errors(COMPOSE) == ""


@pytest.mark.parametrize(
    "mistake", [("condition: service_healthy", "condition: healthy"), ("start_period", "start_perod")]
)
def test_c1_a_misspelt_key_is_found(mistake: tuple[str, str], tmp_path: Path) -> None:
    """The schema is one that notices mistakes."""
    path = tmp_path / "docker-compose.yml"
    path.write_text(TEXT.replace(*mistake), encoding="utf-8")
    assert schema_errors(path)


def test_c2_the_project_has_a_name_and_its_containers_have_none() -> None:
    """Two stacks can run beside each other under project names of their own."""
    assert FILE["name"] == "rapidapi-ml"
    hold("C2", [("version", "is obsolete")] if "version" in FILE else [])
    assert not [name for name, service in SERVICES.items() if "container_name" in service]


def images() -> dict[str, str]:
    """Every image that is pulled, by who names it."""
    base = dict(re.findall(r"^ARG (PYTHON_IMAGE)=(\S+)", DOCKERFILE, re.MULTILINE))
    return {name: service["image"] for name, service in SERVICES.items()} | {
        "Dockerfile": base["PYTHON_IMAGE"]
    }


def test_c3_every_image_has_an_exact_version_and_a_bot_that_renews_it() -> None:
    """The same file gives the same stack next year, and somebody notices when it is out of date."""
    exact = re.compile(r"[\w./-]+:v?\d+\.\d+\.\d+(-[\w.-]+)?(@sha256:[0-9a-f]{64})?")
    loose = [
        (name, f"{image} has no exact version")
        for name, image in images().items()
        if not exact.fullmatch(image)
    ]
    pulled = {image for image in images().values() if not image.startswith("rapidapi-ml:")}
    floating = [(image, "has no digest") for image in sorted(pulled) if "@sha256:" not in image]
    hold("C3", [*loose, *floating])
    bot = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))
    assert {"docker", "docker-compose", "pip"} <= {entry["package-ecosystem"] for entry in bot["updates"]}


def test_c4_every_service_that_stays_is_asked_for_its_health() -> None:
    """`up --wait` knows when each can be used, soon after it can."""
    checks = {name: service.get("healthcheck", {}) for name, service in LONG_RUNNING.items()}
    hold(
        "C4",
        [
            (name, f"has no {key}")
            for name, check in checks.items()
            for key in ("test", "start_period", "start_interval")
            if key not in check
        ],
    )


def test_c5_health_is_asked_where_it_is_told_with_what_the_image_has() -> None:
    """Servers say when they are ready; ours are asked by Python, since their image has no curl or wget."""
    asked = {name: service["healthcheck"]["test"] for name, service in LONG_RUNNING.items()}
    assert asked.keys() == HEALTH.keys()
    hold("C5", [(name, "asks elsewhere") for name, test in asked.items() if HEALTH[name] not in test[-1]])
    assert {name for name, test in asked.items() if test[1] == "python"} == OURS - ONE_SHOT
    assert {test[1] for name, test in asked.items() if name not in OURS} == {"wget"}


def test_c6_what_depends_says_on_which_state() -> None:
    """Nothing starts before what it needs is healthy or done, and what is done once is waited for by somebody."""
    needs = {name: service.get("depends_on", {}) for name, service in SERVICES.items()}
    hold(
        "C6",
        [(name, "depends without a condition") for name, need in needs.items() if not isinstance(need, dict)],
    )
    conditions: dict[str, set[str]] = {}
    for need in needs.values():
        for other, how in need.items():
            conditions.setdefault(other, set()).add(how["condition"])
    for name, found in conditions.items():
        assert found == {"service_completed_successfully" if name in ONE_SHOT else "service_healthy"}, name
    assert conditions.keys() >= ONE_SHOT
    in_profile = {name for name, service in SERVICES.items() if "profiles" in service}
    for name, need in needs.items():
        for other in need.keys() & in_profile:
            assert name in in_profile or need[other]["required"] is False, (
                f"{name} cannot start without {other}"
            )


def test_c7_every_container_is_hardened() -> None:
    """Whoever breaks into one finds a read-only root, no capability and no way to get one."""
    wanted = {
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "init": True,
        "logging": FILE["x-hardening"]["logging"],
    }
    hold(
        "C7",
        [
            (name, f"{key} is {service.get(key)!r}")
            for name, service in SERVICES.items()
            for key, value in wanted.items()
            if service.get(key) != value
        ],
    )
    assert {service["restart"] for service in LONG_RUNNING.values()} == {"unless-stopped"}
    assert set(FILE["x-hardening"]["logging"]["options"]) == {"max-size", "max-file"}
    assert not [
        name for name, service in SERVICES.items() if {"privileged", "cap_add", "devices"} & set(service)
    ]


def test_c8_nobody_is_root() -> None:
    """Each container runs as the numeric user that its image is made for."""
    wanted = USERS | {"rapidapi-ml": "10001:10001"}
    found = {
        name: (service["image"].split(":")[0], service.get("user")) for name, service in SERVICES.items()
    }
    hold("C8", [(name, f"runs as {user}") for name, (image, user) in found.items() if user != wanted[image]])


def test_c9_what_can_be_written_is_named() -> None:
    """Files of ours are mounted read-only, a mistyped path stops the start, and scratch space has a size."""
    wrong: list[tuple[str, str]] = []
    for name, service in SERVICES.items():
        for mount in mounts(service, "bind"):
            if mount.get("read_only") is not True:
                wrong.append((name, f"{mount['target']} can be written"))
            if mount["bind"]["create_host_path"] is not False:
                wrong.append((name, f"{mount['source']} would be made"))
            assert (ROOT / default(mount["source"])).exists(), mount["source"]
        wrong += [
            (name, f"{mount} has no size") for mount in service.get("tmpfs", []) if ":size=" not in mount
        ]
        wrong += [
            (name, f"{mount['source']} is no named volume")
            for mount in mounts(service, "volume")
            if mount["source"] not in FILE["volumes"]
        ]
    hold("C9", wrong)
    assert {mount["target"] for mount in mounts(SERVICES["ml_sidecar"], "volume")} == {
        SERVICES["ml_sidecar"]["environment"]["MODELS_DIR"]
    }


def test_c10_every_container_has_limits_and_threads_that_fit() -> None:
    """None can take the machine from the others, and numerical libraries start no more threads than they may use."""
    limits = {name: service["deploy"]["resources"]["limits"] for name, service in SERVICES.items()}
    hold(
        "C10",
        [
            (name, f"has {sorted(limit)}")
            for name, limit in limits.items()
            if set(limit) != {"cpus", "memory", "pids"}
        ],
    )
    sidecar = SERVICES["ml_sidecar"]["environment"]
    for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
        assert sidecar[threads] == limits["ml_sidecar"]["cpus"]
    assert SERVICES["prometheus"]["environment"]["GOMEMLIMIT"] == "900MiB"
    assert limits["prometheus"]["memory"] == "1G"


def test_c11_only_this_machine_can_reach_the_ports() -> None:
    """Every port is published on loopback alone, and nothing lets a caller delete history."""
    published = {name: service.get("ports", []) for name, service in SERVICES.items()}
    open_wide = [
        (name, f"{port} is published on more than loopback")
        for name, ports in published.items()
        for port in ports
        if not re.fullmatch(r"127\.0\.0\.1:\$\{\w+:-\d+\}:\d+", port)
    ]
    flags = commands(SERVICES["prometheus"])
    lifecycle = (
        [("prometheus", "its reload can be asked for from this machine")]
        if "--web.enable-lifecycle" in flags
        else []
    )
    hold("C11", [*open_wide, *lifecycle])
    assert "--web.enable-admin-api" not in flags
    inner = {int(port.rsplit(":", 1)[1]) for ports in published.values() for port in ports}
    assert inner == {3000, 8080, 9090, 9093, 9101, 9199}
    assert {default(port).split(":")[1:][0] for ports in published.values() for port in ports} == {
        str(p) for p in inner
    }


def test_c12_only_what_must_reach_outside_can() -> None:
    """The collector reaches APIs and Alertmanager its receivers; from the other network nothing finds a way out."""
    networks = FILE["networks"]
    assert networks["inside"]["driver_opts"] == {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    out = {name for name, service in SERVICES.items() if "egress" in service.get("networks", [])}
    hold("C12", [(name, "can reach outside") for name in sorted(out - {"collector", "alertmanager"})])
    # Which of its networks a container takes for its way out is decided by name where the engine knows no other order.
    assert sorted(networks) == ["egress", "inside"]
    placed = {
        name
        for name, service in SERVICES.items()
        if service.get("networks") or service.get("network_mode") == "none"
    }
    assert placed == SERVICES.keys()


def test_c13_no_secret_stands_in_a_file_of_the_repository() -> None:
    """Passwords and keys come from files below secrets/, which git never sees, and there is no default password."""
    assert {secret["file"] for secret in FILE["secrets"].values()} == {
        f"./secrets/{name}" for name in FILE["secrets"]
    }
    assert "/secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert (
        SERVICES["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"]
        == "/run/secrets/grafana_admin_password"
    )
    assert SERVICES["collector"]["environment"]["RAPIDAPI_KEY_FILE"] == "/run/secrets/rapidapi_key"
    texts = {"docker-compose.yml": TEXT, ".env.example": ENV_EXAMPLE}
    inline = re.compile(r"(?i)(password|api_?key|token)\w*[:=] *(?!/run/secrets/)[^\s{]+")
    hold("C13", [(name, found[0]) for name, text in texts.items() for found in inline.finditer(text)])


def test_c13_the_first_start_makes_a_password_and_says_where(tmp_path: Path) -> None:
    """Nobody meets a known password; a second start changes nothing, and others on the machine cannot read it."""
    (tmp_path / "deploy").mkdir()
    script = tmp_path / "deploy" / "first_start.sh"
    script.write_bytes((ROOT / "deploy" / "first_start.sh").read_bytes())

    def start() -> str:
        return subprocess.run(["sh", str(script)], capture_output=True, text=True, check=True).stdout

    assert "secrets/grafana_admin_password" in start()
    password = tmp_path / "secrets" / "grafana_admin_password"
    made = password.read_text(encoding="utf-8")
    assert len(made.strip()) == 32
    assert start() == ""
    assert password.read_text(encoding="utf-8") == made
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert (
        password.stat().st_mode & 0o777 == 0o444
    )  # through the folder nobody else gets to it; Grafana's user does
    assert (tmp_path / "secrets" / "rapidapi_key").read_text(encoding="utf-8") == ""
