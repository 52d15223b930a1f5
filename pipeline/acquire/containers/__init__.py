"""How records lie in a file: one file a container, and one row of CONTAINERS in configs/acquire.py."""
