"""What a model can do, item by item, and which stereotypes it has: configs/probes read, asked and scored."""

from eval.probes.measurement import measure

__all__ = ["measure"]
