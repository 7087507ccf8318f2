"""Tells the vectors of three suites as JSON, one a line: what is sent, and what the suite says becomes of it.

The suites are what `suites.txt` names, unpacked in the folder that is the first argument:
llhttp's as aiohttp ships them, gunicorn's, and h11's.
"""

import base64
import glob
import importlib
import json
import os
import re
import sys
import types

FOLDER = sys.argv[1]
# The suites' own programs print, too.
OUT, sys.stdout = sys.stdout, sys.stderr


def main():
    for tell in (llhttp, gunicorn, h11):
        tell()


def folder(name):
    (found,) = glob.glob(os.path.join(FOLDER, name + "-*/"))
    return found


def say(suite, name, kind, data, messages=(), end="done", why="", left_out=""):
    plain = lambda data: data.decode("latin-1")
    messages = [
        {
            "method": plain(m["method"]),
            "target": plain(m["target"]),
            "status": m["status"],
            "headers": [[plain(n).lower(), plain(v)] for n, v in m["headers"]],
            "body": base64.b16encode(m["body"]).decode().lower(),
        }
        for m in messages
    ]
    data = base64.b16encode(data).decode().lower()
    vector = {"suite": suite, "name": name, "kind": kind, "input": data, "messages": messages}
    print(json.dumps({**vector, "end": end, "why": why, "left_out": left_out}), file=OUT)


def message(method=b"", target=b"", status=0):
    return {"method": method, "target": target, "status": status, "headers": [], "body": b""}


# llhttp: Markdown, with what is sent and the parser's log of it.


def llhttp():
    root = folder("aiohttp") + "vendor/llhttp/test/"
    for path in sorted(glob.glob(root + "*/*.md")):
        name, title, meta, block, sent = os.path.relpath(path, root)[: -len(".md")], "", {}, None, ""
        for line in open(path, encoding="utf-8", newline="\n"):
            if line.startswith("```"):
                if block and block[0] == "http":
                    sent = "".join(block[1:])
                elif block and block[0] == "log":
                    llhttp_vector(f"{name}: {title}", meta, sent_of(sent), "".join(block[1:]))
                block = None if block else [line.strip("`\n")]
            elif block:
                block.append(line)
            elif line.startswith("#"):
                title = line.strip("# \n")
            elif line.startswith("<!-- meta="):
                meta = json.loads(line[len("<!-- meta=") : line.index(" -->")])


def sent_of(text):
    text = text.removesuffix("\n")
    text = re.sub(r"\\(\r\n|\r|\n)", "", text)
    text = re.sub(r"\r\n|\r|\n", "\r\n", text)
    for escape, char in ((r"\r", "\r"), (r"\n", "\n"), (r"\t", "\t"), (r"\f", "\f")):
        text = text.replace(escape, char)
    text = re.sub(r"\\x([0-9a-fA-F]+)", lambda found: chr(int(found[1], 16)), text)
    text = re.sub(r"\\([0-7]{1,3})", lambda found: chr(int(found[1], 8)), text)
    return text.encode()


def llhttp_vector(name, meta, data, log):
    kind = meta["type"].split("-")[0]
    if b"${" in data:
        return say("llhttp", name, kind, data, left_out="what is sent is a program")
    if "lenient" in meta["type"]:
        return say("llhttp", name, kind, data, left_out="it asks for leniency that is switched on")
    if "pause" in meta or "skipBody" in meta:
        return say("llhttp", name, kind, data, left_out="it is about how llhttp is called")
    messages, end, why, in_head, value_ended = [], "done", "", False, False
    for line in log.splitlines():
        span = re.match(r"off=(\d+) len=(\d+) span\[(\w+)\]", line)
        if span:
            part = data[int(span[1]) : int(span[1]) + int(span[2])]
            now = messages[-1]
            if span[3] == "method":
                now["method"] += part
            elif span[3] == "url":
                now["target"] += part
            elif span[3] == "body":
                now["body"] += part
            elif span[3] == "header_field" and in_head:
                if value_ended:
                    now["headers"].append([b"", b""])
                    value_ended = False
                now["headers"][-1][0] += part
            elif span[3] == "header_value" and in_head:
                now["headers"][-1][1] += part
        elif "message begin" in line:
            messages.append(message())
            in_head, end, value_ended = True, "more", True
        elif "header_value complete" in line:
            value_ended = True
        elif "headers complete" in line:
            in_head = False
            status = re.search(r"status=(\d+)", line)
            messages[-1]["status"] = int(status[1]) if status else 0
        elif "message complete" in line:
            end = "done"
        elif "error code=" in line:
            why = re.search(r'reason="(.*)"', line)[1]
            if why.startswith("Pause on"):
                end, why = "done", ""
            else:
                end = "refused"
    for one in messages:
        one["headers"] = [(name, value.strip(b" \t")) for name, value in one["headers"] if name]
    if end != "done":
        messages = messages[:-1] if messages else messages
    say("llhttp", name, kind, data, messages, end, why)


# gunicorn: files of what is sent, and of what it is as Python.


