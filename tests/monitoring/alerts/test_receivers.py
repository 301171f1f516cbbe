"""What each receiver sends: forms, secrets, texts of strangers."""

import email
import email.policy
import json
import socket
import ssl
import subprocess
from dataclasses import replace

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from pydantic import ValidationError

from metier.errors import SettingsError
from metier.monitoring.alerts import AlertSettings
from metier.monitoring.alerts.acknowledging import listed
from metier.monitoring.alerts.alertmanager import labels_of, written
from metier.monitoring.alerts.notices import Notice
from metier.monitoring.alerts.receiver import NotDelivered
from metier.monitoring.alerts.recording import record_findings
from metier.monitoring.alerts.telling import build_receiver


@pytest.fixture
def notice(store, surge):
    def made(*findings, **how):
        with store.writing() as connection:
            begun = [replace(one, is_over=False) for one in findings or [surge()]]
            record_findings(connection, [*begun, *(one for one in findings if one.is_over)])
            told = tuple(one.told for one in listed(connection, 0, with_ended=True))[::-1]
        return Notice(**{"delivery": 7, "group": {"company": "Acme"}, "alerts": told, **how})

    return made


def receiver(**given):
    return build_receiver(AlertSettings(receivers=[given]).receivers[0])


def test_a_webhook_gets_the_form_of_alertmanager(notice, surge, inbox):
    sent = notice(surge(), surge("Globex", is_over=True))
    receiver(kind="webhook", name="pager", url=f"{inbox.url}/hook").send(sent)
    (body,) = inbox.bodies
    assert set(body) == {
        "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels",
        "commonAnnotations", "externalURL", "alerts",
    }  # fmt: skip
    assert (body["version"], body["status"], body["receiver"]) == ("4", "firing", "pager")
    assert body["groupKey"] == '{}:{company="Acme"}'
    assert body["commonLabels"] == {
        "alertname": "MetierSurge",
        "severity": "warning",
        "kind": "surge",
        "topic": "delivery",
    }
    first, second = body["alerts"]
    assert first["labels"]["company"] == "Acme"
    assert (first["startsAt"], first["endsAt"]) == ("2026-02-28T12:00:00.000Z", "0001-01-01T00:00:00Z")
    assert (second["status"], second["endsAt"]) == ("resolved", "2026-03-02T12:00:00.000Z")
    assert first["annotations"]["times"] == "3.1"
    assert first["annotations"]["summary"].startswith("Acme, delivery: 3.1 times")
    assert len(first["fingerprint"]) == 16
    assert inbox.requests[0]["path"] == "/hook"


def test_no_personal_data_goes_out(notice, inbox, tmp_path):
    path = tmp_path / "alarms.jsonl"
    receiver(kind="webhook", url=inbox.url).send(notice())
    receiver(kind="alertmanager", url=inbox.url).send(notice())
    receiver(kind="file", path=str(path)).send(notice())
    everything = b"".join(one["body"] for one in inbox.requests) + path.read_bytes()
    assert b"The parcel never came" in everything
    assert b"bob@example.com" not in everything


def test_labels_are_ascii_names_that_no_series_can_take_over(surge, notice):
    series = {"公司": "华为", "severity": "x", "region-2": "EU", "__name__": "y", "empty": ""}
    labels = labels_of(notice(surge(series=series)).alerts[0])
    assert labels == {
        "alertname": "MetierSurge", "severity": "warning", "kind": "surge", "series_516c_53f8": "华为",
        "series_severity": "x", "series_72_65_67_69_6f_6e_2d_32": "EU", "series___name__": "y",
    }  # fmt: skip


def test_secrets_are_filled_in_sent_and_never_shown(notice, inbox, monkeypatch, tmp_path):
    (tmp_path / "token").write_text("of-the-file\n")
    settings = {
        "kind": "webhook",
        "url": f"{inbox.url}/${{HOOK_PATH}}",
        "headers": {"Authorization": f"Bearer ${{file:{tmp_path}/token}}"},
        "signing_key": "${SIGNING}",
    }
    monkeypatch.setenv("HOOK_PATH", "T00/B00/veryhidden")
    monkeypatch.setenv("SIGNING", "sealed-with-this")
    inbox.answers = [200, 403]
    hook = receiver(**settings)
    hook.send(notice())
    with pytest.raises(NotDelivered) as refused:
        hook.send(notice())
    (first, _) = inbox.requests
    assert first["path"] == "/T00/B00/veryhidden"
    assert first["headers"]["Authorization"] == "Bearer of-the-file"
    signature = first["headers"]["x-metier-signature"]
    key = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", "sealed-with-this"],
        input=first["body"],
        capture_output=True,
        check=True,
    )
    assert signature == f"sha256={key.stdout.decode().split()[-1]}"
    assert "403" in str(refused.value)
    shown = f"{hook.settings!r} {hook.settings.model_dump_json()} {refused.value}"
    for secret in ("of-the-file", "sealed-with-this", "Bearer of"):
        assert secret not in shown


