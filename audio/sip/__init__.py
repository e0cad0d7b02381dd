"""SIP and SIPREC without sockets: messages, bodies, transactions, dialogs; bytes and times in, facts out."""
