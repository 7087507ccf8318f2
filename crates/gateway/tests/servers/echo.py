"""Tells of every request what h11 sees of it, in a field of its answer."""

import socket
import sys

sys.path.insert(0, sys.argv[2])
import h11


def serve(stream):
    connection = h11.Connection(h11.SERVER)
    request, body = None, b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            answer = h11.Response(status_code=error.error_status_hint, headers=[("Connection", "close")])
            if connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                stream.sendall(connection.send(answer) + connection.send(h11.EndOfMessage()))
            return
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                stream.sendall(connection.send(h11.InformationalResponse(status_code=100, headers=[])))
            connection.receive_data(stream.recv(1 << 16))
        elif isinstance(event, h11.Request):
            request, body = event, b""
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            told = seen(request, body)
            answer = h11.Response(status_code=200, headers=[("X-Seen", told), ("Content-Length", "0")])
            stream.sendall(connection.send(answer) + connection.send(h11.EndOfMessage()))
            if connection.our_state is h11.MUST_CLOSE:
                return
            connection.start_next_cycle()
        else:
            return


def seen(request, body):
    target = sum_of(request.target) if len(request.target) > 256 else request.target
    host = dict(request.headers).get(b"host") or b"-"
    return b"%s %s %s %s" % (request.method, target, host, sum_of(body))


def sum_of(data):
    """The length of bytes, and a number that follows from each of them."""
    total = 0
    for byte in data:
        total = (total * 31 + byte) % 1000000007
    return b"%d:%d" % (len(data), total)


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
while True:
    stream, _ = listener.accept()
    with stream:
        try:
            serve(stream)
        except OSError:
            pass
