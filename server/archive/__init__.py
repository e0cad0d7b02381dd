"""The archive: sealed recordings, their manifests, and how a cut-off call becomes one."""
