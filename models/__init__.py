"""Speech models: frames → words. Importing this package loads no model library."""
