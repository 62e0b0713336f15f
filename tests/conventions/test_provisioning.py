"""P1 to P10: what Grafana reads besides dashboards, and whether everything that refers to something finds it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from alert_rules.generate import PROVISIONING
from dashboards.generate import DASHBOARDS
from dashboards.provisioning import DASHBOARDS_PATH, PROMETHEUS_VERSION
from tests.conventions.boards import BOARDS
from tests.conventions.exemptions import hold
from tests.conventions.typescript import SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = PROVISIONING.parent
GRAFANA: Final = PROVISIONING / "grafana" / "provisioning"
COMPOSE: Final = ROOT / "docker-compose.yml"


def read(path: Path) -> Any:
    """Return the content of a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def files() -> Iterator[Path]:
    """Yield the files that Grafana reads at its start."""
    yield from sorted(GRAFANA.rglob("*.yml"))


def datasources() -> dict[str, dict[str, Any]]:
    """Return the data sources by type."""
    return {entry["type"]: entry for entry in read(GRAFANA / "datasources/datasources.yml")["datasources"]}


def differing(actual: dict[str, Any], wanted: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the settings that are not as wanted, as violations."""
    return [
        (key, f"is {actual.get(key)!r}, not {value!r}")
        for key, value in wanted.items()
        if actual.get(key) != value
    ]


def test_p1_the_data_source_is_fixed() -> None:
    """Dashboards find Prometheus under its uid, nobody edits it in the browser, and what is no longer there goes."""
    prometheus = datasources()["prometheus"]
    wanted = {"uid": "prometheus", "access": "proxy", "editable": False, "isDefault": True}
    pruned = {"prune": read(GRAFANA / "datasources/datasources.yml").get("prune")}
    hold("P1", [*differing(prometheus, wanted), *differing(pruned, {"prune": True})])


def test_p2_grafana_knows_its_prometheus() -> None:
    """Grafana asks by POST, at the interval of the scrapes, for what that version can answer."""
    scrapes = read(PROVISIONING / "prometheus/prometheus.yml")["global"]["scrape_interval"]
    wanted = {
        "httpMethod": "POST",
        "timeInterval": scrapes,
        "prometheusType": "Prometheus",
        "prometheusVersion": PROMETHEUS_VERSION,
        "cacheLevel": "Low",
        "manageAlerts": True,
    }
    hold("P2", differing(datasources()["prometheus"]["jsonData"], wanted))


def test_p3_nothing_in_beta_and_no_trace_that_leads_nowhere() -> None:
    """Incremental queries stay off, and exemplars lead only to a data source that is provisioned."""
    settings = datasources()["prometheus"]["jsonData"]
    uids = {entry["uid"] for entry in datasources().values()}
    traces = settings.get("exemplarTraceIdDestinations", [])
    lost = [
        (trace["name"], "leads to no data source") for trace in traces if trace["datasourceUid"] not in uids
    ]
    hold("P3", [*lost, *differing(settings, {"incrementalQuerying": None})])


def test_p4_dashboards_come_from_files_alone() -> None:
    """Folders follow the file structure, the files stay the one source, and a change shows within half a minute."""
    (provider,) = read(GRAFANA / "dashboards/dashboards.yml")["providers"]
    wanted = {
        "type": "file",
        "allowUiUpdates": False,
        "disableDeletion": False,
        "updateIntervalSeconds": 30,
        "folder": "",
        "folderUid": "",
    }
    structure = differing(provider["options"], {"foldersFromFilesStructure": True})
    hold("P4", [*differing(provider, wanted), *structure])


def test_p5_dashboards_are_mounted_outside_grafana_s_own_folder() -> None:
    """Grafana does not take dashboards for provisioning files."""
    (provider,) = read(GRAFANA / "dashboards/dashboards.yml")["providers"]
    path = provider["options"]["path"]
    hold("P5", [(path, "lies below /etc/grafana")] if path.startswith("/etc/grafana") else [])
    assert not [path for path in files() if path.parent.parent != GRAFANA]


def test_p6_prometheus_alone_owns_the_alerts() -> None:
    """No alert is evaluated twice: there are rule files for Prometheus, and none for Grafana."""
    owned = [
        (str(path.relative_to(GRAFANA)), "rules of Grafana's own") for path in GRAFANA.glob("alerting/*")
    ]
    hold("P6", owned)
    assert list(PROVISIONING.glob("prometheus/rules/*.yml"))


def test_p7_no_value_holds_a_dollar() -> None:
    """Grafana would put an environment variable in its place."""
    hold(
        "P7",
        (
            (f"{path.name}: {line.strip()}", "holds a dollar")
            for path in files()
            for line in path.read_text(encoding="utf-8").splitlines()
            if "$" in line
        ),
    )


def test_p8_grafana_sees_alertmanager() -> None:
    """An alert list shows what Alertmanager has, and Grafana sends it nothing."""
    wanted = {"implementation": "prometheus", "handleGrafanaManagedAlerts": False}
    hold("P8", differing(datasources()["alertmanager"]["jsonData"], wanted))


def test_p9_what_refers_to_something_finds_it() -> None:
    """Uids, folders, hosts and mounts that one file names exist in the other."""
    uids = {entry["uid"] for entry in datasources().values()}
    text = "\n".join(path.read_text(encoding="utf-8") for path in (PROVISIONING / DASHBOARDS).glob("*.json"))
    named = set(re.findall(r'"uid": "([^"$]+)"', text)) - {board["uid"] for board in BOARDS}
    links = set(re.findall(r'"url": "/d/([^?"/]+)', text)) - {board["uid"] for board in BOARDS}
    dangling = [(name, "no such data source") for name in named - uids - {"-- Grafana --", "-- Dashboard --"}]
    missing = [(name, "no such dashboard") for name in links]
    hold("P9", [*dangling, *missing, *unmounted()])
    assert (PROVISIONING / DASHBOARDS).parent.name == Path(DASHBOARDS_PATH).name


def unmounted() -> Iterator[tuple[str, str]]:
    """Yield what the containers would not find; the hosts are the services' names, the paths their mounts."""
    if not COMPOSE.exists():
        yield COMPOSE.name, "is not there"
        return
    services = read(COMPOSE)["services"]
    for entry in datasources().values():
        host = re.fullmatch(r"http://([\w-]+):\d+", entry["url"])
        if host is None or host[1] not in services:
            yield entry["url"], "no such service"
    types = json.loads((SOURCES / "package.json").read_text(encoding="utf-8"))["dependencies"]
    for name, version in (("prometheus", PROMETHEUS_VERSION), ("grafana", types["@grafana/schema"])):
        if not re.search(rf":v?{re.escape(version)}(@|$)", services[name]["image"]):
            yield services[name]["image"], f"not version {version}, for which the files are written"
    mounted = {str(path) for path in services["grafana"]["volumes"]}
    for path in (DASHBOARDS_PATH, "/etc/grafana/provisioning"):
        if not any(path in mount for mount in mounted):
            yield path, "not mounted into grafana"


def test_p10_there_are_none_of_the_usual_shortcuts() -> None:
    """Nothing editable, no data source without a uid, no address or password of a receiver in a file."""
    shortcut = re.compile(r"editable: true|allowUiUpdates: true|password: \S+|hooks\.slack\.com\S*")
    hold(
        "P10",
        (
            (f"{path.name}: {found}", "a shortcut")
            for path in [*files(), *PROVISIONING.glob("alertmanager/*.yml")]
            for found in shortcut.findall(path.read_text(encoding="utf-8"))
        ),
    )
    assert all(entry.get("uid") for entry in datasources().values())
