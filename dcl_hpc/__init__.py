"""Distribution-consistent learning of lattice models on HPC clusters.

Snapshots of a system at one temperature go in; an energy model that predicts every
temperature and, with the EDNN, every size comes out.
"""

__version__ = "0.1.0"
