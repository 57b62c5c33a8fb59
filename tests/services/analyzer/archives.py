"""Uploads for tests."""

import io
import tarfile
from collections.abc import AsyncIterator

FLASK = {
    "app.py": (
        "import os\nfrom flask import Flask\n"
        "app = Flask(__name__)\nurl = os.environ['DATABASE_URL']\n"
    ),
    "requirements.txt": "flask==3.1.0\npsycopg==3.2\n",
    "Procfile": "web: flask run --port $PORT\n",
}


def tar_gz(files: dict[str, str]) -> bytes:
    """The bytes of an archive of ``files``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content.encode()))
    return buffer.getvalue()


async def chunks(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    """``data`` as a request body arrives."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
