"""What a run will take, and what must hold, before it starts. Imports no torch and no pyspark."""
