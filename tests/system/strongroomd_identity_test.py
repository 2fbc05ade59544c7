#!/usr/bin/env python3
"""Who sent a request to `strongroomd`, and what its audit log says: strongroomd_identity_test.py PROGRAM [CASE...]."""
import base64
import collections
import json
import os
import signal
import ssl
import subprocess
import threading
import time
import unittest

from served import Client, Served, auth, main, program

S = "/secrets/v1/secret/default"
POLICY = """\
[user:bob]
dcos:secrets:default:/bob/* full
[service:web]
dcos:secrets:default:/web/* read
"""


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Identity(Served):
    def setUp(self):
        super().setUp()
        self.init()
        self.ok("policy", "put", "dcos", self.write("dcos", POLICY))

    def openssl(self, *args, given=None):
        return subprocess.run(["openssl", *args], input=given, check=True, capture_output=True, cwd=self.place).stdout

    def may(self, client, headers, path):
        """The status of a PUT and a GET of a secret that does not exist yet."""
        put = client.ask("PUT", S + path, {"value": "very-secret"}, headers).status
        return put, client.ask("GET", S + path, None, headers).status

    def jwt(self, claims, key="jwt.key", alg="RS256"):
        text = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": alg, "typ": "JWT"}, claims))
        return text + "." + base64url(self.openssl("dgst", "-sha256", "-sign", key, given=text.encode()))

    def test_json_web_tokens(self):
        self.openssl("genrsa", "-out", "jwt.key", "2048")
        self.openssl("genrsa", "-out", "other.key", "2048")
        self.openssl("rsa", "-in", "jwt.key", "-pubout", "-out", "jwt.pub")
        server = self.serve(settings=f'[jwt]\nkey_files = ["{self.path("jwt.pub")}"]\n'
                                     '[jwt.identities]\nroot = "trusted"\n')
        self.unsealed(server)
        client = self.client(server)
        soon = time.time() + 300
        for scheme in ("token=", "Bearer "):
            bob = auth(self.jwt({"uid": "bob", "exp": soon}), scheme)
            self.assertEqual(self.may(client, bob, "/bob/" + scheme[:5].strip("=")), (201, 200))
            self.assertEqual(self.may(client, bob, "/ann"), (403, 403))
        root = auth(self.jwt({"uid": "root", "exp": soon}))
        self.assertEqual(self.may(client, root, "/any"), (201, 200))
        none = base64url(b'{"alg":"none"}') + "." + base64url(json.dumps({"uid": "root", "exp": soon}).encode()) + "."
        good = self.jwt({"uid": "root", "exp": soon})
        for wrong in (none, self.jwt({"uid": "root", "exp": time.time() - 300}), self.jwt({"uid": "root"}),
                      self.jwt({"uid": "root", "exp": soon}, key="other.key"), good[:-4] + "AAAA", good + "A",
                      self.jwt({"uid": "root", "exp": soon}, alg="HS256")):
            given = self.client(server).ask("GET", S + "/any", headers=auth(wrong))
            self.assertEqual(given.status, 401, wrong)
            self.assertNotIn(b"very-secret", given.body)

    def test_logins(self):
        self.openssl("genrsa", "-out", "jwt.key", "2048")
        self.openssl("rsa", "-in", "jwt.key", "-pubout", "-out", "jwt.pub")
        password = b"correct canary battery"
        hashed = subprocess.run([program(), "hash-password"], input=password + b"\n", check=True,
                                capture_output=True).stdout.decode().strip()
        users = self.write("users", f"bob:{hashed}\n")
        server = self.serve(settings=f'[login]\nusers_file = "{users}"\n[login.service_keys]\n'
                                     f'web = "{self.path("jwt.pub")}"\n[jwt.identities]\nweb = "service:web@/web"\n')
        self.unsealed(server).ask("PUT", S + "/web/a", {"value": "very-secret"})
        client = self.client(server)

        def login(**body):
            return client.ask("POST", "/acs/api/v1/auth/login", body)
        made = login(uid="bob", password=password.decode())
        self.assertIn(b'"action":"login","path":"bob","status":200', self.read("state", "audit.log"))
        self.assertEqual(made.status, 200, made)
        self.secrets.append(made.json()["token"].split(".")[2].encode())
        self.assertEqual(self.may(client, auth(made.json()["token"]), "/bob/x"), (201, 200))
        for wrong in (dict(uid="bob", password="wrong"), dict(uid="eve", password=password.decode()),
                      dict(uid="bob", token="x"), dict(uid="web", token=self.jwt({"uid": "bob", "exp": time.time() + 60}))):
            self.assertEqual(login(**wrong).status, 401, wrong)
        for broken in ({}, {"uid": "bob"}, {"uid": 5, "password": "x"}):
            self.assertEqual(login(**broken).status, 400, broken)
        service = login(uid="web", token=self.jwt({"uid": "web", "exp": time.time() + 60}))
        self.assertEqual(service.status, 200, service)
        self.assertEqual(client.ask("GET", S + "/web/a", None, auth(service.json()["token"])).status, 200)

        tokens = self.trusted(server).ask("GET", "/strongroom/v1/tokens").json()["array"]
        self.assertEqual(sorted(each["identity"] for each in tokens), ["service:web@/web", "user:bob"])
        self.assertTrue(all(each["expires_s"] > time.time() + 4 * 86400 for each in tokens))

    def test_the_cookie_of_a_login(self):
        hashed = subprocess.run([program(), "hash-password"], input=b"canary\n", check=True,
                                capture_output=True).stdout.decode().strip()
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                     "s.key", "-out", "s.pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
        server = self.serve("--tls-cert", self.path("s.pem"), "--tls-key", self.path("s.key"),
                            settings=f'[login]\nusers_file = "{self.write("users", f"bob:{hashed}" + chr(10))}"\n')
        self.unsealed(server)
        tls = ssl.create_default_context(cafile=self.path("s.pem"))
        unix = next(each for each in server.addresses if each.startswith("unix:"))
        for client, more in ((self.client(server, tls), "; Secure"), (Client(unix), "")):
            self.addCleanup(client.close)
            made = client.ask("POST", "/acs/api/v1/auth/login", {"uid": "bob", "password": "canary"})
            self.assertEqual(made.status, 200, made)
            token = made.json()["token"]
            self.secrets.append(token.split(".")[2].encode())
            self.assertEqual(made.headers["set-cookie"],
                             f"dcos-acs-auth-cookie={token}; Path=/; HttpOnly; SameSite=Strict" + more)
            wrong = client.ask("POST", "/acs/api/v1/auth/login", {"uid": "bob", "password": "x"})
            self.assertEqual((wrong.status, wrong.headers.get("set-cookie")), (401, None))

        # It counts for requests that change nothing, since a page of another site can make a browser send it.
        client, cookie = self.client(server, tls), "dcos-acs-auth-cookie=" + token
        trusted = self.trusted(server)
        self.assertEqual(trusted.ask("PUT", S + "/bob/a", {"value": "very-secret"}).status, 201)

        def status(method, cookies, body=None, path="/bob/a", **headers):
            return client.ask(method, S + path, body, {"Cookie": cookies, **headers}).status
        for cookies in (cookie, "a=b; " + cookie, cookie + "; a=b", "a=b;" + cookie + ";c=d", "a; " + cookie + "; ;"):
            self.assertEqual(status("GET", cookies), 200, cookies)
        self.assertEqual(status("HEAD", cookie), 200)
        self.assertEqual(status("GET", cookie, path="/ann/a"), 403)
        for method, body in (("PUT", {"value": "x"}), ("PATCH", {"value": "x"}), ("DELETE", None), ("POST", {})):
            self.assertEqual(status(method, cookie, body), 405 if method == "POST" else 401, method)
        self.assertEqual(status("GET", cookie + "; " + cookie), 400)
        for cookies in ("", "dcos-acs-auth-cookie", "dcos-acs-auth-cookie=", cookie[:-1], cookie + "x", "x" + cookie,
                        "dcos-acs-auth-cookie2=" + token, "other=" + token, "DCOS-ACS-AUTH-COOKIE=" + token):
            self.assertEqual(status("GET", cookies), 401, cookies)
        # The header field is asked first.
        self.assertEqual(status("GET", "dcos-acs-auth-cookie=x", **auth(token)), 200)
        self.assertEqual(status("GET", cookie, **auth("x")), 401)

    def test_a_login_may_ask_for_less_time(self):
        hashed = subprocess.run([program(), "hash-password"], input=b"canary\n", check=True,
                                capture_output=True).stdout.decode().strip()
        server = self.serve(settings=f'[login]\nusers_file = "{self.write("users", f"bob:{hashed}" + chr(10))}"\n'
                                     'token_lifetime_s = 1000\n')
        trusted = self.unsealed(server)
        client, now = self.client(server), int(time.time())
        for exp, least, most in ((now + 600, 590, 600), (now + 5000, 1000, 1000), (None, 1000, 1000), (1e300, 1000, 1000),
                                 (now + 100.5, 90, 101)):
            given = client.ask("POST", "/acs/api/v1/auth/login", {"uid": "bob", "password": "canary", "exp": exp})
            self.assertEqual(given.status, 200, given)
            token = given.json()["token"]
            self.secrets.append(token.split(".")[2].encode())
            info = trusted.ask("GET", "/strongroom/v1/tokens/" + token.split(".")[1]).json()
            self.assertTrue(least <= info["expires_s"] - info["created_s"] <= most, (exp, info))
        for exp in (now - 10, 0, -5):
            given = client.ask("POST", "/acs/api/v1/auth/login", {"uid": "bob", "password": "canary", "exp": exp})
            self.assertEqual(given.status, 400, given)

    def test_a_flood_of_logins_holds_up_nothing_else(self):
        hashed = subprocess.run([program(), "hash-password"], input=b"canary\n", check=True,
                                capture_output=True).stdout.decode().strip()
        server = self.serve(settings=f'[login]\nusers_file = "{self.write("users", f"bob:{hashed}" + chr(10))}"\n')
        trusted = self.unsealed(server)
        over, given = threading.Event(), collections.Counter()

        def flood():
            client = self.client(server)
            while not over.is_set():
                given[client.ask("POST", "/acs/api/v1/auth/login", {"uid": "bob", "password": "x"}).status] += 1
        clients = [threading.Thread(target=flood) for _ in range(120)]
        for each in clients:
            each.start()
        try:
            deadline = time.monotonic() + 60
            while not given[503]:  # all that may wait do wait
                self.assertGreater(deadline, time.monotonic(), given)
                time.sleep(0.01)
            begun = time.monotonic()
            for i in range(20):
                self.assertEqual(trusted.ask("PUT", f"{S}/a{i}", {"value": "very-secret"}).status, 201)
                self.assertEqual(trusted.ask("GET", "/secrets/v1/ping").status, 200)
                self.assertEqual(trusted.ask("GET", f"{S}?list=true").status, 200)
            self.assertLess(time.monotonic() - begun, 20)  # one login takes its turn after 64 others
        finally:
            over.set()
            for each in clients:
                each.join()
        self.assertEqual(sorted(given), [401, 503])

    def test_no_login_without_a_configuration(self):
        server = self.serve()
        self.unsealed(server)
        given = self.client(server).ask("POST", "/acs/api/v1/auth/login", {"uid": "a", "password": "b"})
        self.assertEqual(given.status, 404)

    def test_tokens(self):
        server = self.serve()
        trusted = self.unsealed(server)
        token = self.token(server, "user:bob", description="the build", lifetime_s=3600)
        client = self.client(server)
        self.assertEqual(self.may(client, auth(token), "/bob/a"), (201, 200))
        listed, = trusted.ask("GET", "/strongroom/v1/tokens").json()["array"]
        self.assertEqual((listed["identity"], listed["description"]), ("user:bob", "the build"))
        self.assertEqual(listed["expires_s"] - listed["created_s"], 3600)
        self.assertEqual(trusted.ask("GET", "/strongroom/v1/tokens/" + listed["id"]).json(), listed)
        self.assertEqual(trusted.ask("DELETE", "/strongroom/v1/tokens/" + listed["id"]).status, 204)
        self.assertEqual(trusted.ask("DELETE", "/strongroom/v1/tokens/" + listed["id"]).status, 404)
        self.assertEqual(client.ask("GET", S + "/bob/a", None, auth(token)).status, 401)
        for body in ({}, {"identity": "root"}, {"identity": 5}, {"identity": "user:a", "lifetime_s": -1},
                     {"identity": "user:a", "lifetime_s": "5"}, {"identity": "user:a", "description": "x" * 201}):
            self.assertEqual(trusted.ask("POST", "/strongroom/v1/tokens", body).status, 400, body)

    def test_guessing_is_slowed_down(self):
        server = self.serve()
        self.unsealed(server)
        right = auth(self.token(server, "trusted"))
        client = self.client(server)
        started = time.monotonic()
        for i in range(8):
            self.assertEqual(client.ask("GET", S + "/a", None, auth("srt." + "A" * 22 + "." + "A" * 43)).status, 401)
        self.assertGreater(time.monotonic() - started, 0.6)
        started = time.monotonic()
        self.assertEqual(client.ask("GET", S + "/a", None, right).status, 404)
        self.assertLess(time.monotonic() - started, 0.6)

    def test_client_certificates(self):
        def certificate(name, ca, usage="clientAuth", uri="spiffe://example.org/web"):
            self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                         name + ".key", "-out", name + ".csr", "-subj", f"/O=Example/CN={name}")
            extensions = self.write(name + ".ext", f"extendedKeyUsage={usage}\nsubjectAltName=URI:{uri}\n")
            self.openssl("x509", "-req", "-in", name + ".csr", "-CA", ca + ".crt", "-CAkey", ca + ".key", "-days", "2",
                         "-CAcreateserial", "-extfile", extensions, "-out", name + ".crt")

        for ca in ("ca", "other"):
            self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                         ca + ".key", "-out", ca + ".crt", "-days", "2", "-subj", "/CN=" + ca,
                         "-addext", "subjectAltName=IP:127.0.0.1")
        certificate("web", "ca")
        certificate("operations", "ca", uri="spiffe://example.org/none")
        certificate("stranger", "ca", uri="spiffe://example.org/web2")
        certificate("server-only", "ca", usage="serverAuth")
        certificate("foreign", "other")
        server = self.serve("--tls-cert", self.path("ca.crt"), "--tls-key", self.path("ca.key"), settings=f"""
[tls]
client_ca_file = "{self.path('ca.crt')}"
[[certificates]]
uri = "spiffe://example.org/web"
identity = "service:web@/web"
[[certificates]]
subject = "CN=operations,O=Example"
identity = "trusted"
""")
        self.unsealed(server).ask("PUT", S + "/web/a", {"value": "very-secret"})
        statuses = {}
        for name in ("web", "operations", "stranger", "server-only", "foreign", None):
            context = ssl.create_default_context(cafile=self.path("ca.crt"))
            if name:
                context.load_cert_chain(self.path(name + ".crt"), self.path(name + ".key"))
            client = self.client(server, tls=context)
            try:
                statuses[name] = [client.ask("GET", S + path).status for path in ("/web/a", "/bob/a")]
            except (ConnectionError, ssl.SSLError):
                statuses[name] = "closed"
        self.assertEqual(statuses, {"web": [200, 403], "operations": [200, 404], "stranger": [401, 401],
                                    "server-only": [401, 401], "foreign": [401, 401], None: [401, 401]})

    @unittest.skipUnless(os.getuid() == 0, "needs root")
    def test_unix_peers_of_other_users(self):
        server = self.serve(settings='[[unix_peers]]\nuid = 65533\nidentity = "user:bob"\n')
        self.unsealed(server)
        os.chmod(self.place, 0o711)
        script = ("import os, socket, sys\nos.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))\n"
                  "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[2])\n"
                  "s.sendall(b'GET " + S + "/%s HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n' % sys.argv[3].encode())\n"
                  "print(s.recv(1000).split()[1].decode())\n")
        for uid, path, status in ((65533, "bob/a", "404"), (65533, "ann/a", "403"), (65532, "bob/a", "401")):
            out = subprocess.run(["python3", "-c", script, str(uid), self.path("state.socket"), path], check=True,
                                 capture_output=True).stdout.decode().strip()
            self.assertEqual(out, status, (uid, path))


