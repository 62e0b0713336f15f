"""Pushing dashboards, against a small server that answers as Grafana's documented HTTP API does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import dashboards
from dashboards.errors import UnknownDashboardError
from dashboards.generate import dashboards as generated
from dashboards.grafana import GrafanaIntegration
from tests.dashboards.fake_grafana import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dashboards.fake_grafana import FakeGrafana

UID = "rapidapi_overview"
ALL = list(generated())
NOBODY = "http://127.0.0.1:1"


async def test_the_folder_and_the_dashboard_are_created(fake: FakeGrafana, url: str) -> None:
    """An empty Grafana has the dashboard in its folder afterwards, and the result says where to look."""
    result = await GrafanaIntegration(url, KEY).create_dashboard(UID)
    assert (result.status, result.ok, result.title) == ("created", True, "RapidAPI - Overview")
    assert result.url == f"{url}/d/{UID}/RapidAPI - Overview"
    assert fake.folders == {"rapidapi": "RapidAPI"}
    assert fake.versions[UID][0]["dashboard"]["panels"]


@pytest.mark.parametrize("wrapped", [True, False])
async def test_pushing_twice_changes_nothing(fake: FakeGrafana, url: str, *, wrapped: bool) -> None:
    """The second push writes nothing, with a Grafana that wraps its list of versions and with one that does not."""
    fake.wrapped_versions = wrapped
    integration = GrafanaIntegration(url, KEY)
    await integration.create_dashboard(UID)
    writes = list(fake.writes)
    result = await integration.create_dashboard(UID)
    assert result.status == "unchanged"
    assert fake.writes == writes


async def test_an_older_version_of_ours_is_replaced(
    fake: FakeGrafana, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer generation of the dashboard takes the place of the one pushed before."""
    integration = GrafanaIntegration(url, KEY)
    await integration.create_dashboard(UID)
    changed = {UID: fake.versions[UID][0]["dashboard"] | {"title": "New"}}
    monkeypatch.setattr("dashboards.grafana.dashboards", lambda: changed)
    assert (await integration.create_dashboard(UID)).status == "updated"
    assert [version["dashboard"]["title"] for version in fake.versions[UID]] == ["RapidAPI - Overview", "New"]


async def test_an_edit_in_grafana_is_not_overwritten_unasked(fake: FakeGrafana, url: str) -> None:
    """Someone's work stays until the caller insists."""
    integration = GrafanaIntegration(url, KEY)
    await integration.create_dashboard(UID)
    fake.edit(UID)
    refused = await integration.create_dashboard(UID)
    assert refused.status == "failed"
    assert refused.error
    assert "newer edit (version 2)" in refused.error
    assert "overwrite=True" in refused.error
    assert (await integration.create_dashboard(UID, overwrite=True)).status == "updated"


