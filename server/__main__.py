"""`python -m koemori` (and `python -m koemori.server`): the same as the command `koemori`."""

from koemori.server.cli import main

if __name__ == "__main__":
    main()
