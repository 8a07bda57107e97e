"""PDM-SR: SR under a learned distribution of degradations (Luo et al., CVPR 2022)."""
