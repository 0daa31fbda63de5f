"""Asks a node with a certificate, and then with users, as psql, psycopg, curl and `headwater sql` do.

usage: users.py HOST:PORT HOST:PORT-OF-HTTP CERTIFICATE BINARY DATA_DIR

A line `ok …` is a check that passed; the first that fails ends the program.
"""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg

from checks import check, says

HOST, PORT = sys.argv[1].rsplit(":", 1)
HTTP, CERTIFICATE, BINARY, DATA = sys.argv[2:6]


def connect(user: str, password: str | None = None, **options):
    return psycopg.connect(host=HOST, port=PORT, user=user, password=password, dbname="shop", autocommit=True, **options)


def one(query: str, user: str, password: str | None = None, **options):
    with connect(user, password, **options) as connection:
        return connection.execute(query).fetchone()[0]


def refused(what: str, user: str, password: str | None, *parts: str, **options) -> None:
    try:
        connect(user, password, **options).close()
    except psycopg.OperationalError as error:
        says(what, str(error), *parts)
        return
    sys.exit(f"FAILED {what}: it was let in")


def psql(user: str, password: str, command: str, mode: str = "require") -> str:
    address = f"host={HOST} port={PORT} user={user} dbname=shop sslmode={mode}"
    environment = {**os.environ, "PGPASSWORD": password}
    done = subprocess.run(["psql", "-X", address, "-c", command], capture_output=True, text=True, timeout=60, env=environment)
    return done.stdout + done.stderr


def curl(*arguments: str, path: str = "/v1/sql", scheme: str = "https") -> tuple[int, str]:
    given = ["curl", "--silent", "--max-time", "30", "--cacert", CERTIFICATE, "--write-out", "\n%{http_code}", *arguments]
    done = subprocess.run([*given, f"{scheme}://{HTTP}{path}"], capture_output=True, text=True, timeout=60)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def shell(query: str, user: str | None = None, password: str | None = None) -> str:
    environment = {**os.environ, **({"HEADWATER_PASSWORD": password} if password is not None else {})}
    given = [BINARY, "sql", "--data-dir", DATA, "--format", "csv", *(["--user", user] if user else []), query]
    done = subprocess.run(given, capture_output=True, text=True, timeout=60, env=environment)
    return done.stdout + done.stderr


def without_users() -> None:
    for mode in ("disable", "prefer", "require"):
        check(f"without users, sslmode={mode}", one("SELECT 1", "me", sslmode=mode), 1)
    check("the certificate is the node's", one("SELECT 2", "me", sslmode="verify-full", sslrootcert=CERTIFICATE), 2)
    check("SQL over HTTPS", curl("--data", "SELECT 3 AS n")[0], 200)
    check("no HTTP without encryption", curl("--data", "SELECT 3", scheme="http")[0], 0)
    check("headwater sql by HTTPS", shell("SELECT 4 AS n"), "n\n4\n")


def first_user() -> None:
    says("the first user", psql("me", "", "CREATE USER ann PASSWORD 'pencil'"), "CREATE USER", "from now on every door")
    refused("no password", "ann", None, "no password supplied")
    refused("a wrong password", "ann", "Pencil", 'password authentication failed for user "ann"')
    refused("an unknown user", "bob", "pencil", 'password authentication failed for user "bob"')
    for mode in ("disable", "require"):
        check(f"the password, sslmode={mode}", one("SELECT current_user", "ann", "pencil", sslmode=mode), "ann")
    says("psql", psql("ann", "pencil", "SHOW USERS"), "ann", "password_changed_at")
    says("psql with a wrong password", psql("ann", "x", "SELECT 1"), "password authentication failed")


def over_http() -> None:
    status, body = curl("--data", "SELECT 1 AS n")
    check("HTTP without a user", (status, json.loads(body)["error"]["kind"]), (401, "invalid"))
    for what, login in [("a wrong password", "ann:x"), ("an unknown user", "bob:pencil"), ("no password", "ann:")]:
        status, body = curl("--user", login, "--data", "SELECT 1 AS n")
        check(f"HTTP with {what}", status, 401)
        says(f"HTTP with {what}: text", json.loads(body)["error"]["message"], "this is not the password of user")
    for _ in range(2):
        check("HTTP with the password", curl("--user", "ann:pencil", "--data", "SELECT 1 AS n")[0], 200)
    status, body = curl(path="/health")
    check("health asks nobody", (status, json.loads(body)["status"]), (200, "ok"))
    check("the API's document asks", curl(path="/v1/openapi.json")[0], 401)
    for path in ("/v1/streams/orders", "/v1/plan", "/nowhere"):
        check(f"{path} asks", curl("--data", "{}", path=path)[0], 401)
    says("headwater sql without a user", shell("SELECT 1"), "asks for a user and a password", "--user NAME")
    says("headwater sql, no password", shell("SELECT 1", "ann"), "set HEADWATER_PASSWORD")
    says("headwater sql, a wrong password", shell("SELECT 1", "ann", "x"), "this is not the password of user ann")
    check("headwater sql", shell("SELECT name FROM system.users", "ann", "pencil"), "name\nann\n")


