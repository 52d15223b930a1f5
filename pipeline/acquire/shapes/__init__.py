"""How one record holds its conversation: one file a shape, and one row of SHAPES in configs/acquire.py."""
