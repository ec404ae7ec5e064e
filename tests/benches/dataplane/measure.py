#!/usr/bin/env python3
"""The data plane beside its peers: client and gateway of each in one world, one run, medians.

    home (a worker) ──┐
                      ├── gateway ── office (iperf3, an echo)
    other home ───────┘

    tests/benches/dataplane/measure.py                       everything, as docs/PERFORMANCE.md has it (root; half an hour)
    tests/benches/dataplane/measure.py --pairs deskgate,gotatun --tests idle,up1,down1 --rounds 1
    tests/benches/dataplane/measure.py --wire                homes' lines carry single packets, as a plain card does
    tests/benches/dataplane/measure.py --six                 each pair also with IPv6 inside the tunnel, as PAIR@6
    tests/benches/dataplane/measure.py --loops 1,2           our gateway also with so many loops, as PAIR@loops1 and PAIR@loops2
    tests/benches/dataplane/measure.py --report FOLDER       table, CSV and plot again from stored samples

Programs that are missing are installed: Debian packages by apt, peers into target/tools (by `cargo install`, wireguard-go
from Debian's unstable); ours are built in release. `prototype` is another program with a TUN, found by DATAPLANE_PROTOTYPE and started as `PROGRAM TUN KEYFILE PEER PORT
[ENDPOINT]`, with PRESHARED naming a key's file: for a bench of one's own. A pair is SERVER or SERVER:CLIENT, with @6 its
workstations have IPv6 addresses, and with @loopsN our gateway has N loops. Results go to target/dataplane: samples.jsonl,
medians.csv, table.md, plot.svg.

What is lost shows in two ways. TCP sends it again: counted by the kernels of both ends, but where our client's door ends the home's
connection only the office's is counted, and towards the office nobody's. And another home's UDP echoes that never come back,
for clients that carry packets.

How it measures. Rounds interleave the pairs; medians over rounds. The processor time of a program is utime and stime of its
process and children (/proc/PID/stat), of the kernel's threads none is counted. `foreign` is what other programs of this machine
took meanwhile, in cores: look at ratios of one run where it is not small. Packets move only between namespaces made here and
removed at the end; every program started here is ended by its number.
"""
import argparse, collections, csv, json, os, pathlib, re, shutil, signal, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[3]
ECHO_PROGRAM = ROOT / "tests/benches/dataplane/echo.py"
PREFIX = os.environ.get("DATAPLANE_NAMESPACES", "dataplane")
NAMESPACES = {name: f"{PREFIX}-{name}" for name in ("home", "other", "gateway", "office")}
HOMES = {"home": "10.99.1", "other": "10.99.3"}                 # .1 the gateway's end, .2 the worker's
# What is inside the tunnel; outside it is IPv4.
Family = collections.namedtuple("Family", "inside office other_office network tunnel length host")
FAMILIES = {
    "4": Family("10.99.2.1", "10.99.2.2", "10.99.2.3", "10.99.2.0/24",
                {"gateway": "10.99.9.1", "home": "10.99.9.2", "other": "10.99.9.3"}, 24, 32),
    "6": Family("fd99:2::1", "fd99:2::2", "fd99:2::3", "fd99:2::/64",
                {"gateway": "fd99:9::1", "home": "fd99:9::2", "other": "fd99:9::3"}, 64, 128),
}
WIREGUARD, LOAD, ECHO, MTU = 51820, 5201, 5202, 1420
TICK = os.sysconf("SC_CLK_TCK")
CHILDREN = []


# --- programs and namespaces -------------------------------------------------------------------------------------------

def sh(*argv, ns=None, check=True, stdin=None, timeout=60):
    argv = (["ip", "netns", "exec", NAMESPACES[ns]] if ns else []) + [str(a) for a in argv]
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.returncode}: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout


def start(argv, ns, stdin=None):
    log = open(pathlib.Path(FOLDER, f"{len(CHILDREN)}-{os.path.basename(str(argv[0]))}-{time.time():.0f}.log"), "wb")
    child = subprocess.Popen(["ip", "netns", "exec", NAMESPACES[ns], *map(str, argv)], stdout=log, stderr=subprocess.STDOUT,
                             stdin=subprocess.PIPE if stdin else subprocess.DEVNULL)
    if stdin:
        child.stdin.write(stdin.encode())
        child.stdin.close()
    child.log = log.name
    CHILDREN.append(child)
    return child


