"""Members of a room, many of them in one process: what `soak` and `office` are made of."""

import ctypes
import json
import os
import re
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NETCHAT = ROOT / ".build" / "release" / "netchat"


class Failure(Exception):
    """What was to happen and did not; its text is for people."""


def end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class Host:
    """A host from start to end: `with Host(...) as host`."""

    def __init__(self, netchat, *arguments, environment=None):
        self.command = [str(netchat), "host", "--bind", "127.0.0.1", "--port", "0", "--json", *arguments]
        self.environment = {**os.environ, **(environment or {})}

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        env=self.environment, preexec_fn=end_with_parent)
        first = json.loads(self.process.stdout.readline() or b"{}")
        if "port" not in first:
            raise Failure(f"{' '.join(self.command)} does not listen")
        self.port, self.places = first["port"], first["max_clients"]
        # What it shows is not looked at, but taken.
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stdout, stdout=subprocess.DEVNULL,
                                      preexec_fn=end_with_parent)
        self.process.stdout.close()
        return self

    def __exit__(self, *_):
        for process in (self.process, self.drain):
            if process.poll() is None:
                process.kill()
            process.wait(10)

    def end(self):
        self.process.terminate()
        status = self.process.wait(15)
        if status:
            raise Failure(f"the host ended with {status}")

    def resident(self):
        """Kilobytes."""
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class Member:
    """One connection, over TLS if a context is given. It never waits for anything."""

    def __init__(self, port, name, context=None, source=None):
        self.name, self.token, self.room, self.last, self.admitted = name, None, None, 0, False
        self.received, self.part, self.over = 0, b"", False
        self.socket = socket.socket()
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", port))
        if context:
            self.socket = context.wrap_socket(self.socket, do_handshake_on_connect=True)
        self.socket.setblocking(False)

    def auth(self, other=None, **more):
        """Asks to be let in, where `other` is given as the one that it was."""
        packet = {"type": "auth", "version": 2, "name": self.name, **more}
        if other:
            packet.update(room=other.room, since=other.last, token=other.token, name=other.name)
        return self.send(packet)

    def send(self, packet):
        """False if the connection is over or takes nothing."""
        try:
            self.socket.send(json.dumps(packet).encode() + b"\n")
            return True
        except (OSError, ssl.SSLError):
            return False

    def say(self, text, **more):
        return self.send({"type": "chat", "encrypted": False, "text": text, **more})

    def read(self):
        """The packets that have come."""
        packets = []
        while not self.over:
            try:
                piece = self.socket.recv(1 << 16)
            except (BlockingIOError, ssl.SSLWantReadError):
                break
            except OSError:
                piece = b""
            self.over = not piece
            self.received += len(piece)
            lines = (self.part + piece).split(b"\n")
            self.part = lines.pop()
            for line in lines:
                packet = json.loads(line)
                packets.append(packet)
                self.room = packet.get("room", self.room)
                self.token = packet.get("token", self.token)
                if packet["type"] == "auth_result" and packet["ok"]:
                    self.admitted, self.name = True, packet["client_name"]
                    self.last = max(self.last, packet["id"]) if "since" not in packet else self.last
                elif packet["type"] == "ping":
                    self.send({"type": "pong"})
                elif packet["type"] == "bye":
                    self.over = True
                self.last = max(self.last, packet.get("id", 0) if packet["type"] != "auth_result" else 0)
        return packets

    def close(self, resets=False):
        if resets:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        self.over = True


def sid(number):
    return f"{number:020d}"
