"""From a trained model to scores and a decision."""

import os

# Before torch loads: threads that wait for each other sleep instead of spinning. Costs nothing on idle
# cores; on busy ones (a scheduler, another stage) two spinning threads were measured ten times slower than one.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
