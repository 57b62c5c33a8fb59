"""``python -m autodeploy`` and the ``autodeploy`` command."""

from autodeploy.cli.main import main

if __name__ == "__main__":
    main()
