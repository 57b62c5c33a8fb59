"""A page that hands work to the worker beside it."""

from flask import Flask
from tasks import add

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return "Hello from Flask, with a worker beside it"


@app.get("/add")
def added() -> str:
    return f"2 + 3 is {add.delay(2, 3).get(timeout=20)}"