def gunicorn():
    root = folder("gunicorn")
    sys.path.insert(0, root)
    from gunicorn.config import Config

    usual = Config().settings
    for path in sorted(glob.glob(root + "tests/requests/*/*.http")):
        name = "/".join(path.split("/")[-2:])[: -len(".http")]
        data = open(path, "rb").read().replace(b"\n", b"").replace(b"\\r\\n", b"\r\n")
        data = data.replace(b"\\0", b"\0").replace(b"\\n", b"\n").replace(b"\\t", b"\t")
        data = re.sub(rb"\\x([0-9a-fA-F]{2})", lambda found: bytes([int(found[1], 16)]), data)
        told = {"cfg": Config(), "uri": lambda raw: raw}
        try:
            exec(compile(open(path[: -len("http")] + "py").read(), path, "exec"), told)
        except ImportError as error:
            say("gunicorn", name, "request", data, left_out=f"it names what its package has not: {error.name}")
            continue
        set_by_vector = any(one.get() != usual[key].get() for key, one in told["cfg"].settings.items())
        wanted = told["request"]
        if set_by_vector:
            say("gunicorn", name, "request", data, left_out="it asks for settings of gunicorn")
        elif isinstance(wanted, type):
            end = "more" if wanted.__name__ == "NoMoreData" else "refused"
            say("gunicorn", name, "request", data, (), end, wanted.__name__)
        else:
            wanted = wanted if isinstance(wanted, list) else [wanted]
            say("gunicorn", name, "request", data, [gunicorn_message(one) for one in wanted])


def gunicorn_message(one):
    bytes_of = lambda text: text if isinstance(text, bytes) else text.encode("latin-1")
    headers = [(bytes_of(name), bytes_of(value)) for name, value in one["headers"]]
    made = message(bytes_of(one["method"]), bytes_of(one["uri"]))
    return {**made, "headers": headers, "body": bytes_of(one["body"])}


# h11: its tests are a program. It runs, and whatever it lets h11 read is a vector, with what h11 made of it.


def h11():
    sys.path.insert(0, folder("h11"))
    # Its tests ask for a runner of which they need next to nothing.
    sys.modules["pytest"] = types.SimpleNamespace(
        raises=lambda kind, match=None: Raises(kind),
        fixture=lambda *a, **k: lambda test: test,
        mark=types.SimpleNamespace(parametrize=lambda *a, **k: lambda test: None),
    )
    package = importlib.import_module("h11")
    vectors, streams = {}, {}
    receive = package.Connection.receive_data
    import h11._readers as readers

    def recorded(connection, data):
        if connection not in streams:
            streams[connection] = (connection.our_role, bytearray(), connection)
        streams[connection][1].extend(data)
        return receive(connection, data)

    package.Connection.receive_data = recorded
    for name in ("test_connection", "test_io", "test_headers"):
        tests = importlib.import_module("h11.tests." + name)
        if name == "test_io":
            record_readers(package, tests, readers, streams)
        for test in [key for key in vars(tests) if key.startswith("test_")]:
            if vars(tests)[test]:
                vars(tests)[test]()
            for number, (role, data, _) in enumerate(streams.values()):
                if data and len(data) < 1 << 16:
                    vectors.setdefault((bytes(data), role), f"{name}.{test} {number + 1}")
            streams.clear()
    package.Connection.receive_data = receive
    for (data, role), name in vectors.items():
        # What a test lets h11 read bit by bit is sent as a whole.
        if not any(other != data and other.startswith(data) and role is its for other, its in vectors):
            h11_vector(package, name, role, data)


class Raises:
    def __init__(self, kind):
        self.kind, self.value = kind, None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        assert kind and issubclass(kind, self.kind), (self.kind, kind, value)
        self.value = value
        return True


def record_readers(package, tests, readers, streams):
    """Heads and bodies that are read by themselves are sent as parts of whole messages."""
    head = {
        "ChunkedReader": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "ContentLengthReader": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n",
    }
    roles = {id(reader): key[0] for key, reader in readers.READERS.items() if isinstance(key, tuple)}
    read, run = tests.tr, tests._run_reader_iter

    def head_read(reader, data, expected):
        role = package.SERVER if roles.get(id(reader)) is package.CLIENT else package.CLIENT
        streams[len(streams)] = (role, bytearray(data), None)
        return read(reader, data, expected)

    def body_read(reader, data, do_eof):
        kind = type(reader).__name__
        if kind in head:
            left = getattr(reader, "_length", 0)
            before = head[kind] % left if b"%d" in head[kind] else head[kind]
            streams[len(streams)] = (package.SERVER, bytearray(before + bytes(data)), None)
        return run(reader, data, do_eof)

    tests.tr, tests._run_reader_iter = head_read, body_read


def ask(package, connection):
    connection.send(package.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(package.EndOfMessage())


def h11_vector(package, name, role, data):
    kind = "request" if role is package.SERVER else "response"
    messages, end, why = [], "more", ""
    connection = package.Connection(role)
    try:
        if kind == "response":
            ask(package, connection)
        connection.receive_data(data)
        now = None
        while True:
            event = connection.next_event()
            if event is package.NEED_DATA:
                end = "done" if now is None and not connection.trailing_data[0] and messages else "more"
                break
            if event is package.PAUSED or isinstance(event, package.ConnectionClosed):
                if connection.their_state is not package.DONE:
                    end = "done"
                    break
                if kind == "request":
                    connection.send(package.Response(status_code=200, headers=[("Content-Length", "0")]))
                    connection.send(package.EndOfMessage())
                connection.start_next_cycle()
                if kind == "response":
                    ask(package, connection)
                continue
            if isinstance(event, package.Request):
                now = message(bytes(event.method), bytes(event.target))
            elif isinstance(event, (package.Response, package.InformationalResponse)):
                now = message(status=event.status_code)
            if hasattr(event, "headers") and not isinstance(event, package.EndOfMessage):
                now["headers"] = [(bytes(key), bytes(value)) for key, value in event.headers]
            if isinstance(event, package.InformationalResponse):
                messages.append(now)
                now = None
            elif isinstance(event, package.Data):
                now["body"] += bytes(event.data)
            elif isinstance(event, package.EndOfMessage):
                messages.append(now)
                now = None
                if connection.their_state is not package.DONE:
                    end = "done"
                    break
    except package.RemoteProtocolError as error:
        end, why = "refused", str(error)
    except package.LocalProtocolError:
        end = "done"
    say("h11", name, kind, data, messages, end, why)


main()
