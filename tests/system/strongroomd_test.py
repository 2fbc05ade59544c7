#!/usr/bin/env python3
"""The real `strongroomd` over real sockets: strongroomd_test.py PROGRAM [CASE...], or --cases to name them.

The numbers are those of the acceptance cases of DC/OS' Secrets API, as its users saw it.
"""
import ssl
import subprocess

from served import BYTES, JSON, Served, auth, main

S = "/secrets/v1/secret/default"
BINARY = b"value\x85\xff3"
POLICY = """\
[user:developer]
dcos:secrets:default:/developer/my-secret create
[user:lister]
dcos:secrets:list:default:/ read
[user:tenant]
dcos:secrets:list:default:/tenant read
[user:super]
dcos:superuser full
"""


class Api(Served):
    """The table of the contract, by each way in."""

    def setUp(self):
        super().setUp()
        self.init()

    def check(self, client, headers, rows):
        for method, target, body, extra, status, answer in rows:
            given = client.ask(method, target, body, {**headers, **extra})
            where = (method, target, given)
            self.assertEqual(given.status, status, where)
            if status >= 400:
                self.assertEqual(given.type, JSON, where)
                self.assertEqual(sorted(given.json()), ["description", "title"], where)
            if isinstance(answer, bytes):
                self.assertEqual((given.type, given.body), (BYTES, answer), where)
            elif isinstance(answer, (dict, list)):
                self.assertEqual((given.type, given.json()), (JSON, answer), where)
            elif isinstance(answer, str):
                self.assertIn(answer, given.json()["description"], where)
            elif status == 204:
                self.assertEqual((given.body, given.type), (b"", None), where)

    def rows(self):
        accept_json, accept_bytes = {"Accept": JSON}, {"Accept": BYTES}
        raw = {"Content-Type": BYTES}
        secret = {"value": "very-secret"}
        five = ["folder/key2", "folder/key3", "folder/sub", "folder/sub/key4", "key1"]
        large = "x" * ((1 << 20) - 1024)
        yield from [
            ("PUT", S + "/developer/my-secret", secret, {}, 201, {}),  # 3
            ("PUT", S + "/developer/my-secret", {"value": "other"}, {}, 409, "already exists"),  # 4
            ("GET", S + "/developer/my-secret", None, accept_json, 200, secret),  # 5
            ("GET", S + "/developer/my-secret", None, {}, 200, secret),
            ("GET", S + "/developer/my-secret", None, {"Accept": "*/*"}, 200, secret),
            ("GET", S + "/developer/my-secret", None, accept_bytes, 200, b"very-secret"),
            ("GET", S + "/developer/my-secret", None, {"Accept": "text/plain"}, 400, "application/json"),
            ("GET", S + "/developer%2Fmy-secret", None, {}, 200, secret),
            ("GET", S + "/%2Fdeveloper%2Fmy-secret", None, {}, 200, secret),
            ("GET", S + "//developer/my-secret", None, {}, 200, secret),
            ("GET", S + "/developer/my-secret?list=false", None, {}, 200, secret),
            ("PATCH", S + "/developer/my-secret", {"value": "v2"}, {}, 204, None),  # 6
            ("GET", S + "/developer/my-secret", None, {}, 200, {"value": "v2"}),
            ("PATCH", S + "/absent", {"value": "v2"}, {}, 404, ""),  # 7
            ("DELETE", S + "/developer/my-secret", None, {}, 204, None),  # 8
            ("GET", S + "/developer/my-secret", None, {}, 404, ""),
            ("DELETE", S + "/developer/my-secret", None, {}, 404, ""),
            ("GET", S + "?list=true", None, {}, 200, {"array": []}),
        ]
        yield from [("PUT", S + "/" + name, {"value": name}, {}, 201, {}) for name in five]
        yield from [
            ("GET", S + "/?list=true", None, {}, 200, {"array": five}),  # 9
            ("GET", S + "?list=true", None, {}, 200, {"array": five}),
            ("GET", S + "/folder?list=true", None, {}, 200, {"array": ["key2", "key3", "sub", "sub/key4"]}),  # 10
            ("GET", S + "/%2Ffolder?list=true", None, {}, 200, {"array": ["key2", "key3", "sub", "sub/key4"]}),
            ("GET", S + "/folder/sub?list=true", None, {}, 200, {"array": ["key4"]}),
            ("GET", S + "/folder/sub/key4?list=true", None, {}, 200, {"array": []}),
            ("GET", S + "/fold?list=true", None, {}, 200, {"array": []}),
            ("GET", S + "/not/a/folder?list=true", None, {}, 200, {"array": []}),
            ("GET", S + "/folder", None, {}, 404, ""),  # 11
            ("GET", S + "/not/a/path", None, {}, 404, ""),
            ("GET", S + "/folder/sub", None, {}, 200, {"value": "folder/sub"}),
            ("PUT", S + "/binary", BINARY, raw, 201, {}),  # 13
            ("GET", S + "/binary", None, {"Accept": "*/*"}, 200, BINARY),
            ("GET", S + "/binary", None, {}, 200, BINARY),
            ("GET", S + "/binary", None, accept_bytes, 200, BINARY),
            ("GET", S + "/binary", None, accept_json, 400, "application/octet-stream"),  # 14
            ("PATCH", S + "/binary", {"value": "text"}, {}, 204, None),
            ("GET", S + "/binary", None, accept_json, 200, {"value": "text"}),
            ("PATCH", S + "/binary", b"\x00", raw, 204, None),
            ("GET", S + "/binary", None, {}, 200, b"\x00"),
            ("PUT", S + "/plain", b"x", {"Content-Type": "text/plain"}, 400, "application/json"),  # 16
            ("PUT", S + "/newline", {"value": "value2\n"}, {}, 201, {}),  # 17
            ("GET", S + "/newline", None, {}, 200, {"value": "value2\n"}),
            ("PUT", S + "/members", {"author": "a", "description": "d", "path": "x", "store_id": "default",
                                     "value": "very-secret"}, {}, 201, {}),  # 18
            ("GET", S + "/members", None, {}, 200, secret),
            ("PUT", S + "/a.b", secret, {}, 404, ""),  # 20
            ("PUT", S + "/a@b", secret, {}, 404, ""),
            ("PUT", S + "/a%00b", secret, {}, 404, ""),
            ("PUT", S + "/a/../b", secret, {}, 404, ""),
            ("PUT", S + "/a%2F%2e%2e%2Fb", secret, {}, 404, ""),
            ("PUT", S + "/a//b", secret, {}, 404, ""),
            ("PUT", S + "/a/", secret, {}, 404, ""),
            ("PUT", S + "/%zz", secret, {}, 404, ""),
            ("PUT", S + "/", secret, {}, 404, ""),
            ("PUT", S + "/large", {"value": large}, {}, 201, {}),  # 21
            ("GET", S + "/large", None, {}, 200, {"value": large}),
            ("PUT", S + "/larger", b"x" * (2 << 20), raw, 413, ""),
            ("PUT", S + "/larger", b"x" * (3 << 20), raw, 413, ""),
            ("PUT", S + "/empty", {"value": ""}, {}, 201, {}),
            ("GET", S + "/empty", None, {}, 200, {"value": ""}),
            ("PUT", S + "/empty-bytes", b"", raw, 201, {}),
            ("GET", S + "/empty-bytes", None, {}, 200, b""),
            ("PUT", S + "/missing", {"path": "x"}, {}, 400, "value"),
            ("PUT", S + "/number", {"value": 5}, {}, 400, "value"),
            ("PUT", S + "/twice", b'{"value":"a","value":"b"}', {"Content-Type": JSON}, 400, ""),
            ("PUT", S + "/nothing", b"", {"Content-Type": JSON}, 400, ""),
            ("PUT", "/secrets/v1/revoke/default/key1", None, {}, 204, None),
            ("PUT", "/secrets/v1/renew/default/key1", {"duration": "60"}, {}, 204, None),
            ("GET", S + "/key1", None, {}, 200, {"value": "key1"}),
            ("GET", "/secrets/v1/secret/other/key1", None, {}, 404, "default"),
            ("GET", "/secrets/v1/nothing", None, {}, 404, ""),
            ("GET", "/", None, {}, 404, ""),
            ("POST", S + "/key1", secret, {}, 405, "PATCH"),
            ("GET", "/secrets/v1/store", None, {}, 200, {"array": [
                {"name": "default", "description": "strongroom", "driver": "vault", "initialized": True,
                 "sealed": False}]}),  # 28
            ("GET", "/secrets/v1/store/default", None, {}, 200,
             {"name": "default", "description": "strongroom", "driver": "vault", "initialized": True, "sealed": False}),
            ("GET", "/secrets/v1/store/other", None, {}, 404, ""),
            ("PUT", "/secrets/v1/store/default", {"name": "default"}, {}, 409, "already exists"),
            ("PUT", "/secrets/v1/store/other", {"name": "other"}, {}, 404, ""),
            ("DELETE", "/secrets/v1/store/default", None, {}, 403, ""),
            ("DELETE", "/secrets/v1/store/other", None, {}, 404, ""),
        ]

    def everything(self, client, headers):
        self.check(client, headers, self.rows())
        ping = client.ask("GET", "/secrets/v1/ping", headers=headers)  # 1
        self.assertEqual((ping.status, ping.body), (200, b"pong"))
        for backend, status in (("default", 200), ("all", 200), ("other", 404)):
            self.assertEqual(client.ask("GET", "/secrets/v1/ping/backends/" + backend, headers=headers).status, status)
        head = client.ask("HEAD", S + "/key1", headers=headers)
        self.assertEqual((head.status, head.type, head.headers["content-length"]), (200, JSON, "16"))

    def test_by_tcp_with_a_token(self):
        server = self.serve()
        self.unsealed(server)
        self.everything(self.client(server), auth(self.token(server, "trusted")))

    def test_by_tcp_as_a_bearer(self):
        server = self.serve()
        self.unsealed(server)
        self.everything(self.client(server), auth(self.token(server, "trusted"), "Bearer "))

    def test_by_unix_socket(self):
        server = self.serve()
        self.everything(self.unsealed(server), {})

    def test_by_tls(self):
        key, cert = self.path("tls.key"), self.path("tls.crt")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        server = self.serve("--tls-cert", cert, "--tls-key", key)
        self.unsealed(server)
        context = ssl.create_default_context(cafile=cert)
        self.everything(self.client(server, tls=context), auth(self.token(server, "trusted")))

    def test_nobody_without_a_credential(self):
        server = self.serve()
        self.unsealed(server).ask("PUT", S + "/a", {"value": "very-secret"})
        client = self.client(server)
        for method, target in (("GET", S + "/a"), ("GET", S + "/absent"), ("PUT", S + "/a"), ("GET", S + "?list=true"),
                               ("PUT", "/secrets/v1/seal/default"), ("GET", "/secrets/v1/init/default"),
                               ("GET", "/secrets/v1/ping"), ("GET", "/strongroom/v1/tokens")):  # 2
            given = client.ask(method, target, {"value": "x"} if method == "PUT" else None)
            self.assertEqual(given.status, 401, (method, target, given))
            self.assertEqual(given.headers["www-authenticate"], "acsjwt")
        for wrong in ("token=", "token=x", "Bearer x", "Basic eDp5", "token=srt.x.y", "x"):
            self.assertEqual(self.client(server).ask("GET", S + "/a", headers={"Authorization": wrong}).status, 401)

    def test_permissions(self):
        server = self.serve()
        trusted = self.unsealed(server)
        for name in ("developer/my-secret", "tenant/a", "top"):
            trusted.ask("PUT", S + "/" + name, {"value": "very-secret"})
        trusted.ask("DELETE", S + "/developer/my-secret")
        self.ok("policy", "put", "dcos", self.write("dcos", POLICY))

        def by(user):
            return auth(self.token(server, "user:" + user))
        client = self.client(server)
        secret = {"value": "very-secret"}
        self.check(client, by("developer"), [  # 22
            ("PUT", S + "/developer/my-secret", secret, {}, 201, {}),
            ("PUT", S + "/developer/other", secret, {}, 403, ""),
            ("GET", S + "/developer/my-secret", None, {}, 403, ""),
            ("GET", S + "/absent", None, {}, 403, ""),
            ("GET", S + "?list=true", None, {}, 403, ""),
            ("GET", "/secrets/v1/store", None, {}, 403, ""),
            ("PUT", "/secrets/v1/seal/default", None, {}, 403, ""),
            ("PUT", "/secrets/v1/unseal/default", {"key": "x"}, {}, 403, ""),
            ("PUT", "/secrets/v1/revoke/default/developer/my-secret", None, {}, 403, ""),
            ("POST", "/strongroom/v1/tokens", {"identity": "trusted"}, {}, 403, ""),
            ("GET", "/strongroom/v1/tokens", None, {}, 403, ""),
        ])
        self.check(client, by("lister"), [  # 24
            ("GET", S + "/?list=true", None, {}, 200, {"array": ["developer/my-secret", "tenant/a", "top"]}),
            ("GET", S + "/top", None, {}, 403, ""),
        ])
        self.check(client, by("tenant"), [  # 25
            ("GET", S + "/tenant?list=true", None, {}, 200, {"array": ["a"]}),
            ("GET", S + "/?list=true", None, {}, 403, ""),
        ])
        self.check(client, by("super"), [  # 26
            ("GET", S + "/top", None, {}, 200, secret),
            ("PATCH", S + "/top", secret, {}, 204, None),
            ("GET", S + "/?list=true", None, {}, 200, {"array": ["developer/my-secret", "tenant/a", "top"]}),
            ("GET", "/secrets/v1/seal-status/default", None, {}, 200, None),
            ("PUT", "/secrets/v1/seal/default", None, {}, 204, None),
        ])


