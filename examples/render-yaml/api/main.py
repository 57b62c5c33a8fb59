import os
from http.server import BaseHTTPRequestHandler, HTTPServer

SIGNING_KEY = os.environ.get("SIGNING_KEY", "")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"Hello from Render's file\n")


HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
