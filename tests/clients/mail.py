"""E-mails of alerts at a real SMTP server (aiosmtpd): encrypted, with a login, refused for now and for ever.

usage: mail.py BINARY FOLDER SEED

The seed makes the password. A line `ok …` is a check that passed; the first that fails ends the program.
"""

import email
import email.policy
import json
import os
import pathlib
import random
import socket
import ssl
import subprocess
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from checks import check

BINARY, FOLDER, SEED = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
PASSWORD = "".join(random.Random(SEED).choices("abcdefgh 0123456789:ü", k=20)).strip() + "x"
FOLDER.mkdir(parents=True)

subprocess.run(
    ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
     "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE",
     "-keyout", "key.pem", "-out", "cert.pem"],
    cwd=FOLDER, check=True, capture_output=True,
)  # fmt: skip


class Inbox:
    """Takes messages, after as many refusals as it was told."""

    def __init__(self, *refusals: str):
        self.refusals, self.messages, self.tries = list(refusals), [], 0

    async def handle_DATA(self, server, session, envelope):
        self.tries += 1
        if self.refusals:
            return self.refusals.pop(0)
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.messages.append((envelope.mail_from, envelope.rcpt_tos, session.ssl is not None, parsed))
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"headwater", PASSWORD.encode())
    return AuthResult(success=known, handled=False)


class Encrypted(Controller):
    def factory(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(FOLDER / "cert.pem", FOLDER / "key.pem")
        return SMTP(
            self.handler, tls_context=context, require_starttls=True, auth_required=True, authenticator=authenticate
        )


def start(inbox: Inbox, kind=Controller) -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kind(inbox, hostname="127.0.0.1", port=port, ready_timeout=60).start()
    return port


def sql(query: str) -> list[str]:
    given = [BINARY, "sql", "--project", "project", "--format", "csv", query]
    done = subprocess.run(given, cwd=FOLDER, capture_output=True, text=True, timeout=120)
    if done.returncode:
        sys.exit(f"FAILED {query}: {done.stderr}")
    return done.stdout.splitlines()[1:]


encrypted, busy, closed = Inbox(), Inbox("451 try again"), Inbox("550 nobody wants that")
ports = start(encrypted, Encrypted), start(busy), start(closed)
project = FOLDER / "project"
project.mkdir()
(project / "password").write_text(PASSWORD + "\n")
(project / "rows.csv").write_text("at,what\n2026-01-01T00:00:00Z,Übermäßig viel\n2026-01-01T01:00:00Z,more\n")
alert = "EMAIL (TO '{to}', CONNECTION {connection}) WITH (max_age = 'none', retries = {retries}, message = '{{what}} is wrong') AS SELECT * FROM things;"
(project / "main.sql").write_text(
    f"""
CREATE STREAM things (at TIMESTAMP NOT NULL, what VARCHAR, WATERMARK FOR at AS at);
CREATE SOURCE file INTO things FROM FILES (PATH 'rows.csv', FORMAT 'csv');
CREATE SECRET password FROM FILE 'password';
CREATE CONNECTION encrypted TO SMTP (HOST 'localhost', PORT {ports[0]}, USER 'headwater', PASSWORD SECRET password,
    FROM 'headwater@example.com');
CREATE CONNECTION stranger TO SMTP (HOST 'localhost', PORT {ports[0]}, USER 'headwater', PASSWORD 'guessed',
    FROM 'headwater@example.com');
CREATE CONNECTION busy TO SMTP (HOST 'localhost', PORT {ports[1]}, FROM 'headwater@example.com', TLS 'none');
CREATE CONNECTION closed TO SMTP (HOST 'localhost', PORT {ports[2]}, FROM 'headwater@example.com', TLS 'none');
CREATE CONNECTION open TO SMTP (HOST 'localhost', PORT {ports[1]}, FROM 'headwater@example.com');
CREATE ALERT a_encrypted NOTIFY {alert.format(to="ops@example.com, more@example.com", connection="encrypted", retries=3)}
CREATE ALERT b_stranger NOTIFY {alert.format(to="ops@example.com", connection="stranger", retries=3)}
CREATE ALERT c_busy NOTIFY {alert.format(to="ops@example.com", connection="busy", retries=3)}
CREATE ALERT d_closed NOTIFY {alert.format(to="ops@example.com", connection="closed", retries=3)}
CREATE ALERT e_open NOTIFY {alert.format(to="ops@example.com", connection="open", retries=3)}
"""
)
environment = {**os.environ, "SSL_CERT_FILE": str(FOLDER / "cert.pem")}
with open(FOLDER / "node.log", "wb") as log:
    node = subprocess.Popen(
        [BINARY, "run", "project", "--http", "127.0.0.1:0", "--postgres", "off"],
        cwd=FOLDER, stdout=log, stderr=log, env=environment,
    )  # fmt: skip
try:
    announced, deadline = project / ".headwater/node.json", time.monotonic() + 60
    while not (announced.exists() and json.loads(announced.read_text())["pid"] == node.pid):
        if node.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"FAILED a node does not start: {(FOLDER / 'node.log').read_text()[-3000:]}")
        time.sleep(0.05)
    wanted = [
        "a_encrypted,firing,sent,1", "a_encrypted,firing,sent,1", "a_encrypted,resolved,sent,1",
        "b_stranger,firing,failed,1", "b_stranger,firing,failed,1", "b_stranger,resolved,suppressed,0",
        "c_busy,firing,sent,1", "c_busy,firing,sent,2", "c_busy,resolved,sent,1",
        "d_closed,firing,failed,1", "d_closed,firing,sent,1", "d_closed,resolved,suppressed,0",
        "e_open,firing,failed,1", "e_open,firing,failed,1", "e_open,resolved,suppressed,0",
    ]  # fmt: skip
    query = "SELECT alert, kind, state, attempts FROM system.notifications ORDER BY 1, 2, 3, 4"
    while (found := sql(query)) != wanted and time.monotonic() < deadline:
        time.sleep(0.3)
    check("what became of each notification", found, wanted)
    errors = dict(line.split(",", 1) for line in sql(
        "SELECT alert, min(error) FROM system.notifications WHERE state = 'failed' GROUP BY alert ORDER BY 1"))  # fmt: skip
    check("a wrong password is told", "535" in errors["b_stranger"], True)
    check("what the server says is told", "550: nobody wants that" in errors["d_closed"], True)
    check("nothing is sent in the open where encryption was asked for", "STARTTLS" in errors["e_open"], True)
finally:
    node.terminate()
    node.wait(timeout=60)

sender, recipients, was_encrypted, first = encrypted.messages[0]
check("sender and recipients", (sender, recipients), ("headwater@example.com", ["ops@example.com", "more@example.com"]))
check("it was encrypted", was_encrypted, True)
subjects = [message["Subject"] for *_, message in encrypted.messages]
check(
    "subjects, in their order",
    subjects,
    ["[FIRING] Übermäßig viel is wrong", "[RESOLVED] Übermäßig viel is wrong", "[FIRING] more is wrong"],
)
text = first.get_content()
check("the text has the row", ("began: 2026-01-01T00:00:00Z" in text, '"what":"Übermäßig viel"' in text), (True, True))
check("it says that no person wrote it", first["Auto-Submitted"], "auto-generated")
keys = [message["Message-ID"] for *_, message in encrypted.messages]
check("each has a name of its own", len(set(keys)), 3)
check("the busy server was asked once more", (busy.tries, len(busy.messages)), (4, 3))
