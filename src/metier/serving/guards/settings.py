"""How a service is guarded."""

import ipaddress
import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from metier.errors import CallError
from metier.serving.guards.key_file import read_keys
from metier.serving.guards.tls import check_tls

MaskPolicy = Literal["input", "log", "off"]
AuditSync = Literal["request", "second", "never"]
ORIGIN = re.compile(r"\*|https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")


class GuardSettings(BaseModel, frozen=True, extra="forbid"):
    """What stands between a caller and the model; without any of it whoever reaches the port may ask."""

    keys: Path | None = Field(default=None, description="File of keys; None: nobody is asked for one.")
    tls_cert: Path | None = Field(default=None, description="Certificate in PEM, with those that vouch for it.")
    tls_key: Path | None = Field(default=None, description="Key of the certificate in PEM.")
    allow_origins: tuple[str, ...] = Field(
        default=(), description="Origins of pages that may ask from a browser; empty: none."
    )
    mask: MaskPolicy | None = Field(default=None, description="Policy for personal data; None: the bundle's.")
    trusted_keys: Path | None = Field(
        default=None,
        description="File of the keys one of which has to have signed a bundle; None: none has to.",
    )
    audit: Path | None = Field(default=None, description="Folder of the audit log; None: none is kept.")
    audit_sync: AuditSync = Field(default="second", description="When a line is written through to the disk.")
    audit_optional: bool = Field(
        default=False, description="Whether requests are answered when the log cannot be written."
    )
    audit_days: int | None = Field(default=None, ge=1, description="Days that lines are kept; None: for ever.")
    audit_file_bytes: int = Field(
        default=64_000_000, ge=10_000, description="Size from which a new file is begun."
    )

    @property
    def with_tls(self) -> bool:
        """Whether the service speaks TLS."""
        return self.tls_cert is not None

    @property
    def rates(self) -> Path | None:
        """Where the counts of the rates are kept: beside the keys."""
        return None if self.keys is None else self.keys.with_name(f".{self.keys.name}.rates")


def check_guards(settings: GuardSettings, host: str, *, without_keys: bool = False) -> None:
    """Refuse to begin what would be open by mistake, before anything is loaded.

    Raises
    ------
    CallError
        If the service would listen beyond this machine without keys and without having been told so, or if files of TLS
        or origins cannot be used.
    KeyFileError
        If the keys cannot be read.
    """
    if settings.keys is not None and without_keys:
        raise CallError("--keys and --without-keys contradict one another. Give one of them.")
    if settings.keys is None and not without_keys and not is_loopback(host):
        raise CallError(
            f"--host {host} lets other machines ask, and no keys are asked for. Make one with metier keys create, and give "
            "its file with --keys FILE; or say that whoever reaches the port may ask: --without-keys"
        )
    check_tls(settings.tls_cert, settings.tls_key)
    if settings.keys is not None:
        read_keys(settings.keys)
    for origin in settings.allow_origins:
        if not ORIGIN.fullmatch(origin):
            raise CallError(
                f"--allow-origin {origin!r} is no origin. Write it as a browser sends it, such as https://app.example.com"
            )


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
