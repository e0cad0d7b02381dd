"""Capture: the wire → timed frames, one channel each, and the recorder that keeps them.

Nothing here knows what speech means; nothing here imports `koemori.models` or anything above it.
"""
