"""Trunks: which phone systems may send calls, how they prove themselves, and how each of them is doing."""
