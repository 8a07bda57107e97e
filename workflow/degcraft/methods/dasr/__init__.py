"""DASR: SR that adapts to a learned representation of the degradation (Wang et al., CVPR 2021)."""