def stop(child):
    if child in CHILDREN:
        CHILDREN.remove(child)
    for word, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 2)):
        if child.poll() is not None:
            return
        for pid in family(child.pid)[::-1]:
            try: os.kill(pid, word)
            except ProcessLookupError: pass
        try: child.wait(patience)
        except subprocess.TimeoutExpired: pass


def find(name):
    for folder in (ROOT / "target/release", ROOT / "target/tools/bin"):
        if os.access(folder / name, os.X_OK):
            return str(folder / name)
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def until(what, holds, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        if holds(): return
        time.sleep(0.05)
    raise RuntimeError(f"waited {seconds} s in vain for {what}")


def install(pairs):
    packages = {"iperf3": "iperf3", "ethtool": "ethtool", "wg": "wireguard-tools", "curl": "curl"}
    missing = [package for program, package in packages.items() if not find(program)]
    if missing:
        sh("apt-get", "install", "-qy", "--no-install-recommends", *missing, timeout=600)
    for program, package in (("gotatun", "gotatun-cli"), ("boringtun-cli", "boringtun-cli")):
        if program.removesuffix("-cli") in re.split("[,:@]", pairs) and not find(program):
            subprocess.run(["cargo", "install", "--locked", "--quiet", "--root", ROOT / "target/tools", package], check=True)
    if "wireguard-go" in re.split("[,:@]", pairs) and not (ROOT / "target/tools/bin/wireguard-go").exists():
        newest_wireguard_go()
    if "deskgate" in re.split("[,:@]", pairs) and not os.environ.get("DESKGATE_BUILT"):
        subprocess.run(["cargo", "build", "--release", "--locked", "-p", "deskgate-gateway", "-p", "deskgate"], check=True, cwd=ROOT)


def newest_wireguard_go():
    """From Debian's unstable into target/tools, beside this machine's own lists: a stable release's is of years before its offloads."""
    tools = ROOT / "target/tools"
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "lists/partial").mkdir(parents=True)
        key = "/usr/share/keyrings/debian-archive-keyring.gpg"
        pathlib.Path(folder, "sources").write_text(f"deb [signed-by={key}] http://deb.debian.org/debian sid main\n")
        of_its_own = {"Dir::Etc::sourcelist": f"{folder}/sources", "Dir::Etc::sourceparts": "-", "Dir::State::lists": f"{folder}/lists",
                      "Dir::Cache::pkgcache": "", "Dir::Cache::srcpkgcache": "", "APT::Sandbox::User": "root"}
        apt = ["apt-get", "-q", *(word for o in of_its_own.items() for word in ("-o", "=".join(o)))]
        for words in (["update"], ["download", "wireguard-go"]):
            subprocess.run([*apt, *words], check=True, cwd=folder, stdout=subprocess.DEVNULL)
        package, = pathlib.Path(folder).glob("wireguard-go_*.deb")
        sh("dpkg", "-x", package, f"{folder}/out")
        (tools / "bin").mkdir(parents=True, exist_ok=True)
        shutil.copy(f"{folder}/out/usr/bin/wireguard-go", tools / "bin")


