"""A small call centre on loopback: people, queues, and scripted calls through the real ingest."""
