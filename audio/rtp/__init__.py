"""RTP as it comes from the wire: packets → frames on a call's timeline (RFC 3550, 3551, 4733, 3711)."""