def network_up(wire):
    network_down()
    for ns in NAMESPACES.values():
        sh("ip", "netns", "add", ns)
    ends = [(home, "line", f"{net}.2", "gateway", home, f"{net}.1") for home, net in HOMES.items()]
    ends.append(("office", "line", FAMILIES["4"].office, "gateway", "inside", FAMILIES["4"].inside))
    for ns, device, address, far, far_device, far_address in ends:
        sh("ip", "link", "add", device, "netns", NAMESPACES[ns], "type", "veth", "peer", "name", far_device, "netns", NAMESPACES[far])
        for ns, device, address in ((ns, device, address), (far, far_device, far_address)):
            sh("ip", "address", "add", f"{address}/24", "dev", device, ns=ns)
            sh("ip", "link", "set", device, "up", ns=ns)
            sh("ip", "link", "set", "lo", "up", ns=ns)
            if wire and device != "inside" and ns != "office":
                sh("ethtool", "-K", device, "tso", "off", "gso", "off", "tx-udp-segmentation", "off", "gro", "on", ns=ns)
    v4, v6 = FAMILIES["4"], FAMILIES["6"]
    sh("ip", "address", "add", f"{v4.other_office}/24", "dev", "line", ns="office")
    for ns, device, address in (("office", "line", v6.office), ("gateway", "inside", v6.inside)):
        sh("ip", "address", "add", f"{address}/64", "dev", device, "nodad", ns=ns)
    # What answers by itself answers by the first.
    sh("ip", "address", "add", f"{v6.other_office}/64", "dev", "line", "nodad", "preferred_lft", 0, ns="office")
    sh("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv6.conf.all.forwarding=1", ns="gateway")
    for family in FAMILIES.values():
        sh("ip", "route", "add", "default", "via", family.inside, ns="office")
    for home, net in HOMES.items():
        sh("ip", "route", "add", "default", "via", f"{net}.1", ns=home)


def network_down():
    for ns in NAMESPACES.values():
        sh("ip", "netns", "delete", ns, check=False)


SINKS = []


def sinks_up():
    """Fresh ones for each pair: what a broken pair left half-open must not block the next."""
    while SINKS: stop(SINKS.pop())
    SINKS.append(start([find("iperf3"), "-s", "-p", LOAD], "office"))
    SINKS.append(start([sys.executable, ECHO_PROGRAM, "serve", ECHO], "office"))


# --- implementations ---------------------------------------------------------------------------------------------------

class Plain:
    """A WireGuard program with a TUN, told by `wg set`."""
    ARGV = {"gotatun": ["gotatun", "--foreground", "--disable-drop-privileges"],
            "boringtun": ["boringtun-cli", "--foreground", "--disable-drop-privileges"],
            "wireguard-go": ["wireguard-go", "-f"]}

    def __init__(self, name, ns, family):
        self.argv, self.ns, self.device, self.family = self.ARGV[name], ns, f"wg-{ns}", family

    def start(self, keys, server):
        path = f"/var/run/wireguard/{self.device}.sock"
        if os.path.exists(path): os.unlink(path)
        child = start([find(self.argv[0]), *self.argv[1:], self.device], self.ns)
        until(path, lambda: os.path.exists(path) and self.device in sh("ip", "-br", "link", ns=self.ns))
        family = self.family
        if self.ns == "gateway":
            peers = [a for home in HOMES for a in ("peer", keys[home].public, "allowed-ips", f"{family.tunnel[home]}/{family.host}")]
            own, port, address = keys["gateway"].file, ["listen-port", WIREGUARD], family.tunnel["gateway"]
        else:
            session = server.session(self.ns, keys)
            shared = ["preshared-key", session["preshared"]] if "preshared" in session else []
            peers = ["peer", session["public"], *shared, "endpoint", f"{HOMES[self.ns]}.1:{WIREGUARD}", "persistent-keepalive", 25,
                     "allowed-ips", family.network]
            own, port, address = keys[self.ns].file, [], session["address"]
        sh("wg", "set", self.device, *port, "private-key", own, *peers, ns=self.ns)
        sh("ip", "address", "add", f"{address}/{family.length}", "dev", self.device, ns=self.ns)
        sh("ip", "link", "set", self.device, "mtu", MTU, "up", ns=self.ns)
        if self.ns != "gateway":
            sh("ip", "route", "replace", family.network, "dev", self.device, ns=self.ns)
        return child

    def session(self, home, keys):
        return {"public": keys["gateway"].public, "address": self.family.tunnel[home]}

    def target(self, port):
        return (self.family.office if self.ns == "home" else self.family.other_office), port

    has_packets = True


