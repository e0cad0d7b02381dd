"""Tables, migrations and the repositories that own every query. No SQL anywhere else."""
