"""Playbooks: versioned rules, checklists, lexicons and guidance, as TOML with a schema."""
