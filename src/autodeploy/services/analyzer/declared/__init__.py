"""What the owner of a repository wrote down already, for AutoDeploy or for another platform.

Each module reads one kind of file into a ``Declared`` (``base``); ``precedence`` says which of them
is obeyed, and ``override`` puts that in the place of what the analyzer found.
"""