class Prototype(Plain):
    """A program of one's own, which knows one peer."""
    def __init__(self, ns, family): self.ns, self.device, self.family = ns, f"wg-{ns}", family

    def start(self, keys, server):
        is_server, shared = self.ns == "gateway", []
        if is_server:
            peer, place, address = keys["home"].public, [WIREGUARD], self.family.tunnel["gateway"]
        else:
            session = server.session(self.ns, keys)
            peer, place, address = session["public"], [0, f"{HOMES[self.ns]}.1:{WIREGUARD}"], session["address"]
            shared = ["env", f"PRESHARED={session['preshared']}"] if "preshared" in session else []
        child = start([*shared, os.environ["DATAPLANE_PROTOTYPE"], self.device, keys[self.ns].file, peer, *place], self.ns)
        until(self.device, lambda: self.device in sh("ip", "-br", "link", ns=self.ns))
        sh("ip", "address", "add", f"{address}/{self.family.length}", "dev", self.device, ns=self.ns)
        sh("ip", "link", "set", self.device, "mtu", MTU, "up", ns=self.ns)
        if not is_server:
            sh("ip", "route", "replace", self.family.network, "dev", self.device, ns=self.ns)
        return child


POLICY = """timezone = "UTC"
[services.load]
tcp = [5201]
udp = [5201]
[services.echo]
tcp = [5202]
udp = [5202]
[workstations.one]
address = "ONE"
services = ["load", "echo"]
[workstations.two]
address = "TWO"
services = ["load", "echo"]
[profiles.standard]
groups = ["smart"]
idle = "10h"
longest = "10h"
grace = "1h"
"""
AGREEMENT = """[[agreements]]
worker = "{}"
structure = "Bench"
workstation = "{}"
profile = "standard"
from = 2020-01-01
until = 2099-12-31
days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
hours = "00:00-24:00"
"""
CONFIG = f"""state = "state"
policy = "policy"
[control]
listen = "0.0.0.0:443"
public = "PUBLIC:443"
[tunnel]
listen = "0.0.0.0:{WIREGUARD}"
public = "PUBLIC:{WIREGUARD}"
mtu = {MTU}
pool_ipv6 = "fd99:8::/64"
[office]
device = "deskgate0"
masquerade = true
firewall = true
[directory]
kind = "file"
file = "people.toml"
[admin]
socket = "admin.sock"
[log]
format = "json"
"""
WORKERS = {"home": ("m.rossi", "one"), "other": ("g.verdi", "two")}
PASSWORD = "correct horse battery"
# A key for proofs that nobody gives, for no token is used again (the first of RFC 8032, section 7.1).
NOBODY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


class Gateway:
    """Ours: filter, flows, idle rule, record and all."""
    def __init__(self, family, loops): self.family, self.loops = family, loops

    def start(self, keys, server):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=FOLDER))
        (self.folder / "policy").mkdir()
        policy = POLICY.replace("ONE", self.family.office).replace("TWO", self.family.other_office)
        (self.folder / "policy/office.toml").write_text(policy + "".join(AGREEMENT.format(*who) for who in WORKERS.values()))
        # Both homes reach the gateway by its address on the first one's line.
        (self.folder / "gateway.toml").write_text(CONFIG.replace("PUBLIC", f"{HOMES['home']}.1"))
        for worker, _ in WORKERS.values():
            self.command("directory", "add", worker, "--group", "smart", "--password-stdin", stdin=PASSWORD)
        loops = ["--loops", self.loops] if self.loops else []
        child = start([find("deskgate-gateway"), "serve", "--config", self.folder / "gateway.toml", *loops], "gateway")
        until("the gateway", lambda: ":443 " in sh("ss", "-Hltn", ns="gateway"))
        self.fingerprint = self.command("fingerprint").strip()
        return child

    def command(self, *words, stdin=""):
        return sh(find("deskgate-gateway"), *words, "--config", self.folder / "gateway.toml", ns="gateway", stdin=stdin)

    def session(self, home, keys):
        """A session opened by hand, for a plain WireGuard program."""
        body = {"user": WORKERS[home][0], "password": PASSWORD, "public_key": keys[home].public, "session_key": NOBODY}
        got = json.loads(sh("curl", "-sk", "--data-binary", json.dumps(body), "-H", "Content-Type: application/json",
                            f"https://{HOMES[home]}.1/v1/login", ns=home))
        shared = pathlib.Path(FOLDER, f"{home}.preshared")
        shared.write_text(got["preshared_key"] + "\n")
        return {"public": got["gateway"]["public_key"], "address": got["address"], "preshared": shared}


