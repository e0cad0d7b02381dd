"""HTTP under /api/v1: one router per noun, problem details for errors, a declared right on every route."""
