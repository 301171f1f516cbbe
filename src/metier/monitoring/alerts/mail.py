"""Alarms sent by e-mail: over TLS, plain text beside HTML, with nothing in it that a text of strangers could add."""

import re
import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from metier.monitoring.alerts.notices import Notice, Told
from metier.monitoring.alerts.receiver import NotDelivered, ReceiverSettings
from metier.monitoring.alerts.secret_texts import SecretText, revealed, without_secrets
from metier.monitoring.given_paths import GivenPath

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
COLOURS = {"critical": "#a34400", "warning": "#7a5b00", "info": "#0072b2"}
OVER = "#59636e"
_is_address = re.compile(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+").fullmatch
_controls = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def _address(text: str) -> str:
    if not _is_address(text):
        raise ValueError(f"{text!r} is no e-mail address; expected one such as team@example.com")
    return text


EmailAddress = Annotated[str, AfterValidator(_address)]


class EmailSettings(ReceiverSettings, frozen=True, extra="forbid"):
    """A mail server and who gets the mails."""

    kind: Literal["email"] = "email"
    host: str = Field(min_length=1, description="Of the mail server (SMTP).")
    port: int | None = Field(default=None, ge=1, le=65_535, description="Default: 587; 465 where tls is `tls`.")
    tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="`none` only without a password, or to this machine."
    )
    ca_file: GivenPath | None = Field(
        default=None, description="Certificates to trust instead of the system's."
    )
    user: SecretText | None = Field(default=None, description="`${NAME}` is filled in.")
    password: SecretText | None = Field(default=None, description="`${NAME}` or `${file:PATH}`.")
    sender: EmailAddress = Field(description="Address of the sender.")
    to: tuple[EmailAddress, ...] = Field(min_length=1, max_length=100, description="Addresses.")

    @model_validator(mode="after")
    def _password_is_hidden(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together; give both or none")
        if self.password is not None and self.tls == "none" and self.host not in LOCAL:
            raise ValueError("a password would be sent readable; set tls to starttls or tls")
        return self


class Mail:
    """Sends notices by e-mail."""

    def __init__(self, settings: EmailSettings):
        self.settings = settings

    def send(self, notice: Notice) -> None:
        """Send a notice to all addresses; one that the server refuses for good does not keep it from the others."""
        hidden = [revealed(one) for one in (self.settings.user, self.settings.password) if one is not None]
        message = message_of(notice, self.settings)
        try:
            with self._server() as server:
                if hidden:
                    server.login(*hidden)
                server.send_message(message, from_addr=self.settings.sender, to_addrs=self.settings.to)
        except (smtplib.SMTPException, OSError) as error:
            reason = without_secrets(_reason(error), hidden)
            raise NotDelivered(f"The mail server refused ({reason}).", is_final=_is_final(error)) from None

    def _server(self) -> smtplib.SMTP:
        settings = self.settings
        if settings.tls == "none":
            return smtplib.SMTP(settings.host, settings.port or 25, timeout=settings.deadline_seconds)
        context = ssl.create_default_context(cafile=None if settings.ca_file is None else str(settings.ca_file))
        if settings.tls == "tls":
            return smtplib.SMTP_SSL(
                settings.host, settings.port or 465, timeout=settings.deadline_seconds, context=context
            )
        server = smtplib.SMTP(settings.host, settings.port or 587, timeout=settings.deadline_seconds)
        try:
            server.starttls(context=context)
        except (smtplib.SMTPException, OSError):
            server.close()
            raise
        return server


def message_of(notice: Notice, settings: EmailSettings) -> EmailMessage:
    """Give the mail of a notice; mails of one group are one conversation."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = header(notice.title)
    message["From"] = _mailbox(settings.sender)
    message["To"] = [_mailbox(one) for one in settings.to]
    message["Date"] = format_datetime(notice.sent)
    domain = settings.sender.rpartition("@")[2]
    message["Message-ID"] = f"<{notice.key[:120]}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # No out-of-office notes come back (RFC 3834).
    message.set_content("\n".join(_controls.sub(" ", line) for line in notice.lines()) + "\n")
    message.add_alternative(html_of(notice), subtype="html")
    return message


def header(text: str) -> str:
    """Give a text that may stand in a header: one line, without signs that act."""
    return " ".join(_controls.sub(" ", text).split())


def _mailbox(address: str) -> Address:
    user, _, domain = address.rpartition("@")
    return Address(username=user, domain=domain)


def html_of(notice: Notice) -> str:
    """Give a notice as HTML without scripts, pictures or addresses but that of the morning page."""
    alarms = "".join(_alarm(one, notice) for one in notice.alerts)
    page = escape(notice.page)
    link = f'<p><a href="{page}">{page}</a></p>' if notice.page.startswith(("https://", "http://")) else ""
    return (
        f'<!DOCTYPE html><html lang="{"zh-CN" if notice.language == "zh" else "en"}"><body style="font:16px/1.5 '
        f'system-ui,sans-serif;max-width:40rem;margin:0">{alarms}{link}</body></html>'
    )


def _alarm(told: Told, notice: Notice) -> str:
    colour = OVER if told.ended is not None else COLOURS.get(told.severity, COLOURS["warning"])
    quotes = "".join(
        f'<blockquote style="margin:.4rem 0;color:#59636e">{_written(one)}</blockquote>'
        for one in told.quotes(notice.quotes)
    )
    return (
        f'<div style="border-left:4px solid {colour};padding:.2rem 0 .2rem 1rem;margin:0 0 1.2rem">'
        f'<div style="color:{colour};font-weight:600">{_written(notice.state(told))}</div>'
        f"<div>{_written(notice.sentence(told))}</div>"
        f'<div style="color:#59636e">{_written(notice.times(told))}</div>{quotes}</div>'
    )


def _written(text: str) -> str:
    return escape(_controls.sub(" ", text))


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()))
        return f"all addresses, {code} {_decoded(said)}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_decoded(error.smtp_error)}"
    return f"{type(error).__name__}: {error}"


def _decoded(said: bytes | str) -> str:
    return header(said.decode("utf-8", "replace") if isinstance(said, bytes) else said)[:200]


def _is_final(error: Exception) -> bool:
    """Whether another try cannot help: the server says so for good (5xx), or has none of what is needed."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code >= 500
    return isinstance(error, smtplib.SMTPNotSupportedError)
