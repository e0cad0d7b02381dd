"""Measuring code behind `koemori bench`; every result carries machine, versions and command."""
