"""A Flask app."""

from flask import Flask

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return "<h1>Hello from Flask</h1>"
