"""The service: everything with a socket, a table or a person."""