class Audit(Served):
    def setUp(self):
        super().setUp()
        self.init()

    def lines(self, name="audit.log"):
        return [json.loads(line) for line in self.read("state", name).splitlines()]

    def test_each_request_is_a_line(self):
        server = self.serve()
        client = self.unsealed(server)
        before = len(self.lines())
        token = auth(self.token(server, "user:eve"))
        client.ask("PUT", S + "/audited", {"value": "very-secret"})
        self.client(server).ask("GET", S + "/audited", None, token)
        self.client(server).ask("GET", S + "/audited")
        client.ask("PUT", "/secrets/v1/seal/default")
        client.ask("PUT", "/secrets/v1/auto-unseal/default")
        client.ask("GET", "/no/such/thing")
        client.send(b"GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx")
        client.receive()
        said = [(line["action"], line.get("path", ""), line["status"]) for line in self.lines()[before:]
                if line.get("status")]
        for wanted in (("token_create", token["Authorization"].split(".")[1], 201), ("secret_create", "audited", 201), ("secret_read", "audited", 403),
                       ("secret_read", "audited", 401), ("seal", "default", 204), ("auto_unseal", "default", 200),
                       ("other", "", 404), ("other", "", 400)):
            self.assertIn(wanted, said)
        actors = {line["actor"].split(" ")[0] for line in self.lines() if line.get("action") == "secret_read"}
        self.assertEqual(actors, {"user:eve", ""})

    def test_rotation_and_verify(self):
        server = self.serve()
        client = self.unsealed(server)
        for i in range(20):
            client.ask("PUT", S + f"/a{i}", {"value": "very-secret"})
        os.rename(self.path("state", "audit.log"), self.path("state", "audit.log.1"))
        server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 30
        while not os.path.exists(self.path("state", "audit.log")):
            self.assertGreater(deadline, time.monotonic())
            time.sleep(0.01)
        for i in range(20):
            client.ask("GET", S + f"/a{i}")
        server.stop()
        logs = [self.path("state", "audit.log.1"), self.path("state", "audit.log")]
        self.ok("audit", "verify", *logs)
        text = self.read("state", "audit.log.1")
        damaged = self.write("state/audit.log.1", text.replace(b'"status":201', b'"status":403', 1))
        done = self.run_it("audit", "verify", damaged, logs[1])
        self.assertNotEqual(done.returncode, 0)
        self.write("state/audit.log.1", text)
        whole = self.read("state", "audit.log")
        self.write("state/audit.log", b"\n".join(whole.splitlines()[:-5]) + b"\n")
        self.assertNotEqual(self.run_it("audit", "verify", *logs).returncode, 0, "a cut tail")

    def test_paths_can_be_hashed(self):
        server = self.serve(settings="[audit]\nhash_paths = true\n")
        self.unsealed(server).ask("PUT", S + "/canary/path", {"value": "very-secret"})
        self.assertNotIn(b"canary/path", self.read("state", "audit.log"))

    @unittest.skipUnless(os.getuid() == 0, "needs root, to mount a small file system")
    def test_a_full_disk_refuses_requests(self):
        small = self.path("small")
        os.mkdir(small)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "tmpfs", small],
                          capture_output=True).returncode != 0:
            self.skipTest("no mounts here")
        self.addCleanup(subprocess.run, ["umount", "-l", small], check=True)
        server = self.serve(settings=f'[audit]\nfile = "{small}/audit.log"\n')
        client = self.unsealed(server)
        self.assertEqual(client.ask("PUT", S + "/a", {"value": "very-secret"}).status, 201)
        filled = os.open(small + "/filler", os.O_CREAT | os.O_WRONLY)
        try:
            while True:
                os.write(filled, b"x" * 65536)
        except OSError:
            pass
        os.close(filled)
        statuses, deadline = set(), time.monotonic() + 60
        while 503 not in statuses and time.monotonic() < deadline:
            statuses.add(client.ask("GET", S + "/" + "b" * 900).status)
        self.assertEqual(statuses, {404, 503})
        self.assertEqual(client.ask("PUT", S + "/refused", {"value": "very-secret"}).status, 503)
        os.unlink(small + "/filler")
        while client.ask("GET", S + "/a").status != 200:
            self.assertGreater(deadline, time.monotonic())
            time.sleep(0.05)
        self.assertEqual(client.ask("GET", S + "/refused").status, 404)


if __name__ == "__main__":
    main(globals())
