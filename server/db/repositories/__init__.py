"""Every query, one module per noun. Functions take an open session and leave committing to its owner."""
