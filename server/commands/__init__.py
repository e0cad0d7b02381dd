"""One module per command of the `koemori` program; each imports what it needs when it runs."""
