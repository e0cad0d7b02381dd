"""Who is calling, and what they may do: accounts, server-side sessions, one decision function."""
