"""What microgen is measured against. `make benchmark` runs all of it."""
