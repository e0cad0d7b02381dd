"""Dialects of the WebSocket media family: one TOML file per provider, and the reader that checks it."""
