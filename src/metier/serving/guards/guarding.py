"""The guards of a service, put around its endpoints in the order in which a request meets them."""

import functools
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from metier.serving.guards.audit_log import AuditLog
from metier.serving.guards.audit_middleware import Audit
from metier.serving.guards.key_check import KeyCheck
from metier.serving.guards.key_file import read_keys
from metier.serving.guards.middleware import Guard
from metier.serving.guards.rates import Rates
from metier.serving.guards.settings import GuardSettings
from metier.serving.request_ids import HEADER

# What a page of another origin may send and read.
SENT = ["Authorization", "X-API-Key", "Content-Type", HEADER, "X-Subject"]
READ = [HEADER, "Retry-After", "RateLimit", "RateLimit-Policy"]
PREFLIGHT_SECONDS = 600


class Guards:
    """What guards a service, opened.

    Parameters
    ----------
    settings : GuardSettings

    Raises
    ------
    KeyFileError
        If the keys cannot be read.
    CallError
        If keys have rates that cannot be counted beside them.
    AuditLogError
        If the audit log cannot be used.
    """

    def __init__(self, settings: GuardSettings):
        self._settings = settings
        self._keys = None if settings.keys is None else KeyCheck(settings.keys)
        self._rates = _rates_of(settings)
        self._log = None
        if settings.audit is not None:
            self._log = AuditLog(
                settings.audit,
                file_bytes=settings.audit_file_bytes,
                days=settings.audit_days,
                sync=settings.audit_sync,
            )

    def add_to(self, app: FastAPI) -> None:
        """Put them around what an application has so far; what is added later stands outside of them."""
        if self._keys is not None:
            app.openapi = functools.partial(_with_keys, app.openapi)  # type: ignore[method-assign]
        app.add_middleware(Guard, keys=self._keys, rates=self._rates, routes=app.router.routes)
        if self._log is not None:
            app.add_middleware(Audit, log=self._log, is_optional=self._settings.audit_optional)
        if self._settings.allow_origins:
            app.add_middleware(
                CORSMiddleware,
                allow_origins=list(self._settings.allow_origins),
                allow_methods=["GET", "POST"],
                allow_headers=SENT,
                expose_headers=READ,
                max_age=PREFLIGHT_SECONDS,
            )

    def close(self) -> None:
        """Write what is left, and close."""
        if self._keys is not None:
            self._keys.stop()
        if self._rates is not None:
            self._rates.close()
        if self._log is not None:
            self._log.close()


def check_files(settings: GuardSettings) -> None:
    """Open and close what every worker opens, so that what cannot be used is said once, before any is started.

    Raises
    ------
    KeyFileError, CallError, AuditLogError
        As `Guards` does.
    """
    if (rates := _rates_of(settings)) is not None:
        rates.close()
    if settings.audit is not None:
        AuditLog(settings.audit, sync="never").close()  # Without its thread: workers are forked.


def _rates_of(settings: GuardSettings) -> Rates | None:
    """Give where rates are counted, if any key has one; keys that get one later are counted after the next start."""
    if settings.keys is None or settings.rates is None:
        return None
    limits = [(one.requests_per_minute, one.rows_per_minute) for one in read_keys(settings.keys)]
    return Rates(settings.rates) if any(limit is not None for pair in limits for limit in pair) else None


def _with_keys(describe: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Give the description of a service that asks for keys, by which /docs asks for one."""
    described = describe()
    schemes = described.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes["key"] = {"type": "http", "scheme": "bearer"}
    return {**described, "security": [{"key": []}]}