def changes() -> None:
    says("a user twice", psql("ann", "pencil", "CREATE USER ann PASSWORD 'x'"), "there is a user ann already", "ALTER USER")
    says("one that may be there", psql("ann", "pencil", "CREATE USER IF NOT EXISTS ann PASSWORD 'x'"), "who stays")
    says("a colon", psql("ann", "pencil", 'CREATE USER "a:b" PASSWORD \'x\''), "can't be the name of the user")
    says("another password", psql("ann", "pencil", "ALTER USER ann WITH PASSWORD 'größe'"), "ALTER USER")
    refused("the old password", "ann", "pencil", "password authentication failed")
    check("HTTP with the old password", curl("--user", "ann:pencil", "--data", "SELECT 1")[0], 401)
    check("a password beyond ASCII", one("SELECT 1", "ann", "größe"), 1)
    check("HTTP with it", curl("--user", "ann:größe", "--data", "SELECT 1 AS n")[0], 200)
    says("nobody's password", psql("ann", "größe", "ALTER USER an PASSWORD 'x'"), "there is no user an", "did you mean ann?")
    says("a secret that is not there", psql("ann", "größe", "CREATE USER bob PASSWORD SECRET no"), "there is no secret no")
    says("a secret", psql("ann", "größe", "CREATE SECRET pass FROM ENV 'HEADWATER_TEST_PASSWORD'"), "CREATE SECRET")
    says("a user by a secret", psql("ann", "größe", "CREATE USER bob PASSWORD SECRET pass"), "CREATE USER")
    check("the secret is the password", one("SELECT 1", "bob", "from the environment"), 1)
    says("dropping", psql("ann", "größe", "DROP USER bob"), "DROP USER")
    refused("who is dropped", "bob", "from the environment", "password authentication failed")
    says("dropping nobody", psql("ann", "größe", "DROP USER bob"), "there is no user bob")
    stored = open(os.path.join(DATA, "users.json"), encoding="utf-8").read()
    check("no password is stored", [word for word in ("pencil", "größe", "environment") if word in stored], [])
    says("dropping the last", psql("ann", "größe", "DROP USER ann"), "DROP USER", "no door asks")
    check("without users again", one("SELECT 1", "me"), 1)


def guesses() -> None:
    says("a user to guess at", psql("me", "", "CREATE USER eve PASSWORD 'pencil'"), "CREATE USER")
    started = time.monotonic()
    for guess in range(4):
        refused(f"guess {guess}", "eve", f"guess {guess}", "password authentication failed")
    check("a guess by HTTP", curl("--user", "eve:x", "--data", "SELECT 1")[0], 401)
    for guess in range(2):
        check(f"guess {guess} that waits", curl("--user", f"eve:y{guess}", "--data", "SELECT 1")[0], 401)
    check("they have waited", time.monotonic() - started > 0.7, True)
    # What is tried at once waits one for the other; what would wait longest is not looked at.
    with ThreadPoolExecutor(12) as pool:
        guess = lambda number: curl("--user", f"eve:z{number}", "--data", "SELECT 1", "--include")
        answers = list(pool.map(guess, range(12)))
    many = [body for status, body in answers if status == 429]
    check("guesses at once", (len(many) > 6, {status for status, _ in answers}), (True, {401, 429}))
    started = time.monotonic()
    check("a wrong password that comes again is none", {curl("--user", "eve:y1", "--data", "SELECT 1")[0]}, {401})
    check("and waits for nobody", time.monotonic() - started < 0.5, True)
    says("too many", many[0].lower(), "too many wrong passwords for user eve", "retry-after: ")
    check("the right password, in its turn", one("SELECT 1", "eve", "pencil"), 1)
    started = time.monotonic()
    check("and then at once", curl("--user", "eve:pencil", "--data", "SELECT 1")[0], 200)
    check("it was at once", time.monotonic() - started < 3, True)
    says("nobody is left", psql("eve", "pencil", "DROP USER eve"), "DROP USER")


without_users()
first_user()
over_http()
changes()
guesses()