class Client:
    """Ours: no TUN and no rights at home, a door on the loopback interface."""
    def __init__(self, ns): self.ns = ns

    def start(self, keys, server):
        child = start([find("deskgate"), "connect", "--server", f"{HOMES['home']}.1:443", "--user", WORKERS[self.ns][0],
                       "--fingerprint", server.fingerprint, "--language", "en", "--password-stdin", "--no-run"],
                      self.ns, stdin=PASSWORD + "\n")
        said = lambda: dict(re.findall(r"^(\w+) 127\.0\.0\.1:(\d+)$", open(child.log).read(), re.M))
        until("the doors", lambda: len(said()) == 2)
        self.doors = {LOAD: int(said()["load"]), ECHO: int(said()["echo"])}
        return child

    def target(self, port): return "127.0.0.1", self.doors[port]

    has_packets = False


class Key:
    def __init__(self, name):
        private = sh("wg", "genkey")
        self.file = pathlib.Path(FOLDER, f"{name}.key")
        self.file.write_text(private)
        self.public = sh("wg", "pubkey", stdin=private).strip()


class Pair:
    def __init__(self, name):
        programs, *marks = name.split("@")
        server, _, client = programs.partition(":")
        client = client or server
        self.name, self.family = name, FAMILIES["6" if "6" in marks else "4"]
        loops = next((mark.removeprefix("loops") for mark in marks if mark.startswith("loops")), None)
        def end(program, ns, ours):
            if program == "deskgate": return ours()
            return Prototype(ns, self.family) if program == "prototype" else Plain(program, ns, self.family)
        self.server = end(server, "gateway", lambda: Gateway(self.family, loops))
        homes = ("home",) if server == "prototype" else HOMES
        self.clients = {home: end(client, home, lambda: Client(home)) for home in homes}
        self.processes = {}

    def up(self):
        sinks_up()
        keys = {ns: Key(ns) for ns in ("gateway", *HOMES)}
        self.processes["gateway"] = self.server.start(keys, None)
        for home, client in self.clients.items():
            self.processes[home] = client.start(keys, self.server)
            until(f"{self.name}: the office from {home}", lambda: reachable(home, client.target(ECHO)))

    def down(self):
        for child in reversed(list(self.processes.values())): stop(child)
        for home, net in HOMES.items():
            sh("ip", "route", "delete", self.family.network, ns=home, check=False)


# --- what it costs -----------------------------------------------------------------------------------------------------

def stat(pid):
    try: fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError): return None
    return {"parent": int(fields[1]), "own": int(fields[11]) + int(fields[12]), "ended": int(fields[13]) + int(fields[14])}


def everyone():
    return {int(d): s for d in os.listdir("/proc") if d.isdigit() and (s := stat(d))}


def family(pid, table=None):
    table, pids = table or everyone(), [pid]
    for one in pids:
        pids += [child for child, s in table.items() if s["parent"] == one and child not in pids]
    return pids


def taken(child):
    table = everyone()
    return sum(table[pid]["own"] for pid in family(child.pid, table) if pid in table) / TICK


def foreign():
    table = everyone()
    mine = set(family(os.getpid(), table))
    return sum(s["own"] + s["ended"] for pid, s in table.items() if pid not in mine and pid != 2 and s["parent"] != 2) / TICK


def resident(child):
    found = re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{child.pid}/status").read())
    return int(found.group(1)) / 1024


class Meter:
    def __init__(self, pair): self.pair = pair
    def __enter__(self):
        self.began, self.others = time.time(), foreign()
        self.before = {name: taken(child) for name, child in self.pair.processes.items()}
        return self
    def __exit__(self, *_):
        self.seconds = time.time() - self.began
        self.cpu = {name: taken(child) - self.before[name] for name, child in self.pair.processes.items()}
        self.foreign = round(max(0, foreign() - self.others) / self.seconds, 2)


# --- loads -------------------------------------------------------------------------------------------------------------

def echo(home, place, count, gap, kind="stream"):
    argv = ["ip", "netns", "exec", NAMESPACES[home], sys.executable, ECHO_PROGRAM, kind, *map(str, (*place, count, gap))]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def reachable(home, place):
    probe = echo(home, place, 1, 0)
    probe.communicate()
    return probe.returncode == 0