async def test_an_edit_during_the_push_is_not_overwritten(
    fake: FakeGrafana, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grafana's own refusal (412) is told as what it is: somebody else was faster."""
    integration = GrafanaIntegration(url, KEY)
    await integration.create_dashboard(UID)
    changed = {UID: fake.versions[UID][0]["dashboard"] | {"title": "New"}}
    monkeypatch.setattr("dashboards.grafana.dashboards", lambda: changed)
    write = fake._write

    def edited_meanwhile(path: str, body: Any) -> tuple[int, Any]:
        fake.edit(UID)
        return write(path, body)

    monkeypatch.setattr(fake, "_write", edited_meanwhile)
    result = await integration.create_dashboard(UID)
    assert not result.ok
    assert result.error
    assert "412" in result.error
    assert "overwrite=True" in result.error


async def test_wrong_key_wrong_organisation_missing_right_and_no_server_are_told_apart(
    fake: FakeGrafana, url: str
) -> None:
    """Each failure names its cause and the setting that puts it right, and nothing is raised."""
    results = [
        await GrafanaIntegration(url, "nonsense").create_dashboard(UID),
        await GrafanaIntegration(url, "nonsense", org_id=7).create_dashboard(UID),
        await GrafanaIntegration(url, KEY, org_id=7).create_dashboard(UID),
    ]
    fake.may_write = False
    results += [
        await GrafanaIntegration(url, KEY).create_dashboard(UID),
        await GrafanaIntegration(NOBODY, KEY).create_dashboard(UID),
    ]
    assert not any(result.ok for result in results)
    causes = [result.cause for result in results]
    assert causes == ["key", "key", "organization", "permission", "unreachable"]
    errors = [str(result.error) for result in results]
    for error, words in zip(
        errors,
        ["Invalid API key", "GRAFANA_API_KEY", "GRAFANA_ORG_ID", "role Editor", "GRAFANA_URL"],
        strict=True,
    ):
        assert words in error
    assert errors[-1].startswith(f"Grafana cannot be reached at {NOBODY}")
    assert KEY not in "".join(errors)


async def test_a_key_of_another_organisation_is_found_where_grafana_calls_it_invalid(
    fake: FakeGrafana, url: str
) -> None:
    """Newer versions of Grafana look a key up within the organisation; the key is not wrong all the same."""
    fake.wrong_organization = "Invalid API key"
    assert (await GrafanaIntegration(url, KEY, org_id=7).create_dashboard(UID)).cause == "organization"
    assert (await GrafanaIntegration(url, KEY, org_id=1).create_dashboard(UID)).ok


async def test_a_provisioned_dashboard_is_left_to_its_file(fake: FakeGrafana, url: str) -> None:
    """Grafana refuses to change what it loads from a file; that is said before anything is written."""
    integration = GrafanaIntegration(url, KEY)
    await integration.create_dashboard(UID)
    fake.provisioned.add(UID)
    fake.writes.clear()
    result = await integration.create_dashboard(UID, overwrite=True)
    assert (result.status, result.cause) == ("failed", "provisioned")
    assert "from a file" in str(result.error)
    assert fake.writes == []


@pytest.mark.parametrize(
    ("status", "message", "cause"),
    [
        (400, "Cannot save provisioned dashboard", "provisioned"),
        (400, "Dashboard title cannot be empty", "refused"),
        (412, "The dashboard belongs to plugin Example", "refused"),
        (412, "A dashboard with the same uid already exists", "edited"),
        (403, "Dashboard quota reached", "permission"),
        (500, "database is locked", "refused"),
    ],
)
async def test_what_grafana_refuses_is_told_in_its_words(
    fake: FakeGrafana, url: str, monkeypatch: pytest.MonkeyPatch, status: int, message: str, cause: str
) -> None:
    """Grafana's reason reaches the caller, beside the kind of failure it is."""
    monkeypatch.setattr(fake, "_write", lambda *_: (status, {"message": message}))
    result = await GrafanaIntegration(url, KEY).create_dashboard(UID)
    assert result.cause == cause
    assert f"answered {status}" in str(result.error)
    assert message in str(result.error)


async def test_all_dashboards_are_pushed_with_a_result_each(fake: FakeGrafana, url: str) -> None:
    """One that somebody has edited stays, is named, and does not keep the others out."""
    integration = GrafanaIntegration(url, KEY)
    created = await integration.create_dashboards()
    assert {result.uid: result.status for result in created} == dict.fromkeys(ALL, "created")
    fake.edit(UID)
    again = {result.uid: result.status for result in await integration.create_dashboards()}
    assert again == dict.fromkeys(ALL, "unchanged") | {UID: "failed"}


async def test_what_keeps_all_dashboards_out_is_asked_once(fake: FakeGrafana, url: str) -> None:
    """With a wrong key each dashboard has its result, and Grafana is not asked for each."""
    results = await GrafanaIntegration(url, "nonsense").create_dashboards()
    assert [(result.uid, result.cause) for result in results] == [(uid, "key") for uid in ALL]
    assert len(fake.requests) == 1


async def test_a_grafana_that_is_starting_is_asked_again(fake: FakeGrafana, url: str) -> None:
    """Reads are tried again; a write that was refused is not, since nobody knows how far it came."""
    fake.unavailable = 2
    assert (await GrafanaIntegration(url, KEY).create_dashboard(UID)).status == "created"
    fake.versions.clear()
    fake.requests.clear()
    fake.unavailable = 9
    assert (await GrafanaIntegration(url, KEY).create_dashboard(UID)).cause == "unreachable"
    assert len(fake.requests) == 3


async def test_a_write_is_not_repeated(fake: FakeGrafana, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When Grafana breaks down under a write, the caller decides whether to try again."""
    monkeypatch.setattr(fake, "_write", lambda *_: (503, {"message": "shutting down"}))
    assert (await GrafanaIntegration(url, KEY).create_dashboard(UID)).cause == "unreachable"
    assert [request for request in fake.requests if request.startswith("POST")] == ["POST /api/folders"]


async def test_a_password_in_the_address_is_used_and_not_shown(fake: FakeGrafana, url: str) -> None:
    """Neither the result's link nor an error repeats it."""
    address = url.replace("//", "//admin:secret%20word@")
    result = await GrafanaIntegration(address).create_dashboard(UID)
    assert result.url == f"{url}/d/{UID}/RapidAPI - Overview"
    assert fake.versions
    failed = await GrafanaIntegration(NOBODY.replace("//", "//admin:secret%20word@")).create_dashboard(UID)
    assert "secret" not in str(failed.error)


@pytest.mark.parametrize("answer", [(200, "<html>"), (404, "page not found")])
async def test_something_else_at_the_address_is_recognised(
    fake: FakeGrafana, url: str, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str]
) -> None:
    """What is no JSON, or knows none of the paths, is not Grafana's API."""
    monkeypatch.setattr(fake, "answer", lambda *_: answer)
    result = await GrafanaIntegration(url).create_dashboard(UID)
    assert result.cause == "unreachable"
    assert "sub-path" in str(result.error)


async def test_the_public_face_reads_the_environment(
    fake: FakeGrafana, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Both calls work with GRAFANA_URL, a key from a file and GRAFANA_ORG_ID as they are at the call."""
    secret = tmp_path / "key"
    secret.write_text(f"{KEY}\n")
    monkeypatch.setenv("GRAFANA_URL", f"{url}/")
    monkeypatch.setenv("GRAFANA_API_KEY", "nonsense")
    monkeypatch.setenv("GRAFANA_API_KEY_FILE", str(secret))
    monkeypatch.setenv("GRAFANA_ORG_ID", "1")
    created = await dashboards.create_grafana_dashboards()
    assert {result.status for result in created} == {"created"}
    again = await dashboards.grafana_integration.create_dashboard(UID)
    assert again.status == "unchanged"
    assert list(fake.versions) == [result.uid for result in created]


async def test_an_unknown_dashboard_is_refused_with_the_known_ones() -> None:
    """A misspelled uid is answered with those that exist."""
    with pytest.raises(UnknownDashboardError, match=r"no dashboard 'overview'; there are: rapidapi_overview"):
        await GrafanaIntegration(NOBODY, KEY).create_dashboard("overview")


async def test_a_key_file_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A wrong path in GRAFANA_API_KEY_FILE is a failed result that names the file and the setting."""
    monkeypatch.setenv("GRAFANA_API_KEY_FILE", str(tmp_path / "missing"))
    result = await GrafanaIntegration(NOBODY).create_dashboard(UID)
    assert result.error
    assert "missing (No such file or directory)" in result.error
    assert "GRAFANA_API_KEY_FILE" in result.error
