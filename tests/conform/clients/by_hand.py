"""A server of a few lines that shows a client's failure without the suite.

``python -m tests.conform.clients.by_hand MANNER -- CLIENT ...``; manners are ``kind``, ``silent`` (no
greeting), ``lost`` (no response to the first command after negotiation), ``cut`` (in the middle of it),
``twice`` (two greetings), ``unanswered-quit``, ``gone`` (the end right behind quit's response),
``last`` (the same, and nobody is served any more), ``refused`` (errors), ``halves`` (an event behind each
response, in two pieces), or a number: how many bytes each response has, by blanks in it, or with a plus
sign by a text in a result.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

#: Seconds that the client has.
PATIENCE = 20.0
VERSION = {"qemu": {"major": 11, "minor": 1, "micro": 3}, "package": ""}
RETURNS = {
    "query-status": {"status": "running", "running": True},
    "query-version": VERSION,
    "query-commands": [
        {"name": one}
        for one in (
            *("qmp_capabilities", "query-commands", "query-migrate", "query-qmp-schema"),
            *("migrate-set-capabilities", "migrate-set-parameters", "stop", "cont"),
        )
    ],
    "query-qmp-schema": [{"name": "stop", "meta-type": "command"}],
}
EVENTS = {"stop": "STOP", "cont": "RESUME", "quit": "SHUTDOWN"}


def put(sock: socket.socket, message: object, size: int = 0) -> None:
    """Send a message, of `size` bytes if it is shorter."""
    text = json.dumps(message)
    sock.sendall((text[:-1] + " " * (size - len(text) - 2) + text[-1] + "\r\n").encode())


def serve(sock: socket.socket, manner: str) -> None:
    """One session."""
    sock.settimeout(PATIENCE)
    if manner == "silent":
        if sock.recv(1):
            raise ConnectionError("the client sends something before the greeting")
        return  # it has gone
    for _ in range(2 if manner == "twice" else 1):
        put(sock, {"QMP": {"version": VERSION, "capabilities": ["oob"]}})
    decoder, text, count = json.JSONDecoder(), "", 0
    while data := sock.recv(65536):
        text += data.decode()
        while text.strip():
            try:
                command, end = decoder.raw_decode(text.lstrip())
            except ValueError:
                break
            text, count = text.lstrip()[end:], count + 1
            name = command.get("execute") or command["exec-oob"]
            answer = {"return": RETURNS.get(name, {})}
            if manner == "refused" and count > 1:
                answer = {"error": {"class": "GenericError", "desc": "no"}}
            if manner.startswith("+") and answer["return"]:
                answer = {"return": {**answer["return"], "text": "x" * int(manner)}}
            answer |= {"id": command["id"]} if "id" in command else {}
            if name in EVENTS:
                put(sock, {"timestamp": {"seconds": 1, "microseconds": 2}, "event": EVENTS[name]})
            if name == "quit" and manner == "unanswered-quit":
                return
            if manner == "cut" and count == 2:
                sock.sendall(json.dumps(answer).encode()[:8])
                return
            if manner != "lost" or count != 2:
                put(sock, answer, int(manner) if manner.isdecimal() and count > 1 else 0)
            if manner == "halves":
                sock.sendall(b'{"event": "RTC_CHANGE", "data": {"offset": 1}, ')
                time.sleep(0.1)
                sock.sendall(b'"timestamp": {"seconds": 1, "microseconds": 2}}\r\n')
            if name == "quit":
                time.sleep(0.0 if manner in ("gone", "last") else 0.5)
                return


def main(manner: str, words: list[str]) -> None:
    """Serve the client until it ends, the first session as the manner says; print how it ended."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = os.path.join(folder, "qmp.sock")
        listener.bind(path)
        listener.listen()
        listener.settimeout(0.1)
        words = [word.replace("{listen}", path) for word in words]
        child = subprocess.Popen(
            words,
            env={**os.environ, "QMPCONF_SOCKET": path},
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
        try:
            until, once = time.monotonic() + PATIENCE, manner
            while child.poll() is None and time.monotonic() < until:
                with contextlib.suppress(TimeoutError):
                    if once == "nobody":
                        time.sleep(0.1)
                        continue
                    sock = listener.accept()[0]
                    with sock:
                        serve(sock, once)
                    once = "kind" if manner in ("cut", "lost", "twice") else manner
                    once = "nobody" if manner == "last" else once
            print(f"by hand, {manner}: exit code {child.wait(0.1)}")
        except (TimeoutError, subprocess.TimeoutExpired):
            print(f"by hand, {manner}: no end in {PATIENCE:g} seconds")
        except ConnectionError as error:
            print(f"by hand, {manner}: {error}; exit code {child.wait(PATIENCE)}")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[sys.argv.index("--") + 1 :])
