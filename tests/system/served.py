"""What tests of the real `strongroomd` share: a server of their own, and a client that sends exactly what it is told."""
import json
import os
import re
import signal
import socket
import subprocess
import time

import cli_test
import openapi
from cli_test import Case

DESCRIPTION = openapi.Description()
JSON = "application/json"
BYTES = "application/octet-stream"


def program():
    return os.environ["STRONGROOMD"]


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def type(self):
        return self.headers.get("content-type")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.type} {self.body[:300]!r}"


class Client:
    """One connection; address is "127.0.0.1:PORT", "tls:127.0.0.1:PORT" or "unix:PATH"."""

    def __init__(self, address, tls=None, timeout=30):
        kind, _, rest = address.partition(":")
        if kind == "unix":
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(rest)  # waits where many others wait to be accepted
            except OSError:
                self.socket.close()
                raise
            self.socket.settimeout(timeout)
        else:
            host, port = (rest if kind == "tls" else address).rsplit(":", 1)
            self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout=timeout)
            if kind == "tls":
                self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        self.waiting = b""

    def close(self):
        self.socket.close()

    def send(self, raw):
        self.socket.sendall(raw)

    def read_until(self, mark):
        while mark not in self.waiting:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("closed after " + repr(self.waiting[:200]))
            self.waiting += more
        found, _, self.waiting = self.waiting.partition(mark)
        return found

    def read_len(self, length):
        while len(self.waiting) < length:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("closed in the body")
            self.waiting += more
        found, self.waiting = self.waiting[:length], self.waiting[length:]
        return found

    def receive(self, method="GET"):
        """The next response that is not an interim one."""
        while True:
            lines = self.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
            status = int(lines[0].split(" ")[1])
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            if status >= 200:
                break
        has_body = method != "HEAD" and status != 204
        body = self.read_len(int(headers.get("content-length", 0))) if has_body else b""
        return Response(status, headers, body)

    def ask(self, method, target, body=None, headers=()):
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
        fields = dict(headers)
        if body is not None:
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
                fields.setdefault("Content-Type", JSON)
            if isinstance(body, str):
                body = body.encode()
            fields.setdefault("Content-Length", str(len(body)))
        lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))
        response = self.receive(method)
        if why := DESCRIPTION.check(method, target, response):
            raise AssertionError(f"{method} {target} was answered {response}: openapi.yaml: {why}")
        return response


class Server:
    """A running strongroomd."""

    def __init__(self, case, *args, **more):
        self.case = case
        more.setdefault("env", case.environ(key=False))
        self.log = case.path(f"log{len(os.listdir(case.place))}")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([program(), *args], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=case.place, start_new_session=True, **more)
        case.addCleanup(self.kill)
        self.addresses = []

    def said(self):
        with open(self.log, "rb") as log:
            return log.read().decode(errors="replace")

    def wait_for(self, pattern, seconds=60):
        deadline = time.monotonic() + seconds
        while not (found := re.findall(pattern, self.said(), re.MULTILINE)):
            self.case.assertIsNone(self.process.poll(), self.said())
            self.case.assertGreater(deadline, time.monotonic(), self.said())
            time.sleep(0.01)
        return found

    def wait_until_it_listens(self, num):
        while len(self.addresses) < num:
            self.addresses = self.wait_for(r"listening on (\S+)")
        return self

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.case.assertEqual(self.process.wait(timeout=30), 0, self.said())


class Served(Case):
    """A directory with a store that a key file opens, and servers over it."""

    SETTINGS = ""

    def setUp(self):
        super().setUp()
        self.secrets += [b"very-secret", b"canary"]
        self.servers = []
        self.addCleanup(self.check_logs)

    def check_logs(self):
        for server in self.servers:
            for text in (server.said().encode(), *self.audit_logs()):
                for secret in self.secrets:
                    self.assertNotIn(secret, text, "told a secret")

    def audit_logs(self):
        for name in os.listdir(self.place):
            log = self.path(name, "audit.log")
            if os.path.exists(log):
                yield self.read(name, "audit.log")

    def serve(self, *args, settings="", state="state", listen=None, key=True):
        """Starts a server; its own user is trusted on its Unix socket."""
        listen = listen or ["127.0.0.1:0", "unix:" + self.path(state + ".socket")]
        key_line = f'key_file = "{self.key_file}"\n' if key else ""
        config = self.write(state + ".toml", key_line + self.SETTINGS + settings +
                            f'\n[[unix_peers]]\nuid = {os.getuid()}\nidentity = "trusted"\n')
        server = Server(self, "--store", self.url, "--state-dir", self.path(state), "--config", config,
                        *[word for address in listen for word in ("--listen", address)], *args)
        self.servers.append(server)
        return server.wait_until_it_listens(len(listen))

    def trusted(self, server):
        """A client that its Unix socket vouches for."""
        client = Client(next(each for each in server.addresses if each.startswith("unix:")))
        self.addCleanup(client.close)
        return client

    def client(self, server, tls=None, **more):
        address = next(each for each in server.addresses if not each.startswith("unix:"))
        client = Client(("tls:" if tls else "") + address, tls, **more)
        self.addCleanup(client.close)
        return client

    def token(self, server, identity, **more):
        made = self.trusted(server).ask("POST", "/strongroom/v1/tokens", {"identity": identity, **more})
        self.assertEqual(made.status, 201, made)
        token = made.json()["token"]
        self.secrets.append(token.split(".")[2].encode())
        return token

    def unsealed(self, server):
        """Waits until a server has healed itself."""
        client = self.trusted(server)
        deadline = time.monotonic() + 60
        while client.ask("GET", "/secrets/v1/seal-status/default").json()["sealed"]:
            self.assertGreater(deadline, time.monotonic(), server.said())
            time.sleep(0.01)
        return client


def auth(token, scheme="token="):
    return {"Authorization": scheme + token}


main = cli_test.main
