"""What is served besides the API: the web page, metrics, health, and the headers on all of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from koemori.server import pages
from koemori.server.auth.origins import Origins
from koemori.server.http import build
from koemori.server.pages import WebPages
from koemori.server.wire import EVENT_TYPES
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from tests.fakes.office import Office

pytestmark = pytest.mark.integration


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>page</title>", encoding="utf-8")
    (folder / "assets" / "main-1a2b.js").write_text("1", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    return folder


def browser(dist: Path) -> TestClient:
    return TestClient(Starlette(routes=[Mount("/", WebPages(dist))]))


@pytest.mark.parametrize("path", ["/", "/desk", "/recordings/01ABC", "/index.html"])
def test_every_page_is_the_one_page(dist: Path, path: str) -> None:
    answer = browser(dist).get(path)
    assert (answer.status_code, answer.text) == (200, "<title>page</title>")
    assert answer.headers["cache-control"] == "no-cache"


def test_assets_are_kept_by_the_browser_and_missing_ones_are_not_the_page(dist: Path) -> None:
    asset = browser(dist).get("/assets/main-1a2b.js")
    assert "immutable" in asset.headers["cache-control"]
    assert browser(dist).get("/assets/gone.js").status_code == 404


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/../../secret.txt"])
def test_nothing_outside_the_folder_is_served(dist: Path, path: str) -> None:
    assert "secret" not in browser(dist).get(path).text


def test_a_missing_page_says_how_to_make_it(tmp_path: Path) -> None:
    answer = browser(tmp_path / "none").get("/")
    assert answer.status_code == 503
    assert "make web" in answer.text


def test_an_unknown_path_of_the_api_is_a_problem_and_not_a_page(office: Office) -> None:
    answer = office.client.get("/api/v1/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    wrong = office.client.put("/api/v1/session")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method-not-allowed")


@pytest.mark.parametrize("path", ["/", "/api/v1/health", "/api/v1/nothing", "/metrics", "/openapi.json"])
def test_every_answer_carries_the_security_headers(office: Office, path: str) -> None:
    headers = office.client.get(path).headers
    assert "script-src 'self';" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


def test_answers_of_the_api_are_not_cached(office: Office) -> None:
    assert office.client.get("/api/v1/health").headers["cache-control"] == "no-store"


def test_health_says_what_works_and_503_when_it_does_not(office: Office) -> None:
    office.call(ended=False)
    good = office.client.get("/api/v1/health")
    assert good.json()["live_calls"] == 1
    assert good.json()["status"] == "ok"
    with office.services.database.write() as transaction:
        transaction.connection().exec_driver_sql("ALTER TABLE calls RENAME TO elsewhere")
    bad = office.client.get("/api/v1/health")
    assert (bad.status_code, bad.json()["database"]) == (503, "failing")


def test_metrics_are_in_the_prometheus_format(office: Office) -> None:
    answer = office.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "koemori_calls_live" in answer.text


def test_every_operation_has_a_name_and_every_error_the_problem_form() -> None:
    description = build(Origins(None)).openapi()
    operations = [operation for path in description["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert all(name.isidentifier() and name[0].islower() and "_" not in name for name in names)
    assert "HTTPValidationError" not in description["components"]["schemas"]
    events = description["components"]["schemas"]["EventPage"]["properties"]["items"]["items"]
    assert events["discriminator"]["propertyName"] == "type"
    assert len(events["oneOf"]) == len(EVENT_TYPES)


def test_the_built_page_lies_where_the_package_looks_for_it() -> None:
    assert pages.WEB_DIST.parent.name == "web"
