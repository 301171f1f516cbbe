"""A real service behind its guards: keys, scopes, rates, headers, other origins, TLS, the audit log."""

import ipaddress
import json
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from metier.errors import AuditLogError, CallError, KeyFileError
from metier.serving import ServingSettings, build_app, run_server
from metier.serving.guards.audit_chain import files_of, verify_chain
from metier.serving.guards.key_file import revoke_keys
from metier.serving.guards.settings import GuardSettings, check_guards
from metier.serving.guards.tls import check_tls
from metier.serving.server import Server

ASKED = {"texts": ["my card never came", "a refund please"]}


@pytest.fixture
def guarded(start, model, key_path):
    """Start a guarded service; gives what asks it with a key."""

    def make(**guards):
        settings = ServingSettings(guards=GuardSettings(**{"keys": key_path, **guards}))
        client = start(build_app(lambda: model, settings), settings)

        def ask(key=None, path="/v1/predict", *, method="POST", headers=None, **more):
            sent = ({} if key is None else {"Authorization": f"Bearer {key}"}) | (headers or {})
            body = {"json": ASKED} if method == "POST" and not more else more
            return client.request(method, path, headers=sent, **body)

        return ask

    return make


def code(answer):
    return answer.status_code, answer.json()["error"]["code"]


def test_a_key_may_do_what_its_scopes_say(guarded, new_key, key_path):
    reader, operator, metrics = new_key("r", ["reader"]), new_key("o"), new_key("m", ["metrics"])
    ask = guarded()
    assert ask(reader).status_code == 200
    assert ask(headers={"X-API-Key": reader}).status_code == 200
    assert code(ask()) == (401, "missing_key")
    assert code(ask(reader + "x")) == (401, "unknown_key")
    assert code(ask(metrics)) == (403, "missing_scope")
    assert code(ask(reader, "/metrics", method="GET")) == (403, "missing_scope")
    assert ask(operator, "/metrics", method="GET").status_code == 200
    assert code(ask(path="/nowhere", method="GET")) == (401, "missing_key")
    assert code(ask(reader, path="/nowhere", method="GET")) == (404, "not_found")
    refused = ask()
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.json()["error"]["request_id"] == refused.headers["x-request-id"]
    revoke_keys(key_path, "r")
    assert code(ask(reader)) == (401, "unknown_key")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/openapi.json", "/docs/start.js"])
def test_probes_and_the_page_are_open(guarded, new_key, path):
    new_key()
    assert guarded()(path=path, method="GET").status_code == 200


def test_the_page_asks_for_a_key(guarded, new_key):
    new_key()
    described = guarded()(path="/openapi.json", method="GET").json()
    assert described["security"] == [{"key": []}]
    assert described["components"]["securitySchemes"]["key"] == {"type": "http", "scheme": "bearer"}


@pytest.mark.parametrize(
    "path",
    ["/v1/predict/", "//v1/predict", "/V1/predict", "/healthz/../v1/predict", "/docs/../metrics", "/metrics/"],
)
def test_no_way_of_writing_a_path_leads_past_the_guard(guarded, new_key, path):
    new_key()
    answer = guarded()(path=path, method="GET")
    assert answer.status_code in (307, 401, 404)
    assert "metier_http" not in answer.text


def test_clients_of_openai_get_their_form(guarded, new_key):
    new_key()
    error = guarded()(path="/v1/chat/completions").json()["error"]
    assert error.keys() >= {"message", "type", "param", "code"}
    assert error["type"] == "authentication_error"
    assert set(guarded()(path="/v2/models/x/infer").json()) == {"error"}


def test_rates_are_told_and_kept(guarded, new_key):
    key = new_key(requests_per_minute=3, rows_per_minute=5)
    ask = guarded()
    first = ask(key)
    assert (first.status_code, first.headers["ratelimit"]) == (200, '"requests";r=2;t=20')
    assert [ask(key).status_code for _ in range(2)] == [200, 429]
    assert code(ask(key)) == (429, "rate_limited")
    assert int(ask(key).headers["retry-after"]) in range(1, 21)


def test_every_answer_has_its_headers(guarded, new_key):
    key = new_key()
    ask = guarded()
    for answer in (ask(key), ask(), ask(path="/healthz", method="GET"), ask(key, content=b"{")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "strict-transport-security" not in answer.headers
    page = ask(path="/docs", method="GET")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


def test_pages_of_other_origins_may_ask_where_they_are_named(guarded, new_key):
    key = new_key()
    page, other = "https://app.example.com", "https://evil.example.com"
    ask = guarded(allow_origins=(page,))
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    allowed = ask(method="OPTIONS", headers={"Origin": page, **wanted})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, page)
    assert ask(key, headers={"Origin": page}).headers["access-control-allow-origin"] == page
    assert "access-control-allow-origin" not in ask(key, headers={"Origin": other}).headers
    closed = guarded()
    assert "access-control-allow-origin" not in closed(key, headers={"Origin": page}).headers


