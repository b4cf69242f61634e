"""S3, in memory; also as Google Cloud Storage speaks it. Says where it is; ends when what it reads from does.

Two buckets: what is written to BUCKET is answered as it should be. Of what is written to LOSING, every third answer is an error of
the server, though it was written, and every seventh is none: the connection is cut.

python3 s3.py BUCKET LOSING
"""

import itertools
import logging
import os
import socket
import sys
import threading
import urllib.request

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)
app = DomainDispatcherApplication(create_backend_app)
lock = threading.Lock()


writes = itertools.count(1)
bucket, losing = sys.argv[1:]


def answer(environ, start_response):
    if environ.get("HTTP_X_GOOG_IF_GENERATION_MATCH") == "0":
        environ["HTTP_IF_NONE_MATCH"] = "*"
    said = []
    # It looks whether there is an object, and then writes it: nothing may come between.
    with lock:
        body = list(app(environ, lambda *status_and_headers: said.append(status_and_headers)))
    if environ["REQUEST_METHOD"] == "PUT" and environ["PATH_INFO"].startswith(f"/{losing}/"):
        number = next(writes)
        if number % 7 == 0:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        elif number % 3 == 0:
            said, body = [("503 Service Unavailable", [("content-length", "0")])], []
    start_response(*said[-1])
    return body


server = make_server("127.0.0.1", 0, answer, threaded=True)
address = f"http://127.0.0.1:{server.port}"
threading.Thread(target=server.serve_forever, daemon=True).start()
for name in bucket, losing:
    make = urllib.request.Request(f"{address}/{name}", method="PUT", headers={"host": "s3.amazonaws.com"})
    urllib.request.urlopen(make).close()
print(f"at {address}", flush=True)
sys.stdin.buffer.read()
os._exit(0)
