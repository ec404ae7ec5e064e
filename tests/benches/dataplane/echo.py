#!/usr/bin/env python3
"""The echo of measure.py, both ends.

    echo.py serve PORT                         answers TCP and UDP with what came
    echo.py stream HOST PORT COUNT GAP         asks by one TCP connection, every GAP seconds once the answer is there
    echo.py datagrams HOST PORT COUNT GAP      asks by UDP every GAP seconds, answered or not
"""
import json, os, signal, socket, struct, sys, time

# Asks the echo how much it sent again.
HOW_MANY = b"?" * 64


def resent(stream):
    """Segments that a TCP socket sent again (tcpi_total_retrans, linux/tcp.h)."""
    return struct.unpack_from("I", stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 100)[0]


def serve(port):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    packets = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    packets.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    # The office has two addresses, and an answer comes from the one that was asked.
    packets.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    packets.bind(("::", int(port)))
    if os.fork() == 0:
        while True:
            got, where, _, asker = packets.recvmsg(2048, 256)
            packets.sendmsg([got], where, 0, asker)
    server = socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=16)
    while True:
        stream, _ = server.accept()
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if os.fork() == 0:
            while got := stream.recv(64):
                stream.sendall(b"%64d" % resent(stream) if got == HOW_MANY else got)
            os._exit(0)
        stream.close()


def stream(host, port, count, gap):
    """Round trips of 64 bytes in milliseconds, and what both ends sent again, as JSON."""
    line = socket.create_connection((host, int(port)), 10)
    line.settimeout(10)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    def ask(what):
        answer = b""
        line.sendall(what)
        while len(answer) < 64:
            if not (part := line.recv(64 - len(answer))): raise ConnectionError("the echo ended")
            answer += part
        return answer
    took = []
    for _ in range(int(count)):
        began = time.perf_counter()
        ask(b"x" * 64)
        took.append(round((time.perf_counter() - began) * 1e3, 3))
        time.sleep(float(gap))
    print(json.dumps({"took": took, "resent": resent(line) + int(ask(HOW_MANY))}))


def datagrams(host, port, count, gap):
    """How many of so many datagrams of 64 bytes came back within a second, as JSON."""
    family, *_, place = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)[0]
    asking = socket.socket(family, socket.SOCK_DGRAM)
    asking.connect(place)
    answered, asked = set(), int(count)
    def hear(seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and len(answered) < asked:
            asking.settimeout(left)
            try: answered.add(asking.recv(64))
            except TimeoutError: pass
    for nth in range(asked):
        asking.send(b"%64d" % nth)
        hear(float(gap))
    hear(1)
    print(json.dumps({"asked": asked, "answered": len(answered)}))


if __name__ == "__main__":
    word, *spec = sys.argv[1:]
    {"serve": serve, "stream": stream, "datagrams": datagrams}[word](*spec)