def test_every_request_is_put_down_without_its_text(guarded, new_key, tmp_path):
    key = new_key()
    ask = guarded(audit=tmp_path / "audit", audit_sync="request")
    ask(key, headers={"X-Request-ID": "a-1", "X-Subject": "4711"})
    ask(key, headers={"X-Subject": "4711"}, content=b"{")
    ask()
    ask(path="/healthz", method="GET")
    ask(key, path="/nowhere/4711", method="GET")
    [path] = files_of(tmp_path / "audit").values()
    _, first, second, third, last = map(json.loads, path.read_bytes().splitlines())
    assert (first["id"], first["caller"], first["path"], first["status"], first["rows"]) == (
        *("a-1", "billing", "/v1/predict"),
        *(200, 2),
    )
    assert (second["status"], second["subject"]) == (400, first["subject"])
    assert second["digest"] != first["digest"]
    assert (third["status"], third["path"], "caller" in third) == (401, "/v1/predict", False)
    assert (last["path"], last["status"]) == ("other", 404)
    assert b"4711" not in path.read_bytes()
    assert b"card" not in path.read_bytes()
    assert verify_chain(tmp_path / "audit").fault is None


@pytest.mark.parametrize(("is_optional", "status"), [(False, 503), (True, 200)])
def test_what_cannot_be_put_down_is_not_answered(guarded, new_key, tmp_path, monkeypatch, is_optional, status):
    key = new_key()
    ask = guarded(audit=tmp_path / "audit", audit_optional=is_optional)

    def full(self, facts):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("metier.serving.guards.audit_log.AuditLog._append", full)
    answer = ask(key)
    assert answer.status_code == status
    assert is_optional or code(answer) == (503, "audit_full")
    assert ask(path="/healthz", method="GET").status_code == 200
    monkeypatch.undo()
    assert ask(key).status_code == 200


def pem_of(folder, name):
    key = ec.generate_private_key(ec.SECP256R1())
    whose = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(
        whose, whose, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=2)
    )
    signed = made.add_extension(address, critical=False).sign(key, hashes.SHA256())
    files = folder / f"{name}.pem", folder / f"{name}-key.pem"
    files[0].write_bytes(signed.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def test_tls(model, tmp_path):
    certificate, key = pem_of(tmp_path, "one")
    settings = ServingSettings(guards=GuardSettings(tls_cert=certificate, tls_key=key))
    listening = socket.create_server(("127.0.0.1", 0))
    server = Server(build_app(lambda: model, settings), settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    address = f"https://127.0.0.1:{listening.getsockname()[1]}"
    trusting = ssl.create_default_context(cafile=certificate)
    try:
        with httpx.Client(base_url=address, verify=trusting, trust_env=False) as client:
            deadline = time.monotonic() + 20
            while client.get("/readyz").status_code != 200:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            answer = client.post("/v1/predict", json=ASKED)
    finally:
        server.should_exit = True
        thread.join(30)
    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_files_that_cannot_speak_tls_are_told_before_anything_is_loaded(tmp_path):
    (certificate, key), (_, other) = pem_of(tmp_path, "one"), pem_of(tmp_path, "other")
    check_tls(certificate, key)
    (tmp_path / "no.pem").write_text("no")
    for wrong, says in {
        (certificate, None): "two files",
        (tmp_path / "missing", key): "there is no file",
        (certificate, tmp_path / "no.pem"): "cannot be used",
        (tmp_path / "no.pem", key): "cannot be used",
        (certificate, other): "key values mismatch",
    }.items():
        with pytest.raises(CallError, match=says):
            check_tls(*wrong)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.com"])
def test_beyond_this_machine_keys_are_asked_for_or_waived(host, key_path, new_key):
    with pytest.raises(CallError, match="--without-keys"):
        check_guards(GuardSettings(), host)
    check_guards(GuardSettings(), host, without_keys=True)
    with pytest.raises(KeyFileError, match="metier keys create"):
        check_guards(GuardSettings(keys=key_path), host)
    new_key()
    check_guards(GuardSettings(keys=key_path), host)
    with pytest.raises(CallError, match="contradict"):
        check_guards(GuardSettings(keys=key_path), host, without_keys=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_on_this_machine_nothing_has_to_be_said(host):
    check_guards(GuardSettings(), host)


@pytest.mark.parametrize(
    "origin", ["app.example.com", "https://a.com/path", "null", "https://*.a.com", "javascript:x"]
)
def test_what_is_no_origin_is_refused(origin):
    with pytest.raises(CallError, match="is no origin"):
        check_guards(GuardSettings(allow_origins=(origin,)), "127.0.0.1")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_folder_that_takes_no_audit_log_is_told_once_before_any_worker_is_started(model, tmp_path, workers):
    (tmp_path / "file").write_text("")
    settings = ServingSettings(workers=workers, guards=GuardSettings(audit=tmp_path / "file" / "audit"))
    with pytest.raises(AuditLogError, match="cannot be used"):
        run_server(lambda: model, port=0, settings=settings)
