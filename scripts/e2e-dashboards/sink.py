"""Receives traces and events over OTLP/HTTP into files; refuses some requests, as real receivers do."""

import argparse
import gzip
import http.server
import itertools
import pathlib

REFUSED = 40  # one in so many, with "try again"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--into", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    numbers = itertools.count(1)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            number = next(numbers)
            refused = number % REFUSED == 0
            if not refused:
                signal = self.path.rsplit("/", 1)[-1]
                (arguments.into / f"{signal}-{number:06}.pb").write_bytes(body)
            self.send_response(503 if refused else 200)
            if refused:
                self.send_header("Retry-After", "1")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    http.server.ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler).serve_forever()


main()
