"""Codecs of the telephone network: bytes of the wire ↔ int16 samples."""
