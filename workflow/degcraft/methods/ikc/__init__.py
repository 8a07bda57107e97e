"""IKC: SR under an estimated kernel that is corrected step by step (Gu et al., CVPR 2019)."""
