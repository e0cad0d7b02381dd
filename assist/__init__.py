"""Meaning: words → alerts, guidance, case record. Pure: no clock, socket, file or task inside."""