def test_a_secret_that_is_not_there_is_named(notice, inbox, tmp_path, monkeypatch):
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(SettingsError, match="NOT_SET is not set"):
        receiver(kind="webhook", url=f"{inbox.url}/${{NOT_SET}}").send(notice())
    with pytest.raises(SettingsError, match="cannot be read"):
        receiver(kind="webhook", url=f"{inbox.url}/${{file:{tmp_path}/none}}").send(notice())


def test_an_address_that_nobody_answers_is_tried_again_and_one_that_is_none_is_not(notice):
    for url, is_final in (("http://127.0.0.1:9/secret-path", False), ("ftp://secret-path", True)):
        with pytest.raises(NotDelivered) as fault:
            receiver(kind="webhook", url=url).send(notice())
        assert fault.value.is_final == is_final
        assert "secret-path" not in str(fault.value)


def test_a_redirect_is_not_followed_with_the_headers(notice, inbox):
    inbox.answers, inbox.headers = [302], {"location": f"{inbox.url}/elsewhere"}
    with pytest.raises(NotDelivered, match="302"):
        receiver(kind="webhook", url=inbox.url).send(notice())
    assert [one["path"] for one in inbox.requests] == ["/"]


def test_alertmanager_is_told_until_when_an_alarm_holds(notice, surge, inbox):
    sent = notice(surge(), surge("Globex", is_over=True), repeat_seconds=3_600.0)
    receiver(kind="alertmanager", url=inbox.url).send(sent)
    assert inbox.requests[0]["path"] == "/api/v2/alerts"
    goes_on, over = inbox.bodies[0]
    assert goes_on["endsAt"] > sent.sent.isoformat()
    assert over["endsAt"] == "2026-03-02T12:00:00.000Z"


def test_alertmanager_is_told_that_the_less_grave_alarm_is_over(notice, surge, inbox):
    target = receiver(kind="alertmanager", url=inbox.url)
    target.send(notice(surge()))
    graver = notice(surge(severity="critical"))
    target.send(graver)
    target.send(graver)
    now, before = inbox.bodies[1]
    assert (now["labels"]["severity"], before["labels"]["severity"]) == ("critical", "warning")
    assert before["endsAt"] == written(graver.sent)
    assert len(inbox.bodies[2]) == 1


def test_a_file_gets_whole_lines_even_after_a_torn_one(notice, tmp_path):
    path = tmp_path / "sub" / "alarms.jsonl"
    target = receiver(kind="file", path=str(path))
    target.send(notice())
    with path.open("a") as file:
        file.write('{"torn": ')
    target.send(notice())
    lines = path.read_text().splitlines()
    assert [lines[1], len(lines)] == ['{"torn": ', 3]
    assert json.loads(lines[2])["sentence"] == json.loads(lines[0])["sentence"]


def test_a_file_that_cannot_be_written_is_tried_again(notice, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(NotDelivered, match="cannot be written") as fault:
        receiver(kind="file", path=str(tmp_path / "folder")).send(notice())
    assert not fault.value.is_final


def test_the_console_shows_signs_of_terminals_by_their_numbers(notice, surge, capsys):
    sentence = "Acme\x1b]0;owned\x07: twice as many."
    receiver(kind="console", stream="stdout").send(notice(surge(sentence=sentence), language="zh"))
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\x1b]0;owned" in out
    assert "警告" in out
    assert "自 2026-02-28 12:00 UTC" in out


class Mailbox:
    """Keeps mails; refuses the addresses it is told to."""

    def __init__(self):
        self.mails, self.refused, self.logins = [], set(), []

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(
            (envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=email.policy.default))
        )
        return "250 OK"

    def authenticate(self, server, session, envelope, mechanism, auth_data):
        self.logins.append((auth_data.login, auth_data.password))
        return AuthResult(success=auth_data.password == b"right-password", handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", folder / "key.pem",
         "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def post(certificate):
    """A mail server with STARTTLS that wants a login."""
    mailbox = Mailbox()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        authenticator=mailbox.authenticate,
        auth_required=True,
    )
    controller.start()
    mailbox.settings = {
        "kind": "email",
        "host": "127.0.0.1",
        "port": controller.port,
        "ca_file": str(certificate / "cert.pem"),
        "user": "watch",
        "password": "${MAIL_PASSWORD}",
        "sender": "watch@example.com",
        "to": ["a@example.com", "b@example.com"],
    }
    yield mailbox
    controller.stop()


