"""WebSockets: the agent's desk, the wallboard, and phone systems that send media."""
