"""``python -m autodeploy`` and the ``autodeploy`` command."""

import signal

# Until the command runs, an interrupt ends this quietly and not within an import.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from autodeploy.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main()
