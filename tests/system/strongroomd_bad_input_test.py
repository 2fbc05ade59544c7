#!/usr/bin/env python3
"""`strongroomd` and broken, slow and hostile clients: strongroomd_bad_input_test.py PROGRAM [CASE...], or --cases."""
import os
import socket
import threading
import time

import cli_test
from served import BYTES, JSON, Client, Served, main

S = "/secrets/v1/secret/default"
CLOSED = "closed"


def request(line, *fields, body=b"", host=True):
    lines = [line.encode() if isinstance(line, str) else line] + ([b"Host: localhost"] if host else [])
    lines += [field.encode() if isinstance(field, str) else field for field in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def put(name, body, *fields):
    body = body if isinstance(body, bytes) else body.encode()
    return request(f"PUT {S}/{name} HTTP/1.1", f"Content-Length: {len(body)}", f"Content-Type: {JSON}", *fields,
                   body=body)


class BadInput(Served):
    def setUp(self):
        super().setUp()
        self.init()

    def outcome(self, server, raw):
        """The status of the first response, or CLOSED."""
        client = self.unix(server)
        try:
            client.send(raw)
            return client.receive().status
        except (ConnectionError, BrokenPipeError):
            return CLOSED
        finally:
            client.close()

    def unix(self, server):
        client = Client(next(each for each in server.addresses if each.startswith("unix:")))
        self.addCleanup(client.close)
        return client

    def names(self, client):
        return client.ask("GET", S + "?list=true").json()["array"]

    def check(self, server, rows, stored=()):
        others = self.unsealed(server)
        for raw, expected in rows:
            got = self.outcome(server, raw)
            self.assertIn(got, expected if isinstance(expected, tuple) else (expected,), raw[:300])
            self.assertEqual(others.ask("GET", "/secrets/v1/ping").body, b"pong")
        self.assertEqual(self.names(others), sorted(stored))
        server.stop()

    def test_requests_that_mean_two_things(self):
        good = b'{"value":"x"}'
        chunked = b"d\r\n" + good + b"\r\n0\r\n\r\n"
        self.check(self.serve(), [
            (put("a", good, "Content-Length: 13"), 400),
            (put("a", good, "Content-Length: 14"), 400),
            (put("a", good, "Transfer-Encoding: chunked"), 400),
            (request(f"PUT {S}/a HTTP/1.1", "Transfer-Encoding: chunked", "Transfer-Encoding: identity",
                     body=chunked), 400),
            (request(f"PUT {S}/a HTTP/1.1", "Transfer-Encoding: gzip, chunked", body=chunked), 400),
            (request(f"PUT {S}/a HTTP/1.1", "Content-Length: +13", body=good), 400),
            (request(f"PUT {S}/a HTTP/1.1", "Content-Length: 13, 13", body=good), 400),
            (request(f"PUT {S}/a HTTP/1.1", "Content-Length: -3", body=good), 400),
            (request(f"PUT {S}/a HTTP/1.1", "Content-Length: 3x", body=good), 400),
            (request(f"PUT {S}/a HTTP/1.1", "Content-Length: 99999999999999999999999", body=good), (400, 413)),
            (put("a", good, "Authorization : token=x"), 400),
            (put("a", good, "X: 1", " folded: 2"), 400),
            (put("a", good, "Host: other"), 400),
            (put("a", good, "Authorization: token=x", "Authorization: token=x"), (400, 401)),
            (request("GET /secrets/v1/ping HTTP/1.1", "X: a\0b"), (200, 400, CLOSED)),
            (request(f"PUT {S}/a\0b HTTP/1.1".encode(), "Content-Length: 13", body=good), (400, CLOSED)),
            (request(f"PUT {S}/a b HTTP/1.1", "Content-Length: 13", body=good), (400, CLOSED)),
            (request(f"PUT {S}/a HTTP/1.1", "Content-Length: 13", host=False, body=good), 400),
            (request(f"PUT http://localhost{S}/a HTTP/1.1", "Content-Length: 13", body=good), 400),
            (request("OPTIONS * HTTP/1.1"), (400, 404, 405)),
            (request(f"put {S}/a HTTP/1.1", "Content-Length: 13", body=good), 405),
            (request(f"PUT {S}/a?list=true&list=false HTTP/1.1", "Content-Length: 13", body=good), 400),
            (request(f"GET {S}/a?list=perhaps HTTP/1.1"), 400),
            (request(f"GET {S}/a#fragment HTTP/1.1"), 400),
            (request(f"GET {S}/\x80 HTTP/1.1".encode("latin-1")), 400),
        ])

    def test_paths_of_no_secret(self):
        rows = []
        for path in ("a%00b", "%00", "..", "%2e%2e", "a/../b", "a%2F..%2Fb", "a/%2e%2e/b", "a%2f%2E%2E%2fb", "a/./b",
                     "a//b", "a%2F%2Fb", "a%2F/b", "a/", "a%2F", "", "%2F", "%2F%2F", "//a", "a%0a", "a%20b", "%zz", "%",
                     "a%2", "a%c3%bc", "a%ff", "%252e%252e", "a.b", "x" * 5000, "a/" * 3000 + "b"):
            rows.append((put(path, '{"value":"x"}'), (400, 404)))
        self.check(self.serve(), rows)

    def test_bodies(self):
        deep = b'{"value":' + b"[" * 10000 + b"]" * 10000 + b"}"
        rows = [(put("a", body), 400) for body in (
            b"", b" ", b"{}", b"[]", b'"x"', b"null", b'{"value":null}', b'{"value":1}', b'{"value":["x"]}',
            b'{"value":"x","value":"x"}', b'{"value":"x","a":1,"a":2}', b'{"value":"x"', b'{"value":"x"}}',
            b'{"value":"x"}\0', b'\xef\xbb\xbf{"value":"x"}', b"{'value':'x'}", b'{"value":"\xff"}',
            b'{"value":"\xed\xa0\x80"}', b'{"value":"\\ud800"}', b'{"value":"\\udc00"}', b'{"value":"\\x"}',
            b'{"value":"a\nb"}', b'{"Value":"x"}', b'{"value":"x",}', b'{"value":NaN}', deep,
            b'{"deep":' + b'{"a":' * 10000 + b"1" + b"}" * 10000 + b',"value":"x"}')]
        rows += [
            (put("a", '{"value":"' + "x" * (2 << 20) + '"}'), 413),
            (put("a", '{"value":"' + "x" * ((1 << 20) + 1) + '"}'), 413),
            (put("a", '{"value":"x"}', "Content-Type: application/octet-stream"), 400),
            (put("good", '{"value":"x\\u0000y"}'), 201),
            (put("escaped", '{"value":"' + "\\u0041" * 100000 + '"}'), 201),
        ]
        self.check(self.serve(), rows, stored=["good", "escaped"])

    def test_chunks_and_continue(self):
        server = self.serve()
        self.unsealed(server)
        client = self.unix(server)
        client.send(request(f"PUT {S}/chunked HTTP/1.1", "Transfer-Encoding: chunked", f"Content-Type: {JSON}"))
        for piece in (b'{"value":', b'"very-', b'secret"}'):
            client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        client.send(b"0\r\n\r\n")
        self.assertEqual(client.receive().status, 201)
        self.assertEqual(client.ask("GET", S + "/chunked").json(), {"value": "very-secret"})

        client.send(request(f"PUT {S}/continued HTTP/1.1", "Expect: 100-continue", "Content-Length: 23"))
        self.assertTrue(client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100"))
        client.send(b'{"value":"very-secret"}')
        self.assertEqual(client.receive().status, 201)

        stranger = self.client(server)
        stranger.send(request(f"PUT {S}/refused HTTP/1.1", "Expect: 100-continue", "Content-Length: 23"))
        self.assertEqual(stranger.receive().status, 401)
        self.check(server, [
            (request(f"PUT {S}/a HTTP/1.1", "Transfer-Encoding: chunked", body=b"zz\r\nx\r\n0\r\n\r\n"), (400, CLOSED)),
            (request(f"PUT {S}/a HTTP/1.1", "Transfer-Encoding: chunked",
                     body=b"ffffffffffffffffff\r\nx\r\n0\r\n\r\n"), (400, 413, CLOSED)),
        ], stored=["chunked", "continued"])

    def test_a_refused_upload_is_read_so_that_the_client_learns_why(self):
        server = self.serve()
        self.unsealed(server)
        given = self.client(server).ask("PUT", S + "/a", b"x" * (1 << 20), {"Content-Type": BYTES})
        self.assertEqual(given.status, 401)

    def test_pipelined_requests_are_answered_in_order(self):
        server = self.serve()
        self.unsealed(server).ask("PUT", S + "/a", {"value": "very-secret"})
        client = self.unix(server)
        kinds = [(f"GET {S}/a", 200), (f"GET {S}/absent", 404), (f"GET {S}?list=true", 200), ("GET /none", 404)] * 50
        client.send(b"".join(request(line + " HTTP/1.1") for line, _ in kinds))
        self.assertEqual([client.receive().status for _ in kinds], [status for _, status in kinds])

    def test_header_fields_have_a_limit(self):
        server = self.serve()
        self.check(server, [
            (request(f"GET /{'x' * 100000} HTTP/1.1"), (400, 404, 414, 431, CLOSED)),
            (request("GET /secrets/v1/ping HTTP/1.1", "X: " + "x" * 100000), (400, 413, 431, CLOSED)),
            (request("GET /secrets/v1/ping HTTP/1.1", *["X: 1"] * 20000), (400, 413, 431, CLOSED)),
            (request("GET /secrets/v1/ping HTTP/1.1", *["X: 1"] * 1000000), (400, 413, 431, CLOSED)),
            (request("G" * 100000 + " / HTTP/1.1"), (400, 405, 414, 431, CLOSED)),
        ])

    def test_slow_clients_are_cut_off(self):
        server = self.serve(settings="[limits]\nrequest_timeout_s = 1\n")
        others = self.unsealed(server)
        begins = {
            "nothing": b"",
            "a slow header": b"GET /secrets/v1/ping HTTP/1.1\r\nHost: localhost\r\nX: ",
            "a slow body": request(f"PUT {S}/a HTTP/1.1", "Content-Length: 1000"),
            "slow chunks": request(f"PUT {S}/a HTTP/1.1", "Transfer-Encoding: chunked"),
        }
        for what, begin in begins.items():
            client = self.unix(server)
            client.send(begin)
            started = time.monotonic()
            try:
                while True:
                    client.send(b"1\r\nx\r\n" if what == "slow chunks" else b"x" if begin else b"")
                    client.socket.settimeout(0.05)
                    try:
                        self.assertEqual(client.socket.recv(1), b"", what)
                        break
                    except TimeoutError:
                        pass
            except (BrokenPipeError, ConnectionResetError):
                pass
            took = time.monotonic() - started
            self.assertGreater(took, 0.5, what)
            self.assertLess(took, 20, what)
            client.close()
            others = self.trusted(server)
            self.assertEqual(others.ask("GET", "/secrets/v1/ping").status, 200)

    def test_a_client_that_does_not_read_is_cut_off(self):
        server = self.serve(settings="[limits]\nrequest_timeout_s = 1\n")
        self.unsealed(server).ask("PUT", S + "/large", {"value": "x" * 1000000})
        client = self.unix(server)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(request(f"GET {S}/large HTTP/1.1") * 20)
        time_limit = time.monotonic() + 30
        while self.num_sockets(server) > 2:  # the two that listen
            self.assertGreater(time_limit, time.monotonic())
            time.sleep(0.05)
        client.close()

    def num_sockets(self, server):
        base = f"/proc/{server.process.pid}/fd"
        links = []
        for name in os.listdir(base):
            try:
                links.append(os.readlink(os.path.join(base, name)))
            except FileNotFoundError:
                pass
        listening = 2
        with open(f"/proc/net/unix") as table:
            established = sum(1 for line in table if line.rstrip().endswith("state.socket") and " 03 " in line)
        return listening + established

    def test_connections_over_the_limit_are_closed(self):
        server = self.serve(settings="[limits]\nconnections = 20\n")
        held = [self.unsealed(server)]
        while len(held) < 20:
            client = self.unix(server)
            self.assertEqual(client.ask("GET", "/secrets/v1/ping").status, 200)
            held.append(client)
        for _ in range(5):
            with self.assertRaises((ConnectionError, BrokenPipeError)):
                self.unix(server).ask("GET", "/secrets/v1/ping")
        self.assertEqual(held[3].ask("GET", "/secrets/v1/ping").status, 200)
        held.pop().close()
        deadline = time.monotonic() + 20
        while True:
            try:
                self.assertEqual(self.unix(server).ask("GET", "/secrets/v1/ping").status, 200)
                break
            except (ConnectionError, BrokenPipeError):
                self.assertGreater(deadline, time.monotonic())

    def test_uploads_leave_room_for_reads(self):
        server = self.serve(settings="[limits]\nmemory_bytes = 16777216\n")
        trusted = self.unsealed(server)
        trusted.ask("PUT", S + "/a", {"value": "very-secret"})
        uploads = []
        for i in range(20):
            client = self.unix(server)
            client.send(request(f"PUT {S}/u{i} HTTP/1.1", "Content-Length: 1000001", f"Content-Type: {BYTES}",
                                body=b"x" * 1000000))
            uploads.append(client)
        for _ in range(20):
            self.assertEqual(trusted.ask("GET", S + "/a").status, 200)
        for client in uploads:
            client.send(b"x")
        statuses = sorted(client.receive().status for client in uploads)
        self.assertEqual(set(statuses), {201, 503})
        self.assertGreater(statuses.count(201), 3)

    def test_ten_thousand_bad_clients_leave_memory_flat(self):
        server = self.serve()
        others = self.unsealed(server)
        others.ask("PUT", S + "/a", {"value": "very-secret"})
        kinds = [
            b"", b"\0" * 100, b"GET", request("GET /secrets/v1/ping HTTP/1.1")[:-2], put("x", b"{")[:-1],
            put("x", b"[" * 5000), request(f"PUT {S}/x HTTP/1.1", "Content-Length: 100000", body=b"x" * 50000),
            request(f"GET {S}/a HTTP/1.1") * 20, request("GET / HTTP/1.1", *["X: 1"] * 3000),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(200),
        ]

        def rss():
            with open(f"/proc/{server.process.pid}/status") as status:
                return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))

        others_address = next(each for each in server.addresses if each.startswith("unix:"))

        done = []

        def bother(first, num):
            for i in range(first, first + num):
                client = connect()
                try:
                    client.send(kinds[i % len(kinds)])
                except (ConnectionError, BrokenPipeError):
                    pass
                client.close()
                done.append(i)

        def connect():
            while True:
                try:
                    return Client(others_address)
                except BlockingIOError:  # as many wait to be accepted as the socket takes
                    time.sleep(0.001)
        bother(0, 2000)
        before = rss()
        threads = [threading.Thread(target=bother, args=(i, 2000)) for i in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self.assertEqual(others.ask("GET", S + "/a").json(), {"value": "very-secret"})
        for thread in threads:
            thread.join()
        self.assertEqual(len(done), 10000)
        if not cli_test.sanitized("asan", "tsan"):  # these keep what was freed
            self.assertLess(rss(), before + 8 * 1024)
        self.assertEqual(self.names(others), ["a"])


if __name__ == "__main__":
    main(globals())
