"""Calls while they live: a session each, the set of them, and the port that stores their events."""
