"""The tables of stages of all kinds of studies.

To add a stage, write the function that does its work and its entry in the table of its study.

What a stage makes are outputs, one file each. An output's name begins with its stage's name; where a stage
makes several, the rest tells them apart: `sweep_ednn_12x12`.
"""

from .lattice_study import LATTICE
from .thermal_study import THERMAL

STUDIES = {"lattice": LATTICE, "thermal": THERMAL}
