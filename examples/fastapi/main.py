"""A FastAPI app."""

import os

from fastapi import FastAPI

app = FastAPI(title="Example")


@app.get("/")
def read_root() -> dict[str, str]:
    return {"message": os.environ.get("GREETING", "Hello from FastAPI")}
