"""The certificate and key of a service that speaks TLS, checked before anything is loaded."""

import ssl
from pathlib import Path

from metier.errors import CallError


def check_tls(certificate: Path | None, key: Path | None) -> None:
    """Refuse files that a service could not speak TLS with.

    Raises
    ------
    CallError
        If one is missing, is not PEM, needs a password, or does not belong to the other.
    """
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise CallError(
            "TLS takes two files, the certificate and its key. Give both: --tls-cert FILE --tls-key FILE"
        )
    for flag, path in {"--tls-cert": certificate, "--tls-key": key}.items():
        if not path.is_file():
            raise CallError(f"{flag}: there is no file {path}. Give a file in PEM.")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise CallError(
            f"The certificate {certificate} and the key {key} cannot be used ({_reason(error)}). "
            "Give a certificate in PEM and the key that it was made for, without a password."
        ) from None


def _no_password() -> str:
    return ""


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return str(error.strerror or error) if isinstance(error, OSError) else str(error)
