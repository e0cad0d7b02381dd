"""Operational events from phone systems: the neutral schema, what tells them, and the calls they speak of."""
