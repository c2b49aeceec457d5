"""The image and the compose file say what they must; what Docker itself would say needs Docker."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from services.notifier.settings import NotifierSettings
from shared.settings import Settings

ROOT = Path(__file__).parents[3]
OURS = "keepwell:local"
JOBS = {"migrate", "secrets"}
SECRETS = "/var/lib/keepwell/secrets"


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    found = YAML(typ="safe").load(ROOT / "docker-compose.yml")["services"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    "check",
    [
        ("hadolint", "deploy/Dockerfile"),
        ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"),
    ],
    ids=lambda check: check[0],
)
def test_the_files_are_well_formed(check: tuple[str, ...]) -> None:
    program = shutil.which(check[0], path=str(Path(sys.executable).parent))
    assert program is not None
    done = subprocess.run([program, *check[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_image_is_pinned(services: dict[str, dict[str, Any]]) -> None:
    images = {service["image"] for service in services.values()}
    lines = (ROOT / "deploy/Dockerfile").read_text().splitlines()
    images |= {line.split()[1] for line in lines if line.startswith("FROM ")}
    for image in images - {OURS}:
        assert any(character.isdigit() for character in image.partition(":")[2]), image


def test_nothing_is_published_beyond_this_machine(services: dict[str, dict[str, Any]]) -> None:
    published = {name: port for name, service in services.items() for port in service.get("ports", [])}
    assert set(published) == {"ingest", "scoring-api", "playbooks", "notifier", "mailpit"}
    assert all(port.startswith("127.0.0.1:") for port in published.values())
    assert {name for name, service in services.items() if service.get("networks") == ["inside"]} == {
        "postgres",
        "kafka",
        "migrate",
    }


def test_no_container_may_gain_rights_and_ours_can_write_nowhere(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only") or name == "kafka", name
    assert "\nUSER 10001:10001\n" in (ROOT / "deploy/Dockerfile").read_text()


def test_what_runs_is_there_and_waits_for_what_it_needs(services: dict[str, dict[str, Any]]) -> None:
    ours = {name: service for name, service in services.items() if service["image"] == OURS}
    for name, service in ours.items():
        assert service["command"][:2] == ["python", "-m"]
        module = service["command"][2]
        assert importlib.util.find_spec(module.rpartition(".")[0]) is not None, module
        if name not in JOBS:
            waits = service["depends_on"]
            assert waits["migrate"]["condition"] == "service_completed_successfully"
            assert waits["postgres"]["condition"] == waits["kafka"]["condition"] == "service_healthy"
            assert service["environment"]["HEALTH_URL"].endswith("/readyz")
            assert service["environment"]["KEEPWELL_BROKER"] == "kafka:9092"
    assert [s["command"][3:] for n, s in ours.items() if n.startswith("scoring")] == [
        ["--role", "api"],
        ["--role", "worker"],
    ]


def test_every_setting_is_one_that_the_service_knows(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        given = {variable for variable in service.get("environment", {}) if variable.startswith("KEEPWELL_")}
        kind = NotifierSettings if name == "notifier" else Settings
        known = {f"KEEPWELL_{field.upper()}" for field in kind.model_fields}
        assert {variable.removesuffix("_FILE") for variable in given} <= known, name


def test_every_service_logs_in_as_itself_with_a_password_that_only_it_sees(services: dict[str, dict[str, Any]]) -> None:
    ours = {name: service for name, service in services.items() if service["image"] == OURS and name not in JOBS}
    for name, service in ours.items():
        own = name.partition("-")[0]
        given = service["environment"]
        assert given["KEEPWELL_DATABASE_URL"] == f"postgresql://keepwell_{own}@postgres:5432/keepwell"
        assert given["KEEPWELL_DATABASE_PASSWORD_FILE"] == f"{SECRETS}/{own}/password"
        assert service["volumes"] == [f"{own}:{SECRETS}/{own}:ro"]
    owner = services["migrate"]["environment"]
    assert owner["KEEPWELL_DATABASE_PASSWORD_FILE"] == f"{SECRETS}/owner/password"
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD_FILE"] == "/run/owner/password"
    assert "owner:/run/owner:ro" in services["postgres"]["volumes"]


def test_no_secret_has_a_default_and_each_can_come_from_a_file(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        given = service.get("environment", {})
        kind = NotifierSettings if name == "notifier" else Settings
        secrets = {f"KEEPWELL_{field.upper()}" for field, info in kind.model_fields.items() if "Secret" in str(info)}
        for variable in secrets & set(given) - {"KEEPWELL_DATABASE_URL"}:
            assert f"{variable}_FILE" in given, (name, variable)
            assert given[variable] is None or variable == "KEEPWELL_SMTP_URL", (name, variable)
        assert "PASSWORD" not in {variable.rpartition("_")[2] for variable in given}, name


def test_every_container_has_a_limit_of_memory(services: dict[str, dict[str, Any]]) -> None:
    assert [name for name, service in services.items() if not service.get("mem_limit")] == []


def test_every_directory_of_secrets_is_made_in_the_image(services: dict[str, dict[str, Any]]) -> None:
    """A new volume takes over who owns the directory on which it is mounted; else only root could write there."""
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    mounted = [volume.split(":")[1] for volume in services["secrets"]["volumes"]]
    assert len(mounted) == 5
    assert [directory for directory in mounted if f" {directory}" not in dockerfile] == []


def test_one_service_builds_the_image_for_all(services: dict[str, dict[str, Any]]) -> None:
    ours = {name: service for name, service in services.items() if service["image"] == OURS}
    assert [name for name, service in ours.items() if "build" in service] == ["secrets"]
    assert {service.get("pull_policy") for name, service in ours.items() if name != "secrets"} == {"never"}


def test_every_other_container_says_when_it_is_healthy(services: dict[str, dict[str, Any]]) -> None:
    for name in ("postgres", "kafka", "mailpit"):
        assert services[name]["healthcheck"]["test"][0] == "CMD"
