"""Settings that every part shares: `KEEPWELL_*` variables, a `.env` file, and `_FILE` variants for secrets."""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import SplitResult, quote, urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "KEEPWELL_"
ENV_FILE = ".env"
SERVICES = ("ingest", "scoring", "playbooks", "notifier")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_SERVER = re.compile(r"\s*(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):\d{1,5}\s*")
_HOST = re.compile(r"[A-Za-z0-9._:%-]+")
_KEY = re.compile(r"[\x20-\x7e]{16,}")
_LINK_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{32,}")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_IN_A_URL = re.compile(r"(?:[^@/?#%\[\]\s]|%[0-9A-Fa-f]{2})*")


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
    catalogue: Path | None = None
    """What you sell; none: `catalogue.yaml` in `KEEPWELL_HOME`, if it is there, else the one beside the scorecards."""
    port: int = Field(default=8001, ge=1, le=65535 - len(SERVICES) + 1)
    """The first of the four ports."""
    host: str = "127.0.0.1"
    """Where the services listen; `0.0.0.0` for every interface, as in a container."""
    log_level: str = "INFO"
    """One of `LEVELS`, in any case."""
    broker: str = "local"
    """`local`, or Kafka's bootstrap servers as `host:port,host:port`."""
    kafka_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]*$", max_length=64)
    """What stands before the names of topics and groups, on a cluster that is shared."""
    partitions: int = Field(default=8, ge=1, le=1024)
    """How many partitions every topic gets; fixed at first start."""
    database_url: SecretStr | None = None
    """`postgresql://user:password@host:port/database`; none: the server from the wheel."""
    database_password: SecretStr | None = None
    """The password for `database_url`, as it is: in a URL some letters must be written otherwise."""
    minded: bool = False
    """Set by `keepwell up`: the process ends when its standard input does, and names `keepwell`'s remedies."""
    admin_key: SecretStr | None = None
    """The first API key; none: `keepwell up` makes one."""
    slack_bot_token: SecretStr | None = None
    slack_webhook_url: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    """With what Slack signs the clicks that it sends; it stands beside the app's other credentials."""
    slack_api_url: str = "https://slack.com/api"
    """Where Slack is asked; another only for tests and proxies."""
    public_url: str | None = None
    """Where people and Slack reach ingest, such as `https://keepwell.example.com`; none: letters carry no links."""
    link_keys: SecretStr | None = None
    """Secrets that sign the links in letters, separated by commas: the first signs, all are read."""
    smtp_url: SecretStr | None = None
    """`smtp://user:password@host:port`, or `smtps://…`."""
    stripe_secret: SecretStr | None = None
    """The signing secret of the Stripe webhook endpoint."""

    @field_validator("log_level")
    @classmethod
    def _is_level(cls, value: str) -> str:
        if value.upper() not in LEVELS:
            near = difflib.get_close_matches(value.upper(), LEVELS, n=1, cutoff=0.5)
            raise ValueError(f"it must be one of {', '.join(LEVELS)}" + (f"; perhaps {near[0]}" if near else ""))
        return value.upper()

    @field_validator("broker")
    @classmethod
    def _is_broker(cls, value: str) -> str:
        if value != "local" and not all(_SERVER.fullmatch(server) for server in value.split(",")):
            raise ValueError("it must be local, or Kafka's bootstrap servers, such as kafka-1:9092,kafka-2:9092")
        return value

    @field_validator("host")
    @classmethod
    def _is_host(cls, value: str) -> str:
        if not _HOST.fullmatch(value):
            raise ValueError("it must be an address or a name of this machine, such as 127.0.0.1 or 0.0.0.0")
        return value

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        scheme, _, rest = value.get_secret_value().partition("://") if value else ("postgresql", "", "")
        if scheme not in {"postgresql", "postgres"}:
            raise ValueError("it must begin with postgresql://")
        url = _in_form(rest)
        try:
            _ = urlsplit(url).port
        except ValueError:
            raise ValueError("it must look like postgresql://user:password@host:5432/database") from None
        return value and SecretStr(url)

    @field_validator("admin_key")
    @classmethod
    def _is_hard_to_guess(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _KEY.fullmatch(value.get_secret_value()):
            raise ValueError("give it 16 characters or more, all of them letters, digits and signs of ASCII")
        return value

    @field_validator("slack_api_url")
    @classmethod
    def _is_http_url(cls, value: str) -> str:
        parts = parts_of(value)
        if parts is None or parts.scheme not in {"https", "http"} or not parts.hostname:
            raise ValueError("it must begin with https://")
        return value.rstrip("/")

    @field_validator("public_url")
    @classmethod
    def _is_public(cls, value: str | None) -> str | None:
        parts = parts_of(value or "https://none")
        # Signed links are as good as what they let one do: nobody on the way may read one.
        secure = parts is not None and (parts.scheme == "https" or parts.hostname in LOOPBACK)
        if parts is None or parts.scheme not in {"https", "http"} or not parts.hostname or not secure:
            raise ValueError("it must begin with https:// (http:// is for this machine alone)")
        if parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("it must be a scheme and a host, such as https://keepwell.example.com, and nothing more")
        return value and value.rstrip("/")

    @field_validator("link_keys")
    @classmethod
    def _are_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not all(map(_LINK_KEY.fullmatch, _keys_in(value))):
            raise ValueError(
                "each must have 32 characters or more, letters, digits and signs of ASCII, with commas between"
            )
        return value

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Read the settings; values in `given` win. Raises `SettingsError` with a sentence for people."""
        try:
            return cls(**given)
        except ValidationError as error:
            raise SettingsError(_in_words(cls, error)) from None
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"The file {ENV_FILE} can't be read: {_why(error)}.") from None

    @property
    def signing_keys(self) -> tuple[str, ...]:
        """The keys of signed links, the newest first."""
        return tuple(_keys_in(self.link_keys)) if self.link_keys else ()

    def database(self) -> str | None:
        """The URL of the database with its password, written as a URL must have it."""
        url = self.database_url.get_secret_value() if self.database_url else None
        if url is None or self.database_password is None:
            return url
        return _in_form(url.removeprefix("postgresql://"), self.database_password.get_secret_value())

    @property
    def catalogue_file(self) -> Path | None:
        """Where the catalogue is, unless it lies beside the scorecards."""
        own = self.home / "catalogue.yaml"
        return self.catalogue or (own if os.path.isfile(own) else None)  # noqa: PTH113 (it never raises)

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
            _SecretFiles(settings_cls, os.environ),
            env_settings,
            _SecretFiles(settings_cls, dotenv_values(ENV_FILE, encoding="utf-8")),
            dotenv_settings,
        )


class _Unusable(NamedTuple):
    """In place of a secret that can't be had: the field refuses it, and so it is told with all other faults."""

    why: str


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
            return _Unusable(f"Both {variable} and {variable}_FILE are set; keep one of them."), field_name, True
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            return _Unusable(f"{variable}_FILE names {path}, which can't be read: {_why(error)}."), field_name, True

    def __call__(self) -> dict[str, Any]:
        """Every secret that a file holds."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value}


def _why(error: OSError | UnicodeDecodeError) -> str:
    return str(error.strerror) if isinstance(error, OSError) else "it is not UTF-8 text"


def parts_of(url: str) -> SplitResult | None:
    """A URL in parts; None when it is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _keys_in(secret: SecretStr) -> list[str]:
    return [key.strip() for key in secret.get_secret_value().split(",")]


def _in_form(url: str, password: str | None = None) -> str:
    """A database's URL, without its scheme, as it must be written; with another password where one is given.

    A password in it that can't be part of a URL is taken as it is: people paste them so.
    """
    user, at, place = url.rpartition("@")
    name, _, written = user.partition(":")
    if password is not None or not _IN_A_URL.fullmatch(written):
        written = quote(written if password is None else password, safe="")
    return f"postgresql://{name}{':' if written else ''}{written}{at}{place}"


def _is_secret(field: FieldInfo) -> bool:
    return "SecretStr" in str(field.annotation)


def _in_words(cls: type[Settings], error: ValidationError) -> str:
    sentences = []
    for problem in error.errors(include_url=False, include_context=False):
        if isinstance(problem["input"], _Unusable):
            sentences.append(problem["input"].why)
            continue
        name = str(problem["loc"][0]) if problem["loc"] else ""
        field = cls.model_fields.get(name)
        # A secret is never shown, not even a wrong one.
        shown = "" if field is None or _is_secret(field) else f" is {str(problem['input'])!r}, which"
        reason = problem["msg"].removeprefix("Value error, ").rstrip(".")
        sentences.append(f"{PREFIX}{name.upper()}{shown} can't be used: {reason[:1].lower()}{reason[1:]}.")
    return " ".join(sentences)
