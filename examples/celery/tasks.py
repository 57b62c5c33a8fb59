"""The work, and the folders of the app where it and its results wait."""

from pathlib import Path

from celery import Celery

QUEUE = Path(__file__).parent / "queue"
QUEUE.mkdir(exist_ok=True)

celery = Celery("tasks", broker="filesystem://", backend=f"file://{QUEUE}")
celery.conf.broker_transport_options = {
    "data_folder_in": str(QUEUE),
    "data_folder_out": str(QUEUE),
    "control_folder": str(QUEUE),
}


@celery.task
def add(a: int, b: int) -> int:
    return a + b