def test_a_mail_is_sent_over_tls_with_text_and_html(notice, surge, post, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", "right-password")
    receiver(**post.settings).send(notice(page="https://watch.example.com/brief.html"))
    ((to, mail),) = post.mails
    assert to == ["a@example.com", "b@example.com"]
    assert post.logins == [(b"watch", b"right-password")]
    assert (
        mail["Subject"].strip() == "Warning: Acme, delivery: 3.1 times as many messages as expected [2.2, 4.4]."
    )
    plain, html = (mail.get_body((form,)).get_content() for form in ("plain", "html"))
    assert "since 2026-02-28 12:00 UTC" in plain
    assert "<script>alert(1)</script>" in plain  # As it was said: plain text acts nowhere.
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert '<a href="https://watch.example.com/brief.html">' in html
    assert "bob@example.com" not in plain + html


def test_a_text_cannot_add_headers_to_a_mail(notice, surge, post, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", "right-password")
    name = "Acme\r\nBcc: victim@example.com\r\n\r\nbody\u202e"
    sent = notice(surge(series={"company": name}, sentence=f"{name}: more."), group={"company": name})
    receiver(**post.settings).send(sent)
    ((to, mail),) = post.mails
    assert mail["Bcc"] is None
    assert to == ["a@example.com", "b@example.com"]
    assert mail["Subject"].strip() == "Warning: Acme Bcc: victim@example.com body : more."


def test_a_wrong_password_is_said_without_it(notice, post, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", "wrong-password")
    with pytest.raises(NotDelivered, match="535") as fault:
        receiver(**post.settings).send(notice())
    assert fault.value.is_final
    assert "wrong-password" not in str(fault.value)
    assert post.mails == []


def test_a_certificate_that_is_not_trusted_gets_no_password(notice, post, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", "right-password")
    with pytest.raises(NotDelivered, match="CERTIFICATE_VERIFY_FAILED"):
        receiver(**{**post.settings, "ca_file": None}).send(notice())
    assert post.logins == []


def test_one_address_that_is_refused_does_not_keep_the_mail_from_others(notice, post, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", "right-password")
    post.refused = {"a@example.com"}
    receiver(**post.settings).send(notice())
    assert [to for to, _ in post.mails] == [["b@example.com"]]
    post.refused = {"a@example.com", "b@example.com"}
    with pytest.raises(NotDelivered, match="550 no such user") as fault:
        receiver(**post.settings).send(notice())
    assert fault.value.is_final


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Of its plug-ins.
def test_apprise_sends_to_what_its_urls_name(notice, inbox, monkeypatch):
    pytest.importorskip("apprise")
    monkeypatch.setenv("PLACE", f"127.0.0.1:{inbox.server_address[1]}")
    target = receiver(kind="apprise", urls=["json://${PLACE}/x"])
    target.send(notice())
    assert "3.1 times as many" in json.dumps(inbox.bodies[0])
    inbox.answers = [500]
    with pytest.raises(NotDelivered):
        target.send(notice())
    with pytest.raises(NotDelivered, match="URL 1"):
        receiver(kind="apprise", urls=["nonsense://${PLACE}"]).send(notice())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "webhook"}, "Field required"),
        ({"kind": "pigeon"}, "webhook"),
        ({"kind": "webhook", "url": "http://x", "uri": 1}, "Extra inputs"),
        ({"kind": "webhook", "url": "${my var}"}, "neither the name"),
        ({"kind": "webhook", "url": " "}, "it is empty"),
        ({"kind": "email", "host": "x", "sender": "a@b\nBcc: c@d", "to": ["a@b"]}, "no e-mail address"),
        ({"kind": "email", "host": "x", "sender": "a@b", "to": ["a@b"], "user": "u"}, "belong together"),
        ({"kind": "email", "host": "mail.example.com", "sender": "a@b", "to": ["a@b"], "user": "u", "password": "p",
          "tls": "none"}, "sent readable"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(given, said):
    with pytest.raises(ValidationError, match=said):
        AlertSettings(receivers=[given])


def test_two_receivers_of_one_name_are_refused():
    with pytest.raises(ValidationError, match="two receivers are called console"):
        AlertSettings(receivers=[{"kind": "console"}, {"kind": "console"}])
