"""The notifier's settings."""

from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import Field, SecretStr, field_validator

from services.notifier.channels.handing import SmtpServer
from services.notifier.core.addresses import Network, read_networks
from services.notifier.core.routing import Setup
from shared.addresses import read_address
from shared.messages.actions import CHANNEL, CHANNELS, PLACES, SHARED
from shared.settings import LOOPBACK, Settings, parts_of

_STARTTLS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class NotifierSettings(Settings):
    """What the notifier needs besides what all share."""

    slack_fallback_channel: str | None = None
    """Such as `#customer-success`, or a channel's id: where a message goes whose recipient Slack doesn't know."""
    ops_channel: str | None = None
    """Who hears of a road that is broken: `slack:#ops`, `teams`, `email:ops@example.com`, or several with commas
    between; the first that works is taken. None: only the status and the log say so."""
    webhook_networks: str = ""
    """Networks that endpoints may lie in, though they are not public: `10.1.0.0/16, 127.0.0.0/8`."""
    default_channel: str | None = None
    """The channel of actions that name none: `slack:@owner`, `slack:#name`, `teams`, `chat`, `email` or `inbox`."""
    teams_webhook_url: SecretStr | None = None
    """Where a workflow of Microsoft Teams takes messages for its channel."""
    chat_webhook_url: SecretStr | None = None
    """Where another chat takes messages for a channel, as `{"text": …}`."""

    contact_messages_a_week: int = Field(default=3, ge=1, le=100)
    """How many messages one person at a customer is sent in a week, by all playbooks and all accounts together."""

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_smtp_url(value.get_secret_value())
        return value

    @field_validator("slack_webhook_url")
    @classmethod
    def _is_http(cls, value: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(value.get_secret_value() if value else "https://none")
        if parts.scheme not in {"https", "http"} or not parts.hostname:
            raise ValueError("it must begin with https://")
        return value

    @field_validator("teams_webhook_url", "chat_webhook_url")
    @classmethod
    def _is_secure(cls, value: SecretStr | None) -> SecretStr | None:
        parts = parts_of(value.get_secret_value() if value else "https://none")
        secure = parts is not None and (parts.scheme == "https" or parts.hostname in LOOPBACK)
        if parts is None or parts.scheme not in {"https", "http"} or not parts.hostname or not secure:
            raise ValueError("it must begin with https:// (http:// is for this machine alone)")
        return value

    @field_validator("webhook_networks")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        read_networks(value)
        return value

    @field_validator("default_channel")
    @classmethod
    def _is_channel(cls, value: str | None) -> str | None:
        if value is not None and CHANNEL.fullmatch(value) is None:
            raise ValueError(f"it must be {CHANNELS}")
        return value

    @field_validator("slack_fallback_channel")
    @classmethod
    def _is_shared(cls, value: str | None) -> str | None:
        if value is not None and SHARED.fullmatch(f"slack:{value}") is None:
            raise ValueError("it must be a channel of Slack's: its name, such as #customer-success, or its id")
        return value

    @field_validator("ops_channel")
    @classmethod
    def _is_for_ops(cls, value: str | None) -> str | None:
        read_channels(value or "")
        return value

    @property
    def ops(self) -> tuple[str, ...]:
        """The channels for ops, the first first."""
        return read_channels(self.ops_channel or "")

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks that endpoints may lie in, besides the public one."""
        return read_networks(self.webhook_networks)

    @property
    def smtp(self) -> SmtpServer | None:
        """The mail server, when one is set up."""
        return read_smtp_url(self.smtp_url.get_secret_value()) if self.smtp_url else None

    @property
    def is_interactive(self) -> bool:
        """Whether Slack brings back what people click: it must reach us, and we must know that it is Slack."""
        return None not in (self.slack_bot_token, self.slack_signing_secret, self.public_url)

    @property
    def setup(self) -> Setup:
        """Which channels there are."""
        return Setup(
            slack="bot" if self.slack_bot_token else "webhook" if self.slack_webhook_url else None,
            teams=self.teams_webhook_url is not None,
            chat=self.chat_webhook_url is not None,
            email=self.smtp_url is not None,
            default=self.default_channel,
            fallback=self.slack_fallback_channel,
            no_letters=self.no_letters,
        )

    @property
    def no_letters(self) -> str:
        """Why nothing can be written to customers' people; empty where it can."""
        if self.smtp_url is None:
            return "e-mail is not set up here (KEEPWELL_SMTP_URL)"
        if not self.public_url or not self.signing_keys:
            return "they could not unsubscribe: KEEPWELL_PUBLIC_URL and KEEPWELL_LINK_KEYS are not both set here"
        return ""


def read_smtp_url(url: str) -> SmtpServer:
    """Read `smtp://user:pw@host:port?from=...&starttls=...`. Raises `ValueError` that doesn't repeat the secret."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("it must look like smtp://user:password@host:587?from=keepwell@example.com") from None
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ValueError("it must begin with smtp:// or smtps:// and name a host")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    user = unquote(parts.username) if parts.username else None
    sender = query.get("from") or (user if user and "@" in user else "")
    if not sender:
        raise ValueError("it must say who the mail is from: add ?from=keepwell@example.com")
    try:
        read_address(sender, named=True)
    except ValueError as error:
        raise ValueError(f"who the mail is from is no e-mail address. {error}") from None
    starttls = query.get("starttls", "").lower()
    if starttls and starttls not in _STARTTLS:
        raise ValueError("its starttls must be true or false")
    implicit = parts.scheme == "smtps"
    return SmtpServer(
        host=parts.hostname,
        port=port or (465 if implicit else 587 if user else 25),
        user=user,
        password=unquote(parts.password) if parts.password else None,
        implicit_tls=implicit,
        starttls=None if implicit else _STARTTLS.get(starttls),
        sender=sender,
    )


def read_channels(text: str) -> tuple[str, ...]:
    """Read `slack:#ops, email:ops@example.com`. Raises `ValueError` with what is wrong."""
    found = tuple(one.strip() for one in text.split(",") if one.strip())
    for one in found:
        if one.startswith("email:"):
            read_address(one.removeprefix("email:"))
        elif SHARED.fullmatch(one) is None:
            raise ValueError(f"it must be {PLACES} or email:ops@example.com, or several with commas between")
    return found
