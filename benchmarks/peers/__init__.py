"""Other servers' streaming recognition and Koemori's, measured with one ruler; README.md says how."""
