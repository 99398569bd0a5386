"""A chat client and a chat host of version 1, as small as they can be and still be faithful.

    version1.py clint HOST PORT [NAME]   with a name it sends an auth packet first
    version1.py host (admits | waits)    takes one free port and says which; "waits" lets nobody
                                         in before an auth packet with a name has come

They know no ids, no version, no ping, and ignore every key and type they do not know.
"""

import json
import socket
import sys
import threading


def say(line):
    print(line, flush=True)


def send(connection, packet):
    connection.sendall((json.dumps(packet) + "\n").encode())


def packets(connection):
    with connection.makefile("r", encoding="utf-8", newline="\n") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def show(packet):
    kind = packet.get("type")
    if kind == "chat":
        say(f"{packet['from']}: {packet['text']}")
    elif kind == "system":
        say(packet["text"])
    elif kind == "count":
        say(f"+ Total connected clints: [{packet['total']}]")


def clint(address, name=None):
    connection = socket.create_connection(address, timeout=10)
    connection.settimeout(None)
    incoming = packets(connection)
    hello = next(incoming)
    assert hello["type"] == "hello" and hello["secure"] is False, hello
    if name is not None:
        send(connection, {"type": "auth", "name": name})
    result = next(incoming)
    assert result["type"] == "auth_result", result
    if not result["ok"]:
        say(f"Authentication failed: {result['reason']}")
        return 1
    say(f"Connected as {result['client_name']}")

    def talk():
        for line in sys.stdin:
            send(connection, {"type": "chat", "encrypted": False, "text": line.rstrip("\n")})
        connection.shutdown(socket.SHUT_WR)

    threading.Thread(target=talk, daemon=True).start()
    for packet in incoming:
        show(packet)
    say("Connection closed.")
    return 0


class Host:
    def __init__(self, waits):
        self.waits = waits
        self.members = {}
        self.given = 0
        self.lock = threading.Lock()

    def tell_all(self, packet):
        with self.lock:
            for connection in list(self.members.values()):
                try:
                    send(connection, packet)
                except OSError:
                    pass

    def system(self, text):
        say(text)
        self.tell_all({"type": "system", "encrypted": False, "text": text})
        self.tell_all({"type": "count", "total": len(self.members)})

    def serve(self, connection, address):
        incoming = packets(connection)
        send(connection, {"type": "hello", "secure": False})
        name = None
        if self.waits:
            first = next(incoming, {})
            name = first.get("name")
            if first.get("type") != "auth" or not name:
                send(
                    connection,
                    {"type": "auth_result", "ok": False, "reason": "A name is required."},
                )
                connection.close()
                return
        else:
            with self.lock:
                self.given += 1
                name = f"clint{self.given}"
        send(connection, {"type": "auth_result", "ok": True, "client_name": name})
        with self.lock:
            self.members[name] = connection
        self.system(f"{name} joined from {address[0]}:{address[1]}")
        try:
            for packet in incoming:
                if packet.get("type") == "chat":
                    say(f"{name}: {packet['text']}")
                    self.tell_all(
                        {"type": "chat", "encrypted": False, "from": name, "text": packet["text"]}
                    )
        except OSError:
            pass
        with self.lock:
            del self.members[name]
        connection.close()
        self.system(f"{name} disconnected.")

    def run(self):
        listener = socket.create_server(("127.0.0.1", 0))
        say(f"Listening on 127.0.0.1:{listener.getsockname()[1]}...")
        while True:
            connection, address = listener.accept()
            threading.Thread(target=self.serve, args=(connection, address), daemon=True).start()


if __name__ == "__main__":
    if sys.argv[1] == "host":
        Host(waits=sys.argv[2] == "waits").run()
    else:
        sys.exit(clint((sys.argv[2], int(sys.argv[3])), *sys.argv[4:]))
