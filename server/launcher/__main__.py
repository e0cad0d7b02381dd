"""`python -m koemori`: the same as the command `koemori`. Ships as koemori/__main__.py."""

from koemori.server.cli import main

if __name__ == "__main__":
    main()