def echoed(child):
    got = json.loads(child.communicate(timeout=90)[0])
    took = sorted(got["took"])
    return {"echo_p50_ms": took[len(took) // 2], "echo_p99_ms": took[min(len(took) - 1, int(len(took) * 0.99))],
            "echo_resent": got["resent"]}


def iperf(pair, seconds, *more):
    host, port = pair.clients["home"].target(LOAD)
    out = sh(find("iperf3"), "-c", host, "-p", port, "-J", "-t", seconds, *more, ns="home", check=False, timeout=seconds + 20)
    got = json.loads(out)
    if "error" in got: raise RuntimeError("iperf3: " + got["error"])
    return got["end"]


def stream(pair, o, streams, down, beside=None):
    """Streams from one home; `beside`, the home that an echo runs from meanwhile."""
    has_packets, count = pair.clients["home"].has_packets, int(o.seconds * 0.7 / 0.02)
    place = pair.clients[beside].target(ECHO) if beside else None
    probe = echo(beside, place, count, 0.015) if beside else None
    datagrams = echo(beside, place, count, 0.015, "datagrams") if beside and has_packets else None
    with Meter(pair) as meter:
        end = iperf(pair, o.seconds, "-P", streams, *(["-R"] if down else []))
    gigabytes = end["sum_received"]["bytes"] / 1e9
    sample = {"gbps": end["sum_received"]["bits_per_second"] / 1e9, "gateway_s_per_gb": meter.cpu["gateway"] / gigabytes,
              "home_s_per_gb": meter.cpu["home"] / gigabytes, "foreign": meter.foreign}
    # Up, what iperf sends goes to our client's door, and nothing tells what that sends again.
    if down or has_packets:
        sample["retransmits"] = end["sum_sent"].get("retransmits")
    if probe: sample |= echoed(probe)
    if datagrams:
        got = json.loads(datagrams.communicate(timeout=90)[0])
        sample["echo_lost_percent"] = (1 - got["answered"] / got["asked"]) * 100
    return sample


def idle(pair, o):
    with Meter(pair) as meter:
        sample = echoed(echo("home", pair.clients["home"].target(ECHO), 400, 0.005))
    return sample | {"foreign": meter.foreign}


def small(pair, o):
    """100-byte datagrams at 20,000 a second to the office."""
    with Meter(pair) as meter:
        end = iperf(pair, o.seconds, "-u", "-w", "4M", "-l", 100, "-b", 20_000 * 100 * 8)["sum"]
    arrived = end["packets"] - end["lost_packets"]
    return {"gateway_us_per_packet": meter.cpu["gateway"] / arrived * 1e6, "lost_percent": end["lost_percent"], "foreign": meter.foreign}


def most(pair, o):
    """The highest rate of 100-byte datagrams of which less than 1 % is lost, in thousands a second."""
    best = 0
    for rate in (40, 60, 80, 100, 130, 160, 200, 250):
        end = iperf(pair, 2, "-u", "-w", "4M", "-l", 100, "-b", rate * 1000 * 100 * 8)["sum"]
        if end["lost_percent"] >= 1 or end["packets"] < 0.9 * rate * 1000 * 2: break
        best = rate
    return {"lossless_kpps": best}


TESTS = {
    "idle": idle,
    "up1": lambda pair, o: stream(pair, o, 1, False), "down1": lambda pair, o: stream(pair, o, 1, True),
    "up4": lambda pair, o: stream(pair, o, 4, False), "down4": lambda pair, o: stream(pair, o, 4, True),
    "quiet-up4": lambda pair, o: stream(pair, o, 4, False, "other"), "quiet-down4": lambda pair, o: stream(pair, o, 4, True, "other"),
    "own-up1": lambda pair, o: stream(pair, o, 1, False, "home"), "own-down1": lambda pair, o: stream(pair, o, 1, True, "home"),
    "small": small, "most": most,
}


# --- report ------------------------------------------------------------------------------------------------------------

ROWS = [
    ("up1", "gbps", "one stream up, Gbit/s"), ("down1", "gbps", "one stream down, Gbit/s"),
    ("up4", "gbps", "four streams up, Gbit/s"), ("down4", "gbps", "four streams down, Gbit/s"),
    ("up1", "gateway_s_per_gb", "gateway, CPU s/GB, up"), ("down1", "gateway_s_per_gb", "gateway, CPU s/GB, down"),
    ("up4", "gateway_s_per_gb", "gateway, CPU s/GB, four up"), ("down4", "gateway_s_per_gb", "gateway, CPU s/GB, four down"),
    ("up1", "home_s_per_gb", "home, CPU s/GB, up"), ("down1", "home_s_per_gb", "home, CPU s/GB, down"),
    ("idle", "echo_p50_ms", "echo, idle, p50 ms"), ("idle", "echo_p99_ms", "echo, idle, p99 ms"),
    ("quiet-up4", "echo_p50_ms", "another's echo under four up, p50 ms"), ("quiet-up4", "echo_p99_ms", "another's echo under four up, p99 ms"),
    ("quiet-up4", "echo_resent", "segments of that echo sent again"), ("quiet-up4", "echo_lost_percent", "UDP echoes beside it lost, %"),
    ("quiet-down4", "echo_p50_ms", "another's echo under four down, p50 ms"), ("quiet-down4", "echo_p99_ms", "another's echo under four down, p99 ms"),
    ("quiet-down4", "echo_resent", "segments of that echo sent again"), ("quiet-down4", "echo_lost_percent", "UDP echoes beside it lost, %"),
    ("own-up1", "echo_p50_ms", "one's own echo under one up, p50 ms"), ("own-up1", "echo_p99_ms", "one's own echo under one up, p99 ms"),
    ("own-down1", "echo_p50_ms", "one's own echo under one down, p50 ms"), ("own-down1", "echo_p99_ms", "one's own echo under one down, p99 ms"),
    ("up4", "retransmits", "retransmits, four up"), ("down4", "retransmits", "retransmits, four down"),
    ("small", "gateway_us_per_packet", "gateway, µs per 100-byte packet"), ("small", "lost_percent", "lost of those, %"),
    ("most", "lossless_kpps", "100-byte packets with < 1 % loss, 1000/s"),
    ("memory", "gateway_mb", "gateway resident, MB"), ("memory", "home_mb", "home resident, MB"),
]
PLOTTED = [("up1", "gateway_s_per_gb", "gateway's processor, s per GB up"), ("down1", "gateway_s_per_gb", "gateway's processor, s per GB down"),
           ("quiet-up4", "echo_p99_ms", "another's echo under four up, p99 ms"), ("quiet-down4", "echo_p99_ms", "another's echo under four down, p99 ms")]


def report(folder):
    samples = [json.loads(line) for line in open(folder / "samples.jsonl")]
    pairs = list(dict.fromkeys(s["pair"] for s in samples))
    def values(pair, test, key):
        return [s["v"][key] for s in samples if (s["pair"], s["test"]) == (pair, test) and s["v"].get(key) is not None]
    with open(folder / "medians.csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["test", "measure", "pair", "median", "least", "most", "samples"])
        for test, key, _ in ROWS:
            for pair in pairs:
                if v := values(pair, test, key):
                    out.writerow([test, key, pair, *(f"{x:.4g}" for x in (statistics.median(v), min(v), max(v))), len(v)])
    table = ["| | " + " | ".join(pairs) + " |", "|---" * (len(pairs) + 1) + "|"]
    for test, key, words in ROWS:
        cells = [f"{statistics.median(v):.3g}" if (v := values(pair, test, key)) else "" for pair in pairs]
        if any(cells): table.append(f"| {words} | " + " | ".join(cells) + " |")
    busy = [s["v"]["foreign"] for s in samples if "foreign" in s["v"]]
    if busy: table.append(f"\nOther programs took {statistics.median(busy):.2f} cores meanwhile (median; {min(busy):.2f} to {max(busy):.2f}).")
    broken = [s for s in samples if "error" in s["v"]]
    table += [f"{s['pair']} {s['test']}, round {s['round']}: {s['v']['error']}" for s in broken]
    (folder / "table.md").write_text("\n".join(table) + "\n")
    (folder / "plot.svg").write_text(plot(pairs, values))
    print("\n".join(table))


def plot(pairs, values):
    """Bars, a group for each measure, each scaled to its own longest."""
    width, left, bar, y, out = 720, 170, 15, 10, []
    for test, key, words in PLOTTED:
        medians = {pair: statistics.median(v) for pair in pairs if (v := values(pair, test, key))}
        if not medians: continue
        out.append(f'<text x="4" y="{y + 12}" font-weight="bold">{words}</text>')
        y += 20
        for pair, value in medians.items():
            length = (width - left - 70) * value / max(medians.values())
            colour = "#2a6f97" if pair.startswith("deskgate") else "#b0b7bd"
            out.append(f'<text x="{left - 6}" y="{y + 11}" text-anchor="end">{pair}</text>'
                       f'<rect x="{left}" y="{y}" width="{max(length, 1):.1f}" height="{bar - 3}" fill="{colour}"/>'
                       f'<text x="{left + length + 5:.1f}" y="{y + 11}">{value:.3g}</text>')
            y += bar
        y += 12
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" font-family="sans-serif" font-size="12">'
            f'<rect width="{width}" height="{y}" fill="white"/>' + "\n".join(out) + "</svg>\n")


def main():
    global FOLDER
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--pairs", default="deskgate,deskgate:gotatun,gotatun,boringtun,wireguard-go")
    a.add_argument("--tests", default=",".join(TESTS)); a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--seconds", type=int, default=4); a.add_argument("--wire", action="store_true")
    a.add_argument("--six", action="store_true"); a.add_argument("--loops", default="")
    a.add_argument("--nice", type=int, default=0, help="precedence over other programs of a busy machine: -10, say")
    a.add_argument("--out", type=pathlib.Path, default=ROOT / "target/dataplane"); a.add_argument("--report", type=pathlib.Path)
    o = a.parse_args()
    if o.report: return report(o.report)
    pairs = o.pairs.split(",")
    pairs += [f"{pair}@6" for pair in pairs if o.six and "@" not in pair]
    pairs += [f"{pair}@loops{loops}" for pair in pairs if pair.startswith("deskgate") and "@loops" not in pair
              for loops in o.loops.split(",") if loops]
    install(o.pairs)
    if o.nice:
        # Where the kernel groups processes by session, niceness counts within the group only: one of our own, then.
        try: os.setsid()
        except PermissionError: pass
        os.nice(o.nice)
        group = pathlib.Path("/proc/self/autogroup")
        if group.exists(): group.write_text(str(o.nice))
    for word in (signal.SIGINT, signal.SIGTERM): signal.signal(word, lambda *_: sys.exit(1))     # so that `finally` runs
    FOLDER = tempfile.mkdtemp(prefix="dataplane-")
    os.chmod(FOLDER, 0o755)
    o.out.mkdir(parents=True, exist_ok=True)
    out = open(o.out / "samples.jsonl", "w")
    def keep(pair, number, test, sample):
        print(number, pair, test, json.dumps(sample), flush=True)
        print(json.dumps({"pair": pair, "round": number, "test": test, "v": sample}), file=out, flush=True)
    try:
        network_up(o.wire)
        for number in range(o.rounds):
            for name in pairs:
                pair = Pair(name)
                try:
                    pair.up()
                    for test in o.tests.split(","):
                        if test in ("small", "most") and not pair.clients["home"].has_packets: continue
                        if test.startswith("quiet") and "other" not in pair.clients: continue
                        try: keep(name, number, test, TESTS[test](pair, o))
                        except (subprocess.TimeoutExpired, RuntimeError, ValueError, KeyError, ZeroDivisionError) as error:
                            sinks_up()
                            keep(name, number, test, {"error": str(error)[-200:]})
                    keep(name, number, "memory", {"gateway_mb": resident(pair.processes["gateway"]), "home_mb": resident(pair.processes["home"])})
                except Exception as error:                                              # one broken pair must not end the run
                    keep(name, number, "start", {"error": str(error)[-300:]})
                finally:
                    pair.down()
    finally:
        for child in CHILDREN[::-1]: stop(child)
        network_down()
        if not os.environ.get("DATAPLANE_KEEP"): shutil.rmtree(FOLDER, ignore_errors=True)
        out.close()
    report(o.out)


if __name__ == "__main__":
    main()
