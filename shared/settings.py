"""Settings that every part shares: `KEEPWELL_*` variables, a `.env` file, and `_FILE` variants for secrets."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "KEEPWELL_"
ENV_FILE = ".env"
SERVICES = ("ingest", "scoring", "playbooks", "notifier")


class SettingsError(Exception):
    """A setting can't be used; the text is one sentence or two, names the variable and never holds a secret."""


class Settings(BaseSettings):
    """What is the same for every part. A service adds its own in a subclass. Read it with `load`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    home: Path = Path(".keepwell")
    """Where the one-machine stack keeps its data, keys and logs."""
    port: int = Field(default=8001, ge=1, le=65535 - len(SERVICES) + 1)
    """The first of the four ports."""
    host: str = "127.0.0.1"
    """Where the services listen; `0.0.0.0` for every interface, as in a container."""
    log_level: str = "INFO"
    broker: str = "local"
    """`local`, or Kafka's bootstrap servers as `host:port,host:port`."""
    kafka_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]*$", max_length=64)
    """What stands before the names of topics and groups, on a cluster that is shared."""
    partitions: int = Field(default=8, ge=1, le=1024)
    """How many partitions every topic gets; fixed at first start."""
    database_url: SecretStr | None = None
    """`postgresql://user:password@host:port/database`; none: the server from the wheel."""
    admin_key: SecretStr | None = None
    """The first API key; none: `keepwell up` makes one."""
    slack_bot_token: SecretStr | None = None
    slack_webhook_url: SecretStr | None = None
    smtp_url: SecretStr | None = None
    """`smtp://user:password@host:port`, or `smtps://…`."""
    stripe_secret: SecretStr | None = None
    """The signing secret of the Stripe webhook endpoint."""

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        scheme, _, rest = value.get_secret_value().partition("://") if value else ("postgresql", "", "")
        if scheme not in {"postgresql", "postgres"}:
            raise ValueError("it must begin with postgresql://")
        return value and SecretStr(f"postgresql://{rest}")

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Read the settings; values in `given` win. Raises `SettingsError` with a sentence for people."""
        try:
            return cls(**given)
        except ValidationError as error:
            raise SettingsError(_in_words(cls, error)) from None

    def port_of(self, service: str) -> int:
        """The port of one of the four services."""
        return self.port + SERVICES.index(service)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - part of the signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The nearer wins: arguments, then the environment, then `.env`; in each, a secret may be named by its file."""
        return (
            init_settings,
            env_settings,
            _SecretFiles(settings_cls, os.environ),
            dotenv_settings,
            _SecretFiles(settings_cls, dotenv_values(ENV_FILE, encoding="utf-8")),
        )


class _SecretFiles(PydanticBaseSettingsSource):
    """Reads `KEEPWELL_NAME_FILE` for every field that is a secret."""

    def __init__(self, settings_cls: type[BaseSettings], variables: Mapping[str, str | None]) -> None:
        super().__init__(settings_cls)
        self._variables = {name.upper(): value for name, value in variables.items()}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The content of the file, without the white space around it."""
        variable = PREFIX + field_name.upper()
        path = self._variables.get(f"{variable}_FILE") if _is_secret(field) else None
        if not path:
            return None, field_name, False
        if self._variables.get(variable):
            raise SettingsError(f"Both {variable} and {variable}_FILE are set; keep one of them.")
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise SettingsError(f"{variable}_FILE names {path}, which can't be read: {reason}.") from None

    def __call__(self) -> dict[str, Any]:
        """Every secret that a file holds."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value}


def _is_secret(field: FieldInfo) -> bool:
    return "SecretStr" in str(field.annotation)


def _in_words(cls: type[Settings], error: ValidationError) -> str:
    sentences = []
    for problem in error.errors(include_url=False, include_context=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        field = cls.model_fields.get(name)
        # A secret is never shown, not even a wrong one.
        shown = "" if field is None or _is_secret(field) else f" is {str(problem['input'])!r}, which"
        reason = problem["msg"].removeprefix("Value error, ").rstrip(".")
        sentences.append(f"{PREFIX}{name.upper()}{shown} can't be used: {reason[:1].lower()}{reason[1:]}.")
    return " ".join(sentences)
