"""A proxy that cuts connections, each after a random number of bytes.

cutting_proxy.py PORT SEED CUTS: forwards to 127.0.0.1:PORT, says on which port it listens, and
lets the first two connections pass 20,000 bytes at the least, so that two clients get in.
"""

import random
import select
import socket
import struct
import sys

port, seed, cuts = (int(word) for word in sys.argv[1:])
chance = random.Random(seed)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
others, budgets = {}, {}
accepted = 0


def budget():
    if accepted <= 2:
        return 20_000 + chance.randrange(5_000)
    # Often within the handshake and the admission.
    return chance.randrange(600 if chance.random() < 0.3 else 9_000)


def close(one):
    other = others.pop(one)
    others.pop(other, None)
    for end in one, other:
        if chance.random() < 0.5:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.close()


while True:
    ready, _, _ = select.select([listener, *others], [], [])
    for one in ready:
        if one is listener:
            client, _ = listener.accept()
            try:
                host = socket.create_connection(("127.0.0.1", port))
            except OSError:
                client.close()
                continue
            accepted += 1
            others[client], others[host] = host, client
            # Both ends count against one budget.
            budgets[client] = budgets[host] = [budget() if cuts > 0 else None]
            continue
        if one not in others:
            continue
        try:
            data = one.recv(65536)
        except OSError:
            data = b""
        left = budgets[one]
        # A connection may outlive the last cut with a budget from before it.
        if left[0] is not None and cuts > 0:
            data, ends = data[: left[0]], len(data) >= left[0]
            left[0] -= len(data)
        else:
            ends = False
        try:
            others[one].sendall(data)
        except OSError:
            data = b""
        if ends:
            cuts -= 1
            print("cut", flush=True)
        if ends or not data:
            close(one)