class Sealing(Served):
    def setUp(self):
        super().setUp()
        self.init()

    def status(self, client):
        given = client.ask("GET", "/secrets/v1/seal-status/default")
        self.assertEqual(given.status, 200, given)
        return given.json()

    def test_seal_and_unseal(self):
        server = self.serve()
        client = self.unsealed(server)
        client.ask("PUT", S + "/a", {"value": "very-secret"})
        self.assertEqual(client.ask("PUT", "/secrets/v1/seal/default").status, 204)  # 31
        self.assertTrue(self.status(client)["sealed"])
        for method, target in (("GET", S + "/a"), ("GET", S + "?list=true"), ("PUT", S + "/b"), ("DELETE", S + "/a")):
            given = client.ask(method, target, {"value": "x"} if method == "PUT" else None)
            self.assertEqual(given.status, 503, given)
            self.assertNotIn(b"very-secret", given.body)
        stores = client.ask("GET", "/secrets/v1/store")
        self.assertEqual((stores.status, stores.json()["array"][0]["sealed"]), (200, True))
        self.assertEqual(client.ask("PUT", "/secrets/v1/seal/default").status, 204)

        given = client.ask("PUT", "/secrets/v1/auto-unseal/default")  # 33
        self.assertEqual((given.status, given.json()["sealed"]), (200, False), given)
        self.assertEqual(client.ask("GET", S + "/a").json(), {"value": "very-secret"})

    def test_a_seal_survives_a_restart_and_nothing_else_does(self):
        server = self.serve()
        self.unsealed(server).ask("PUT", S + "/a", {"value": "very-secret"})
        server.kill()
        server = self.serve()  # 34
        client = self.unsealed(server)
        self.assertEqual(client.ask("GET", S + "/a").status, 200)
        client.ask("PUT", "/secrets/v1/seal/default")
        server.stop()
        server = self.serve()
        self.assertTrue(self.status(self.trusted(server))["sealed"])

    def test_two_servers_are_sealed_apart(self):
        one, two = self.serve(state="one"), self.serve(state="two")
        first, second = self.unsealed(one), self.unsealed(two)
        first.ask("PUT", S + "/a", {"value": "very-secret"})
        self.assertEqual(first.ask("PUT", "/secrets/v1/seal/default").status, 204)
        self.assertEqual(second.ask("GET", S + "/a").status, 200)
        self.ok("seal")
        self.assertEqual(second.ask("GET", S + "/a").status, 503)

    def test_unseal_by_shares_needs_no_token(self):
        shares = self.init_shares(3, 2, store="shared")
        self.url = "lmdb:" + self.path("shared")
        server = self.serve(key=False)
        client, trusted = self.client(server), self.trusted(server)
        self.assertTrue(self.status(trusted)["sealed"])
        wrong = client.ask("PUT", "/secrets/v1/unseal/default", {"key": "0" * 92})  # 36
        self.assertEqual(wrong.status, 400, wrong)
        first = client.ask("PUT", "/secrets/v1/unseal/default", {"key": shares[2]})
        self.assertEqual(first.status, 200, first)
        self.assertEqual([first.json()[name] for name in ("sealed", "threshold", "shares", "progress")],
                         [True, 2, 3, 1])
        self.assertNotEqual(first.json()["nonce"], "")
        second = client.ask("PUT", "/secrets/v1/unseal/default", {"key": shares[0]})
        self.assertEqual([second.json()[name] for name in ("sealed", "threshold", "shares", "progress")],
                         [False, 2, 3, 0])
        self.assertEqual(client.ask("PUT", "/secrets/v1/unseal/default", {"key": shares[0]}).status, 401)
        self.assertEqual(trusted.ask("PUT", "/secrets/v1/unseal/default", {"key": shares[0]}).status, 200)


if __name__ == "__main__":
    main(globals())
