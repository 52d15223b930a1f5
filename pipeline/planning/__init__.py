"""What a run will take, before it starts: `parlance plan`. Arithmetic only; imports no torch and no pyspark."""
