#!/usr/bin/env python3
"""Two `strongroomd` over three real ZooKeeper servers: strongroomd_cluster_test.py PROGRAM [CASE...], or --cases.

The ensemble dies with this process. Skipped where there is no ZooKeeper.
"""
import collections
import concurrent.futures
import ctypes
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from served import JSON, Client, Served, auth, main

S = "/secrets/v1/secret/default"
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "zookeeper.sh")
PR_SET_PDEATHSIG = 1
NUM_SERVERS = 3


def free_ports(count):
    """Ports of loopback; all are held at once, so that they differ."""
    held = []
    for _ in range(count):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        held.append(listener)
    ports = [listener.getsockname()[1] for listener in held]
    for listener in held:
        listener.close()
    return ports


class Ensemble:
    """Three ZooKeeper servers, of which any two keep the store."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="strongroomd-cluster-")
        self.processes = [None] * NUM_SERVERS
        ports = free_ports(3 * NUM_SERVERS)
        triples = [ports[3 * i:3 * i + 3] for i in range(NUM_SERVERS)]
        self.ports = [triple[0] for triple in triples]
        self.connect = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        try:
            subprocess.run(["bash", SCRIPT, "configure", self.directory,
                            *[":".join(map(str, triple)) for triple in triples]], check=True)
            self.start()
        except BaseException:
            self.remove()
            raise

    def start(self):
        """Starts those that do not run, and waits until all serve."""
        libc = ctypes.CDLL(None)
        for i in range(NUM_SERVERS):
            if self.processes[i] is None or self.processes[i].poll() is not None:
                self.processes[i] = subprocess.Popen(
                    ["bash", SCRIPT, "exec", str(i + 1), self.directory],
                    preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        deadline = time.monotonic() + 60
        while not all(self.mode(i) for i in range(NUM_SERVERS)):
            if time.monotonic() > deadline or any(process.poll() is not None for process in self.processes):
                raise RuntimeError("the ZooKeeper servers did not start")
            time.sleep(0.05)

    def mode(self, i):
        """"leader" or "follower"; None: it serves nobody."""
        try:
            with socket.create_connection(("127.0.0.1", self.ports[i]), timeout=1) as line:
                line.sendall(b"srvr")
                answer = b""
                while more := line.recv(65536):
                    answer += more
        except OSError:
            return None
        _, found, rest = answer.partition(b"Mode: ")
        return rest.split()[0].decode() if found else None

    def leader(self):
        return next(i for i in range(NUM_SERVERS) if self.mode(i) == "leader")

    def stop_all(self):
        """Returns when none of their threads runs any more."""
        for process in self.processes:
            process.send_signal(signal.SIGSTOP)
        for process in self.processes:
            while self.thread_states(process.pid) != {"T"}:
                time.sleep(0.001)

    @staticmethod
    def thread_states(pid):
        states = set()
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii", errors="replace") as stat:
                states.add(stat.read().rsplit(")", 1)[1].split()[0])
        return states

    def kill(self, i):
        self.processes[i].kill()
        self.processes[i].wait()

    def kill_all(self):
        for i in range(NUM_SERVERS):
            if self.processes[i] is not None:
                self.kill(i)

    def remove(self):
        self.kill_all()
        shutil.rmtree(self.directory, ignore_errors=True)


def setUpModule():
    global ENSEMBLE
    required = os.environ.get("STRONGROOM_REQUIRE_ZOOKEEPER") == "1"
    if not required and subprocess.run(["bash", SCRIPT, "available"]).returncode != 0:
        raise unittest.SkipTest("there is no ZooKeeper here")
    ENSEMBLE = Ensemble()
    unittest.addModuleCleanup(ENSEMBLE.remove)


class Cluster(Served):
    """A tree of its own, and two servers over it."""

    ONE_BY_ONE = True
    num_roots = 0

    def setUp(self):
        super().setUp()
        Cluster.num_roots += 1
        self.url = f"zk://{ENSEMBLE.connect}/root{Cluster.num_roots}?session_ms=4000"
        self.secrets.append(b"zk-password")
        self.auth = self.write("auth", "app:zk-password\n")
        self.SETTINGS = f'zk_auth_file = "{self.auth}"\n'
        self.init("--zk-auth-file", self.auth)

    def two(self):
        servers = [self.serve(state=name) for name in ("one", "two")]
        for server in servers:
            self.unsealed(server)
        return servers

    def sealed(self, client):
        given = client.ask("GET", "/secrets/v1/seal-status/default")
        self.assertEqual(given.status, 200, given)
        return given.json()["sealed"]

    def becomes(self, client, target, expected, seconds=15):
        """Waits for an answer, since what another server wrote may come a moment later."""
        deadline = time.monotonic() + seconds
        while True:
            given = client.ask("GET", target)
            found = given.json().get("value") if (given.status, given.type) == (200, JSON) else given.status
            if found in expected:
                return given
            self.assertGreater(deadline, time.monotonic(), (target, given, expected))
            time.sleep(0.05)


class Seals(Cluster):
    def test_one_server_is_sealed_and_the_other_is_not(self):
        one, two = self.two()
        first, second = self.trusted(one), self.trusted(two)
        self.assertEqual(first.ask("PUT", S + "/a", {"value": "very-secret"}).status, 201)
        self.assertEqual(first.ask("PUT", "/secrets/v1/seal/default").status, 204)
        self.assertEqual([self.sealed(first), self.sealed(second)], [True, False])
        self.assertEqual(first.ask("GET", S + "/a").status, 503)
        self.becomes(second, S + "/a", ["very-secret"])
        self.assertEqual(second.ask("PUT", S + "/b", {"value": "very-secret"}).status, 201)

        self.assertEqual(first.ask("PUT", "/secrets/v1/auto-unseal/default").status, 200)
        self.becomes(first, S + "/b", ["very-secret"])

    def test_the_seal_of_one_survives_its_restart_and_the_end_of_all(self):
        one, two = self.two()
        self.assertEqual(self.trusted(one).ask("PUT", "/secrets/v1/seal/default").status, 204)
        one.kill()
        two.kill()
        one, two = self.serve(state="one"), self.serve(state="two")
        self.unsealed(two)
        self.assertTrue(self.sealed(self.trusted(one)))
        self.assertEqual(self.trusted(one).ask("PUT", S + "/a", {"value": "very-secret"}).status, 503)

    def test_a_lock_of_the_command_line_seals_both_and_is_never_healed(self):
        one, two = self.two()
        self.ok("seal", "--zk-auth-file", self.auth)
        for server in (one, two):
            self.becomes(self.trusted(server), S + "/absent", [503])
        self.assertEqual(self.trusted(one).ask("PUT", "/secrets/v1/auto-unseal/default").status, 409)
        lifted = self.trusted(one).ask("PUT", "/secrets/v1/unseal/default",
                                       {"key": self.read("key").strip().decode(), "lift_lock": True})
        self.assertEqual((lifted.status, lifted.json()["sealed"]), (200, False), lifted)
        self.unsealed(two)

    def test_a_token_is_known_to_both_and_revoked_for_both(self):
        one, two = self.two()
        made = self.trusted(one).ask("POST", "/strongroom/v1/tokens", {"identity": "trusted"}).json()
        self.secrets.append(made["token"].split(".")[2].encode())
        headers = auth(made["token"])
        for server in (one, two):
            self.assertEqual(self.client(server).ask("GET", S + "/absent", headers=headers).status, 404)
        self.assertEqual(self.trusted(two).ask("DELETE", "/strongroom/v1/tokens/" + made["id"]).status, 204)
        # A server keeps the record of a token for at most a second. One connection asks: thousands at
        # once are more than the server takes.
        client, deadline = self.client(one), time.monotonic() + 15
        while (given := client.ask("GET", S + "/absent", headers=headers)).status != 401:
            self.assertEqual(given.status, 404, given)
            self.assertGreater(deadline, time.monotonic())
            time.sleep(0.05)


class Load(Cluster):
    NUM_THREADS = 6
    NUM_AFTER = 8  # acknowledged writes of each thread after the kill

    def test_no_acknowledged_write_is_lost_with_the_leader(self):
        servers = self.two()
        self.possible = collections.defaultdict(set)  # by path: what may be stored; None: nothing
        self.counts = collections.Counter()
        self.killed, self.enough = threading.Event(), time.monotonic() + 60
        with concurrent.futures.ThreadPoolExecutor(self.NUM_THREADS) as pool:
            works = [pool.submit(self.write_on, number, self.trusted(servers[number % 2]))
                     for number in range(self.NUM_THREADS)]
            while min(self.counts[number] for number in range(self.NUM_THREADS)) < 3:
                self.assertGreater(self.enough, time.monotonic(), self.counts)
                time.sleep(0.01)
            ENSEMBLE.kill(ENSEMBLE.leader())
            self.addCleanup(ENSEMBLE.start)
            self.killed.set()
            for work in works:
                work.result()
        self.assertGreater(len(self.possible), self.NUM_THREADS * (3 + self.NUM_AFTER) // 3)
        for server in servers:
            client = self.trusted(server)
            for path, values in self.possible.items():
                self.becomes(client, path, {404 if value is None else value for value in values})

    def write_on(self, number, client):
        acknowledged_after = 0
        for i in range(10000):
            path = f"{S}/t{number}/{i}"
            steps = [("PUT", f"canary-{number}-{i}-a", 201), ("PATCH", f"canary-{number}-{i}-b", 204)]
            steps += [("DELETE", None, 204)] * (i % 3 == 0)
            self.possible[path] = {None}
            for method, value, good in steps:
                given = client.ask(method, path, None if value is None else {"value": value})
                if given.status == good:
                    self.possible[path] = {value}
                    self.counts[number] += 1
                    acknowledged_after += self.killed.is_set()
                    continue
                self.assertIn(given.status, (500, 503), (method, path, given))
                self.assertEqual((given.type, sorted(given.json())), (JSON, ["description", "title"]))
                self.possible[path].add(value)
                break
            if acknowledged_after >= self.NUM_AFTER:
                return
            self.assertGreater(self.enough, time.monotonic(), self.counts)

    def test_one_of_many_creates_wins(self):
        servers = self.two()
        clients = [self.trusted(servers[i % 2]) for i in range(12)]
        barrier = threading.Barrier(len(clients))

        def race(i, path):
            barrier.wait(30)
            return clients[i].ask("PUT", path, {"value": f"canary-{i}"})
        with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
            for turn in range(20):
                path = f"{S}/race/{turn}"
                given = list(pool.map(race, range(len(clients)), [path] * len(clients)))
                self.assertEqual(sorted(each.status for each in given), [201] + [409] * (len(clients) - 1), given)
                winner = next(i for i, each in enumerate(given) if each.status == 201)
                for server in servers:
                    self.becomes(self.trusted(server), path, [f"canary-{winner}"])


class Outage(Cluster):
    PATIENCE = 15  # seconds until a request without storage ends: twice its deadline, and some

    def setUp(self):
        super().setUp()
        self.addCleanup(self.go_on)

    def go_on(self):
        for process in ENSEMBLE.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
        ENSEMBLE.start()

    def fails_in_time(self, client, method, target, body=None):
        begin = time.monotonic()
        given = client.ask(method, target, body)
        self.assertLess(time.monotonic() - begin, self.PATIENCE, (method, target))
        self.assertEqual((given.status, given.type), (503, JSON), (method, target, given))
        self.assertEqual(sorted(given.json()), ["description", "title"])
        self.assertEqual(given.headers["retry-after"], "1")

    def heals(self, servers, before="very-secret"):
        for server in servers:
            client = self.trusted(server)
            deadline = time.monotonic() + 30
            while client.ask("PUT", S + "/after", {"value": "very-secret"}).status not in (201, 409):
                self.assertGreater(deadline, time.monotonic(), server.said())
                time.sleep(0.05)
            self.becomes(client, S + "/before", [before])

    ASKED = [("PUT", S + "/b", {"value": "x"}), ("GET", S + "?list=true", None), ("DELETE", S + "/before", None),
             ("PATCH", S + "/before", {"value": "x"})]
    # What a watch keeps up to date is answered until the session is over.
    WATCHED = ["/secrets/v1/ping/backends/default", "/secrets/v1/seal-status/default"]

    def all_fail_in_time(self, servers):
        works = [(self.fails_in_time, self.trusted(server), *ask) for server in servers for ask in self.ASKED]
        works += [(self.becomes, self.trusted(server), target, [503]) for server in servers for target in self.WATCHED]
        with concurrent.futures.ThreadPoolExecutor(len(works)) as pool:
            for done in [pool.submit(*work) for work in works]:
                done.result()

    def test_a_silent_ensemble_is_503_until_it_answers(self):
        servers = self.two()
        self.assertEqual(self.trusted(servers[0]).ask("PUT", S + "/before", {"value": "very-secret"}).status, 201)
        ENSEMBLE.stop_all()
        self.all_fail_in_time(servers)
        self.go_on()
        self.heals(servers)

    def test_an_ensemble_that_is_gone_is_503_until_it_is_back(self):
        servers = self.two()
        self.assertEqual(self.trusted(servers[0]).ask("PUT", S + "/before", {"value": "very-secret"}).status, 201)
        ENSEMBLE.kill_all()
        self.all_fail_in_time(servers)
        self.go_on()
        self.heals(servers)

    def test_a_seal_waits_for_no_storage_and_holds(self):
        one, two = self.two()
        client = self.trusted(one)
        ENSEMBLE.stop_all()
        begin = time.monotonic()
        self.assertEqual(client.ask("PUT", "/secrets/v1/seal/default").status, 204)
        self.assertLess(time.monotonic() - begin, self.PATIENCE)
        self.go_on()
        self.becomes(self.trusted(two), S + "/absent", [404])
        self.assertTrue(self.sealed(client))

    def test_requests_that_hang_hold_up_no_seal(self):
        one, _ = self.two()
        hanging = [self.client(one) for _ in range(40)]
        client = self.trusted(one)
        token = self.token(one, "trusted")
        ENSEMBLE.stop_all()
        for number, each in enumerate(hanging):
            body = '{"value":"very-secret"}'
            each.send(f"PUT {S}/hangs/{number} HTTP/1.1\r\nHost: a\r\nAuthorization: token={token}\r\n"
                      f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        time.sleep(0.5)
        begun = time.monotonic()
        self.assertEqual(client.ask("GET", "/secrets/v1/ping").status, 200)
        self.assertEqual(client.ask("PUT", "/secrets/v1/seal/default").status, 204)
        self.assertTrue(self.sealed(client))
        took = time.monotonic() - begun
        self.assertLess(took, 3)  # those that hang take 5 seconds each, 16 at a time
        self.assertFalse(any(select.select([each.socket], [], [], 0)[0] for each in hanging[20:]))

    def test_a_server_that_starts_without_storage_serves_when_it_comes(self):
        ENSEMBLE.stop_all()
        server = self.serve()
        self.fails_in_time(self.trusted(server), "GET", S + "/a")
        self.go_on()
        self.heals([server], before=404)


if __name__ == "__main__":
    main(globals())
